from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from profiles import wording
from profiles.wording import Clock

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
CLOCK = Clock(NOW, ZoneInfo("Europe/Istanbul"))  # 21:30


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "—"),
        (0, "0 s"),
        (59, "59 s"),
        (59.6, "1 m 00 s"),
        (200, "3 m 20 s"),
        (3600, "1 h 00 m"),
        (106_800, "29 h 40 m"),
        (36_000_000, "10,000 h 00 m"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(hours=21, minutes=31), "yesterday"),
        (timedelta(hours=40), "yesterday"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=40), "14 Oct"),
        (timedelta(days=400), "19 Oct 2025"),
        (timedelta(days=-2), "25 Nov"),
    ],
)
def test_how_long_ago(past: timedelta, words: str) -> None:
    assert wording.ago(NOW - past, CLOCK) == words


def test_a_few_hours_ago_is_not_yesterday_after_midnight() -> None:
    after_midnight = Clock(datetime(2026, 11, 23, 22, 0, tzinfo=UTC), ZoneInfo("Europe/Istanbul"))
    assert wording.ago(datetime(2026, 11, 23, 20, 0, tzinfo=UTC), after_midnight) == "2 h ago"


def test_the_exact_moment_names_its_zone() -> None:
    assert wording.exact(NOW, CLOCK) == "Mon 23 Nov 2026, 21:30:00 (Europe/Istanbul)"


@pytest.mark.parametrize(
    ("number", "words"),
    [(None, "—"), (0, "0"), (999, "999"), (1000, "1k"), (12_480, "12.5k"), (312_000, "312k"), (3_100_000, "3.1M")],
)
def test_compact_counts(number: int | None, words: str) -> None:
    assert wording.compact(number) == words


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(None, "—"), (0, "0%"), (0.0001, "<0.1%"), (0.007, "0.7%"), (0.02, "2%"), (0.35, "35%"), (1, "100%")],
)
def test_shares(fraction: float | None, words: str) -> None:
    assert wording.percent(fraction) == words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Elif Demirtaş", "ED"),
        ("elif@kahve.test", "EL"),
        ("Дмитрий", "ДМ"),
        ("A. B. C", "AC"),
        ("42 !", ""),
        ("", ""),
        ("ßeta", "SS"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert wording.initials(name) == letters


def test_a_colour_stays_with_its_key() -> None:
    assert wording.hue(UUID(int=25)) == 1
    assert {wording.hue(UUID(int=n)) for n in range(100)} == set(range(wording.AVATAR_HUES))


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://cdn.example.test/a.png", True),
        ("http://cdn.example.test/a.png", False),
        ("javascript:alert(1)", False),
        ("data:image/svg+xml,x", False),
        ("//cdn.example.test/a.png", False),
        ("https://me:secret@cdn.example.test/a.png", False),
        ("https://localhost/a.png", False),
        ("https://[bad", False),
        ("https://a.test/ b", False),
        ("https://a.test/" + "a" * 3000, False),
        ("", False),
        (None, False),
    ],
)
def test_pictures_of_strangers(url: str | None, is_safe: bool) -> None:
    assert wording.safe_picture_url(url) == (url if is_safe else None)


def test_device_ids_are_shortened_in_the_middle() -> None:
    assert wording.short_device_id("7E0F1234ABCD6677") == "7E0F12…6677"
    assert wording.short_device_id("short") == "short"
