"""The words of an event timeline."""

from datetime import UTC, datetime, timedelta

import pytest

from profiles.activity.boxes import cursor_text, read_cursor
from profiles.activity.happenings import (
    CRASH_ORDER,
    Happening,
    Kind,
    chips_of,
    event_name,
    gap_text,
    in_order,
    with_gaps,
)
from profiles.activity.querysets import Cursor

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "+00:00"),
        (0.9, "+00:00"),
        (42, "+00:42"),
        (141, "+02:21"),
        (3723, "+1:02:03"),
        (2 * 86_400 + 3 * 3600 + 240, "+2 d 03:04"),
        (-42, "−00:42"),
    ],
)
def test_gaps_read_as_clocks(seconds: float, text: str) -> None:
    assert gap_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("key", "segmentation", "kind", "name"),
    [
        ("purchase", None, Kind.EVENT, "purchase"),
        ("[CLY]_view", {"name": "Home"}, Kind.VIEW, "View: Home"),
        ("[CLY]_view", {"name": 7}, Kind.VIEW, "View: 7"),
        ("[CLY]_view", None, Kind.VIEW, "View"),
        ("[CLY]_star_rating", {}, Kind.EVENT, "Star rating"),
        ("[CLY]_new_thing", {}, Kind.EVENT, "[CLY]_new_thing"),
    ],
)
def test_events_are_named_in_words(key: str, segmentation: dict[str, object] | None, kind: Kind, name: str) -> None:
    assert event_name(key, segmentation) == (kind, name)


def test_a_view_does_not_repeat_its_name_nor_the_books_of_the_sdk() -> None:
    chips = chips_of(Kind.VIEW, {"name": "Home", "visit": 1, "segment": "iOS", "referrer": "ad"})
    assert [chip.name for chip in chips] == ["referrer"]
    assert [chip.name for chip in chips_of(Kind.EVENT, {"name": "x"})] == ["name"]


def test_many_chips_are_folded_but_never_a_single_one() -> None:
    def folded(number: int) -> int:
        chips = chips_of(Kind.EVENT, {f"k{index}": index for index in range(number)})
        return len(Happening(kind=Kind.EVENT, at=NOON, id=1, name="e", chips=chips).more_chips)

    assert [folded(number) for number in (6, 7, 8)] == [0, 0, 2]


def test_a_crash_stands_behind_the_event_of_its_request() -> None:
    crash = Happening(kind=Kind.CRASH, at=NOON, id=1, order=CRASH_ORDER, name="crash")
    event = Happening(kind=Kind.EVENT, at=NOON, id=1, name="event")
    assert in_order([crash, event]) == [event, crash]
    assert in_order([crash, event], newest_first=True) == [crash, event]


def test_the_first_row_of_a_page_tells_its_gap_to_the_page_before() -> None:
    event = Happening(kind=Kind.EVENT, at=NOON, id=1, name="event")
    assert with_gaps([event])[0].gap == ""
    assert with_gaps([event], since=NOON - timedelta(seconds=5))[0].gap == "+00:05"


def test_cursors_survive_an_address() -> None:
    cursor = Cursor(datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC), 42 << 16, 1)
    assert read_cursor(cursor_text(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "1", "1.2", "a.b.c", "1.2.3.4", "9" * 19 + ".1.0", "1." + "9" * 20 + ".0"])
def test_broken_cursors_are_none(text: str) -> None:
    assert read_cursor(text) is None
