from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from profiles.activity.sessions import day_of
from profiles.engagement.score import MAX_SCORE, RULE, Engagement, changes_on, engagement, window

TODAY = date(2026, 11, 14)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


# The rule


@pytest.mark.parametrize(
    ("total_seconds", "sessions_count", "sessions_by_day", "score", "percent"),
    [
        pytest.param(120, 1, {TODAY: 1}, 2, "0.7%", id="one-session-of-two-minutes"),
        pytest.param(840, 7, {days_ago(n): 1 for n in range(7)}, 98, "35%", id="daily-use-at-two-minutes"),
        pytest.param(90, 1, {TODAY: 1}, 1.5, "0.5%", id="90-seconds-are-1.5"),
        pytest.param(6000, 20, {days_ago(n): 3 for n in range(7)}, 280, "100%", id="all-caps"),
        pytest.param(10**6, 1000, {days_ago(n): 100 for n in range(7)}, 280, "100%", id="never-above"),
        pytest.param(0, 0, {}, 0, "0%", id="nobody"),
        pytest.param(3600, 9, {days_ago(7): 9}, 0, "0%", id="no-session-in-the-window"),
        pytest.param(3600, 9, {days_ago(6): 9}, 18, "6.4%", id="the-sixth-day-before-counts"),
        pytest.param(120, 2, {TODAY: 2}, 2, "0.7%", id="zero-length-counts-in-sessions-and-average"),
        pytest.param(0, 5, {TODAY: 5}, 0, "0%", id="only-zero-length"),
        pytest.param(60, 1, {TODAY: 1, days_ago(1): 0}, 2, "0.7%", id="a-day-of-events-is-a-day-of-use"),
        pytest.param(60, 1, {TODAY: 0}, 0, "0%", id="events-without-a-session"),
        pytest.param(60, 0, {TODAY: 0}, 0, "0%", id="time-without-a-session"),
        pytest.param(120, 1, {TODAY: 1, TODAY + timedelta(days=1): 9}, 2, "0.7%", id="tomorrow-does-not-count"),
    ],
)
def test_score(
    total_seconds: int, sessions_count: int, sessions_by_day: dict[date, int], score: float, percent: str
) -> None:
    result = engagement(total_seconds, sessions_count, sessions_by_day, TODAY)
    assert result.score == pytest.approx(score)
    assert result.percent_text == percent


def test_it_explains_itself() -> None:
    assert Engagement(1.5, 12, 5).explain() == (
        "A session lasts 1 m 30 s on average: 1.5 of at most 2.",
        "12 sessions in the last 7 days: 12 of at most 20.",
        "5 days of use in the last 7 days: 5 of at most 7.",
        "1.5 × 12 × 5 = 90 of 280, which is 32.1%.",
    )
    assert Engagement(5, 1_230, 1).explain() == (
        "A session lasts 5 m 00 s on average: 2 of at most 2.",
        "1,230 sessions in the last 7 days: 20 of at most 20.",
        "1 day of use in the last 7 days: 1 of at most 7.",
        "2 × 20 × 1 = 40 of 280, which is 14.3%.",
    )
    assert Engagement(0, 0, 0).explain()[-1] == "0 × 0 × 0 = 0 of 280, which is 0%."
    assert RULE == (
        "Average session in minutes (at most 2) × sessions in the last 7 days (at most 20)"
        " × days of use in the last 7 days (at most 7), as a share of 280."
    )


def test_factors_for_the_gauge() -> None:
    factors = Engagement(5, 10, 7).factors
    assert [(factor.value, factor.cap, factor.share) for factor in factors] == [(2, 2, 1), (10, 20, 0.5), (7, 7, 1)]
    assert factors[0].measured == 5


# The window

