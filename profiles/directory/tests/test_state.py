from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from profiles.directory.state import Cursor, ListState, Tab, read_query_string

KEY = UUID(int=7)


@given(
    st.integers(0, 10**12),
    st.none()
    | st.text(st.characters(exclude_characters="\x00"))
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False),
    st.uuids(),
)
def test_a_cursor_reads_back_as_it_was_written(position: int, value: str | float | None, key: UUID) -> None:
    cursor = Cursor(position, value, key)
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text())
def test_it_ignores_a_cursor_that_somebody_made_up(text: str) -> None:
    state = ListState.read({"after": text})
    assert state.after is None or state.after == Cursor.decode(text)


@pytest.mark.parametrize(
    "value", ["W10", "bnVsbA", "WzEsMl0", "WzEsdHJ1ZSwiMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDciXQ", "é"]
)
def test_it_rejects_cursors_of_another_shape(value: str) -> None:
    assert Cursor.decode(value) is None


def test_the_default_view_has_no_query_string() -> None:
    assert ListState().query_string() == ""
    assert ListState.read({}) == ListState()


def test_one_view_has_one_address() -> None:
    state = ListState(tab=Tab.IDENTIFIED, search="elif ş", sort="name", after=Cursor(50, "x", KEY))
    assert ListState.read(read_query_string(state.query_string())) == state
    assert state.first_page().query_string() == "tab=identified&q=elif+%C5%9F&sort=name"


def test_it_reads_the_last_page() -> None:
    state = ListState.read({"before": "end"})
    assert state.is_last_page
    assert state.query_string() == "before=end"


def test_it_falls_back_where_a_parameter_is_wrong() -> None:
    assert ListState.read({"tab": "everyone", "before": "?"}) == ListState()


def test_it_tidies_what_was_typed() -> None:
    assert ListState.read({"q": "  elif \x00  demir "}).search == "elif demir"
