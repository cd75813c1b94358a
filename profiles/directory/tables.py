"""The user list as a table: its columns, and the links that sort by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import django_tables2 as tables
from django.template import Context

from profiles.directory.columns import Column
from profiles.directory.querysets import Row
from profiles.directory.state import ListState


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: what it links to, and how the list is sorted by it now."""

    name: str
    label: str
    hint: str
    classes: str
    url: str | None
    aria_sort: str
    next_order: str


class UserTable(tables.Table):  # type: ignore[misc]  # django-tables2 has no types
    """Users, one row each, in the order they are given in: sorting and paging are the database's.

    `cell_context` is what the cells' templates read beside their row.
    """

    class Meta:
        orderable = False
        empty_text = ""

    def __init__(
        self, rows: Sequence[Row], columns: Sequence[Column], state: ListState, cell_context: dict[str, Any]
    ) -> None:
        super().__init__(
            rows, extra_columns=[(f"column_{n}", column.table_column()) for n, column in enumerate(columns)]
        )
        # What `render_table` would set. It is not used: it would run the context processors, and their queries, again.
        self.context = Context(cell_context)
        self.heads = [_head(column, state) for column in columns]


def _head(column: Column, state: ListState) -> Head:
    classes = column.classes
    if column.sort is None:
        return Head(column.name, column.label, column.hint, classes, None, "", "")
    is_current = state.sort_name == column.name
    descends = not state.is_descending if is_current else column.sort.descends_first
    return Head(
        name=column.name,
        label=column.label,
        hint=column.hint,
        classes=classes,
        url="?" + state.first_page(sort=f"{'-' if descends else ''}{column.name}").query_string(),
        aria_sort=("descending" if state.is_descending else "ascending") if is_current else "",
        next_order="descending" if descends else "ascending",
    )