EDGES = [
    ("Pacific/Kiritimati", "2026-11-14T10:00Z", "2026-11-15", "2026-11-08T10:00Z", "2026-11-15T10:00Z"),  # +14
    ("Pacific/Kiritimati", "2026-11-14T09:59Z", "2026-11-14", "2026-11-07T10:00Z", "2026-11-14T10:00Z"),
    ("Pacific/Pago_Pago", "2026-11-14T10:59Z", "2026-11-13", "2026-11-07T11:00Z", "2026-11-14T11:00Z"),  # -11
    ("Pacific/Pago_Pago", "2026-11-14T11:00Z", "2026-11-14", "2026-11-08T11:00Z", "2026-11-15T11:00Z"),
    ("Asia/Kathmandu", "2026-11-14T18:15Z", "2026-11-15", "2026-11-08T18:15Z", "2026-11-15T18:15Z"),  # +5:45
    ("Asia/Kathmandu", "2026-11-14T18:14Z", "2026-11-14", "2026-11-07T18:15Z", "2026-11-14T18:15Z"),
    # Riga leaves summer time on 25 October 2026: the window has an hour more.
    ("Europe/Riga", "2026-10-26T12:00Z", "2026-10-26", "2026-10-19T21:00Z", "2026-10-26T22:00Z"),
    # And enters it on 29 March: an hour less.
    ("Europe/Riga", "2026-03-30T12:00Z", "2026-03-30", "2026-03-23T22:00Z", "2026-03-30T21:00Z"),
    # Beirut skips midnight itself on 29 March 2026: the day begins at one.
    ("Asia/Beirut", "2026-03-29T12:00Z", "2026-03-29", "2026-03-22T22:00Z", "2026-03-29T21:00Z"),
    ("Asia/Beirut", "2026-04-04T12:00Z", "2026-04-04", "2026-03-28T22:00Z", "2026-04-04T21:00Z"),
]


@pytest.mark.parametrize(("zone", "now", "last_on", "starts_at", "ends_at"), EDGES)
def test_window(zone: str, now: str, last_on: str, starts_at: str, ends_at: str) -> None:
    result = window(datetime.fromisoformat(now), ZoneInfo(zone))
    assert result.last_on == date.fromisoformat(last_on)
    assert result.last_on - result.first_on == timedelta(days=6)
    assert result.starts_at == datetime.fromisoformat(starts_at)
    assert result.ends_at == datetime.fromisoformat(ends_at)


ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Riga",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Asia/Kathmandu",
        "Asia/Beirut",
        "Cuba",
        "Australia/Lord_Howe",
    ]
).map(ZoneInfo)
YEAR = st.integers(0, 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))


@given(ZONES, YEAR, st.integers(-9 * 24 * 60, 3 * 24 * 60))
def test_an_instant_is_in_the_window_if_its_day_is(zone: ZoneInfo, now: datetime, minutes: int) -> None:
    result = window(now, zone)
    at = now + timedelta(minutes=minutes)
    assert (result.starts_at <= at < result.ends_at) == (result.first_on <= day_of(at, zone) <= result.last_on)


@given(ZONES, YEAR)
def test_the_last_instants_of_neighbouring_windows_join(zone: ZoneInfo, now: datetime) -> None:
    result = window(now, zone)
    assert window(result.ends_at, zone).last_on == result.last_on + timedelta(days=1)
    assert window(result.ends_at - timedelta(microseconds=1), zone) == result


# Staying away

HISTORIES = st.dictionaries(st.integers(0, 12).map(days_ago), st.integers(0, 30), max_size=9)


@pytest.mark.parametrize(
    ("total_seconds", "sessions_by_day", "expected"),
    [
        pytest.param(120, {TODAY: 1}, TODAY + timedelta(days=7), id="today-alone"),
        pytest.param(120, {days_ago(6): 1, TODAY: 1}, TODAY + timedelta(days=1), id="the-oldest-day-leaves-first"),
        pytest.param(120, {days_ago(6): 50, TODAY: 50}, TODAY + timedelta(days=1), id="sessions-stay-capped-days-fall"),
        pytest.param(120, {days_ago(2): 0, TODAY: 1}, TODAY + timedelta(days=5), id="a-day-of-events-leaves-too"),
        pytest.param(0, {TODAY: 3}, None, id="zero-stays-zero"),
        pytest.param(120, {days_ago(7): 1}, None, id="already-gone"),
        pytest.param(120, {}, None, id="nothing"),
    ],
)
def test_changes_on(total_seconds: int, sessions_by_day: dict[date, int], expected: date | None) -> None:
    assert changes_on(total_seconds, sum(sessions_by_day.values()), sessions_by_day, TODAY) == expected


@given(HISTORIES, st.integers(0, 100_000))
def test_the_score_holds_until_it_changes_and_falls_to_nothing_in_a_week(
    sessions_by_day: dict[date, int], total_seconds: int
) -> None:
    sessions_count = sum(sessions_by_day.values())

    def score_in(days: int) -> float:
        return engagement(total_seconds, sessions_count, sessions_by_day, TODAY + timedelta(days=days)).score

    scores = [score_in(days) for days in range(8)]
    assert 0 <= scores[0] <= MAX_SCORE
    assert scores[7] == 0
    assert all(later <= earlier for earlier, later in pairwise(scores))
    changed = changes_on(total_seconds, sessions_count, sessions_by_day, TODAY)
    first = next((days for days in range(8) if scores[days] != scores[0]), None)
    assert changed == (None if first is None else TODAY + timedelta(days=first))
