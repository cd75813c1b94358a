"""Reads what a request asks of the list: its state, with columns and order found."""

from collections.abc import Mapping
from dataclasses import dataclass

from profiles.directory.audience import read_state
from profiles.directory.columns import Column, chosen_columns, default_columns, find_sort
from profiles.directory.sorts import LAST_SEEN, Sort
from profiles.directory.state import DEFAULT_SORT, ListState


@dataclass(frozen=True, slots=True)
class ListRead:
    """A list's state with its columns and its order found."""

    state: ListState
    columns: tuple[Column, ...]
    sort: Sort

    @property
    def order_in_words(self) -> str:
        """Say the order: “sorted by last seen, descending”."""
        name = self.state.sort_name
        label = next((column.label for column in self.columns if column.name == name), name.removeprefix("custom."))
        return f"sorted by {label.lower()}, {'descending' if self.state.is_descending else 'ascending'}"


def read_list(parameters: Mapping[str, str]) -> ListRead:
    """Read the list of an address or a form. No query."""
    return known(read_state(parameters))


def known(state: ListState) -> ListRead:
    """Find columns and order of a state; what is not there falls back to the default."""
    columns = chosen_columns(state.columns)
    names = tuple(column.name for column in columns)
    state = state.changed(columns=() if columns == default_columns() else names)
    sort = find_sort(state.sort_name)
    if sort is None:
        state, sort = state.first_page(sort=DEFAULT_SORT), LAST_SEEN
    cursor = state.after or state.before
    try:
        if cursor and cursor.value is not None:
            sort.read(cursor.value)
    except (ValueError, TypeError, OverflowError):
        state = state.first_page()
    return ListRead(state, columns, sort)
