"""The columns of the user list. Subjects above this one add theirs with `register`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django_tables2 as tables

from profiles.directory import sorts
from profiles.directory.querysets import Row
from profiles.directory.sorts import Sort
from profiles.users.models import AppUser


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how it is named and drawn, by what it sorts, what its cells need to be joined to the user.

    The cell's template gets the `record` (profiles.directory.querysets.Row) and, where the column has one, its `value`.
    """

    name: str
    label: str
    template: str
    sort: Sort | None = None
    relation: str | None = None
    is_number: bool = False
    hint: str = ""
    value: Callable[[AppUser], Any] | None = None

    def table_column(self) -> tables.Column:
        """Make the column as django-tables2 draws it. The row's own head is the name."""
        classes = f"cell-{self.name}" + (" num" if self.is_number else "")
        return tables.TemplateColumn(
            extra_context=self._context,
            template_name=self.template,
            verbose_name=self.label,
            orderable=False,
            attrs={"th": {"class": classes}, "td": {"class": classes}},
        )

    def _context(self, record: Row) -> dict[str, Any]:
        return {"value": self.value(record.user)} if self.value else {}


_registry: dict[str, Column] = {}


def register(column: Column) -> None:
    """Add a column after those that are there. Once per name."""
    if column.name in _registry:
        raise ValueError(f"There is a column “{column.name}” already")
    _registry[column.name] = column


def all_columns() -> tuple[Column, ...]:
    """Return the columns in the order they are shown in."""
    return tuple(_registry.values())


def find_sort(name: str) -> Sort | None:
    """Return how a column sorts; None where there is no such column, or it does not."""
    column = _registry.get(name)
    return column.sort if column else None


for default in (
    Column("name", "Name", "directory/cells/name.html", sorts.NAME),
    Column("device", "Device", "directory/cells/device.html", sorts.DEVICE),
    Column("sessions", "Sessions", "directory/cells/sessions.html", sorts.SESSIONS, is_number=True),
    Column("days", "14 days", "directory/cells/days.html", hint="Sessions per day, the last 14 days"),
    Column("last_seen", "Last seen", "directory/cells/last_seen.html", sorts.LAST_SEEN),
    Column("time_spent", "Time spent", "directory/cells/time_spent.html", sorts.TIME_SPENT, is_number=True),
):
    register(default)
