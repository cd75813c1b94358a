"""What a message says and when it is sent: personalisation, languages, payloads, local time, caps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from profiles.messages import payloads, personalisation, timing
from profiles.messages.content import (
    Button,
    Content,
    ContentError,
    Text,
    check,
    choose_text,
    clean_locale,
    from_json,
    to_json,
)
from profiles.messages.personalisation import PersonalisationError, Slot

MESSAGE = "65f0c0ffee65f0c0ffee65f0"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

literals = st.text(min_size=1)
slots = st.builds(
    Slot,
    st.one_of(st.sampled_from(personalisation.DETAILS), st.sampled_from(["custom.plan", "custom.a.b"])),
    st.text(),
)


@given(st.lists(st.one_of(literals, slots)))
def test_a_text_reads_back_as_it_was_written(parts: list[str | Slot]) -> None:
    joined: list[str | Slot] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)

    assert personalisation.read(personalisation.write(tuple(joined))) == tuple(joined)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parts = personalisation.read(text)
    except PersonalisationError:
        return
    assert isinstance(personalisation.render(parts, {}), str)


@given(st.lists(literals), st.text(min_size=1).filter(str.split))
def test_what_is_known_replaces_the_fallback_and_nothing_else(texts: list[str], name: str) -> None:
    parts = tuple(part for text in texts for part in (text, Slot("name", "there")))

    assert personalisation.render(parts, {}) == "".join(f"{text}there" for text in texts)
    assert personalisation.render(parts, {"name": "Ayşe"}) == "".join(f"{text}Ayşe" for text in texts)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"name": " Ayşe \n Kaya "}, "Ayşe Kaya, Ayşe"),
        ({"name": ""}, "you, friend"),
        ({"name": ["x"]}, "you, friend"),
    ],
)
def test_values_are_one_line_and_lists_are_not_said(known: dict[str, object], said: str) -> None:
    assert personalisation.render(personalisation.read("{name|you}, {first_name|friend}"), known) == said


@pytest.mark.parametrize("text", ["{name", "name}", "{nmae|x}", "{custom.|x}", "{name|{x}"])
def test_braces_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(PersonalisationError):
        personalisation.read(text)


def content(**more: object) -> Content:
    buttons = (Button("Buy", "kahve://buy"), Button("Later", "https://kahve.example/later"))
    texts = (
        Text("Hi {name|there}", "Coffee?", buttons=buttons),
        Text("Olá", "Café?", "pt"),
        Text("Oi", "Café?", "pt_BR"),
    )
    fields: dict[str, object] = {"link": "kahve://home", "media": "https://cdn.example/cup.jpg", "badge": 3}
    return Content(texts, **fields | {"data": {"order": "7"}} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("pt-br", "Oi"),
        ("pt_PT", "Olá"),
        ("pt", "Olá"),
        ("lv_LV", "Hi {name|there}"),
        ("", "Hi {name|there}"),
        ("??", "Hi {name|there}"),
    ],
)
def test_the_text_of_the_closest_language_is_chosen(locale: str, title: str) -> None:
    assert choose_text(content(), locale).title == title


def test_a_locale_has_one_spelling() -> None:
    assert [clean_locale(text) for text in ("de", "PT-br", "zh_hant_tw", " ")] == ["de", "pt_BR", "zh_Hant_TW", ""]


def test_content_is_stored_as_it_is() -> None:
    assert from_json(json.loads(json.dumps(to_json(content())))) == content()
    check(content())


@pytest.mark.parametrize(
    "more",
    [
        {"link": "javascript:alert(1)"},
        {"link": "no address"},
        {"link": "https:///path"},
        {"media": "http://cdn.example/cup.jpg"},
        {"badge": -1},
        {"data": {"c.i": "x"}},
        {"data": {"google.sent_time": "1"}},
        {"texts": (Text("", " "),)},
        {"texts": (Text("", "Hi {name"),)},
        {"texts": (Text("", "Hi", "de"),)},
        {"texts": (Text("", "Hi"), Text("", "a", "de"), Text("", "b", "de"))},
        {"texts": (Text("", "Hi", buttons=(Button("Buy", ""),)),)},
    ],
)
def test_what_cannot_be_sent_is_refused(more: dict[str, object]) -> None:
    texts = more.get("texts", content().texts)
    rest = {name: value for name, value in more.items() if name != "texts"}
    with pytest.raises(ContentError):
        check(Content(texts, **rest))  # type: ignore[arg-type]


def test_the_android_sdk_finds_strings_by_name() -> None:
    data = payloads.android(MESSAGE, content(), payloads.render(content(), "de_DE", {"name": "Ayşe"}))

    assert all(isinstance(value, str) for value in data.values())
    assert json.loads(data.pop("c.b")) == [
        {"t": "Buy", "l": "kahve://buy"},
        {"t": "Later", "l": "https://kahve.example/later"},
    ]
    assert data == {
        "c.i": MESSAGE,
        "title": "Hi Ayşe",
        "message": "Coffee?",
        "sound": "default",
        "badge": "3",
        "c.l": "kahve://home",
        "c.m": "https://cdn.example/cup.jpg",
        "order": "7",
    }


def test_the_ios_sdk_finds_its_part() -> None:
    payload = payloads.apple(MESSAGE, content(), payloads.render(content(), "pt_BR", {}))

    assert payload["aps"] == {
        "alert": {"title": "Oi", "body": "Café?"},
        "sound": "default",
        "badge": 3,
        "mutable-content": 1,
    }
    assert payload["c"] == {"i": MESSAGE, "l": "kahve://home", "a": "https://cdn.example/cup.jpg"}
    assert payload["order"] == "7"


@given(st.integers(-12 * 60, 14 * 60))
def test_nobodys_own_time_comes_before_the_start(offset: int) -> None:
    wall = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - a clock on a wall
    zone = ZoneInfo("Europe/Istanbul")

    assert timing.due_at(wall, offset, zone) >= timing.starts_at(wall, is_local=True, zone=zone)
    assert timing.due_at(wall, None, zone) == timing.starts_at(wall, is_local=False, zone=zone)


hours = st.integers(0, 24 * 20).map(lambda hour: NOON + timedelta(hours=hour))


@given(st.lists(hours, max_size=12), st.integers(1, 4), st.integers(1, 7))
def test_no_period_ever_holds_more_than_the_cap(wishes: list[datetime], messages: int, days: int) -> None:
    """Whatever is asked for, in any order: what was allowed breaks no period, and a refusal had its reason."""
    cap = timing.Cap(messages, days)
    allowed: list[datetime] = []
    for due in wishes:
        fullest = max(
            (
                sum(1 for at in [*allowed, due] if begin <= at < begin + cap.period)
                for begin in (due - cap.period + timedelta(hours=hour + 1) for hour in range(24 * days))
            ),
        )
        assert cap.allows(allowed, due) == (fullest <= messages)
        if cap.allows(allowed, due):
            allowed.append(due)
