"""How values of every JSON type read on screen."""

import pytest

from profiles.users.values import ITEMS_AT_ONCE, Kind, number_text, plain_text, show


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, Kind.NOTHING, "null"),
        (True, Kind.BOOLEAN, "true"),
        (False, Kind.BOOLEAN, "false"),
        (0, Kind.NUMBER, "0"),
        (5.0, Kind.NUMBER, "5"),
        (2.5, Kind.NUMBER, "2.5"),
        (10221034567890123, Kind.NUMBER, "10221034567890123"),
        ("", Kind.TEXT, ""),
        ("<b>", Kind.TEXT, "<b>"),
        ([1, "a"], Kind.LIST, "1, a"),
        ([], Kind.LIST, ""),
        ({"a": 1}, Kind.OBJECT, "1 key"),
        ({}, Kind.OBJECT, "0 keys"),
    ],
)
def test_each_type_is_shown_as_itself(value: object, kind: Kind, text: str) -> None:
    shown = show(value)
    assert (shown.kind, shown.text) == (kind, text)


def test_long_text_is_cut_and_kept_whole_for_who_asks() -> None:
    shown = show("coffee " * 100, at_once=20)
    assert shown.text == "coffee coffee coffee…"
    assert shown.full == "coffee " * 100


def test_a_long_list_shows_its_start_and_how_many_more() -> None:
    shown = show(list(range(ITEMS_AT_ONCE + 5)))
    assert len(shown.items) == ITEMS_AT_ONCE
    assert shown.left_out == 5
    assert shown.full


def test_no_number_is_too_large() -> None:
    assert number_text(10**400) == "1" + "0" * 400
    assert number_text(1e300) == "1e+300"


def test_plain_text_is_what_a_search_looks_in() -> None:
    assert plain_text(["vip", 2, True]) == "vip, 2, true"
    assert plain_text({"ş": None}) == '{"ş": null}'
