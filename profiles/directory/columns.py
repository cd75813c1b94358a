"""The columns of the user list: the default ones and those that a person can pick. Subjects above this one add theirs
with `register`; every custom property is one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import django_tables2 as tables
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTransform

from profiles.access import masking
from profiles.countries import country_name
from profiles.directory import sorts
from profiles.directory.filters.fields import CUSTOM, LONGEST_NAME
from profiles.directory.querysets import Row
from profiles.directory.sorts import Sort
from profiles.directory.standard import DEVICE, PERSON, PLACE, TEXTS, USE
from profiles.users.models import AppUser
from profiles.users.values import show

CUSTOM_SECTION = "Custom properties"
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Export:
    """What a column gives to a file: values of the user's row, and how they read there."""

    name: str
    label: str
    paths: tuple[str | Combinable, ...]
    cell: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how it is named and drawn, by what it sorts, what its cells need to be joined to the user.

    The cell's template gets the `record` (profiles.directory.querysets.Row) and, where the column has one, its `value`.
    A column without `exports` is a drawing, which files leave out.
    """

    name: str
    label: str
    template: str
    sort: Sort | None = None
    relation: str | None = None
    is_number: bool = False
    hint: str = ""
    value: Callable[[AppUser], Any] | None = None
    section: str = USE
    is_default: bool = False
    exports: tuple[Export, ...] = ()

    @property
    def classes(self) -> str:
        """The classes of its cells."""
        kind = "property" if self.name.startswith(CUSTOM) else self.name
        return f"cell-{kind}" + (" num" if self.is_number else "") + ("" if self.is_default else " cell-more")

    def table_column(self) -> tables.Column:
        """Make the column as django-tables2 draws it. The row's own head is the name."""
        return tables.TemplateColumn(
            extra_context=self._context,
            template_name=self.template,
            verbose_name=self.label,
            orderable=False,
            attrs={"th": {"class": self.classes}, "td": {"class": self.classes, "data-label": self.label}},
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
    """Return the columns that every app has."""
    return tuple(_registry.values())


def default_columns() -> tuple[Column, ...]:
    """Return those that are shown to whoever picked none."""
    return tuple(column for column in _registry.values() if column.is_default)


def find_column(name: str) -> Column | None:
    """Return a column by its name; any custom property is one."""
    if column := _registry.get(name):
        return column
    key = name.removeprefix(CUSTOM)
    return _property(key) if key != name and 0 < len(key) <= LONGEST_NAME else None


def chosen_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of these names, the user's name always first; the default ones where none is named."""
    found = [column for name in names if name != "name" and (column := find_column(name))]
    return (_registry["name"], *found) if found else default_columns()


def find_sort(name: str) -> Sort | None:
    """Return how a column sorts; None where it does not, or its order would tell what is masked."""
    column = find_column(name)
    return column.sort if column and masking.current().shows(name) else None


def moment_text(at: datetime | None) -> str | None:
    """Write a moment for a file."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _known(*values: str | None) -> str | None:
    return next((value for value in values if value), None)


def _plain(name: str, label: str, path: str) -> Export:
    return Export(name, label, (path,))


def _moment(name: str, label: str, path: str) -> Export:
    return Export(name, label, (path,), moment_text)


def _text(name: str, label: str, section: str, columns: tuple[str, ...]) -> Column:
    def value(user: AppUser) -> str | None:
        return _known(*(getattr(user, column) for column in columns))

    return Column(
        name,
        label,
        f"directory/cells/{'country' if name == 'country' else 'text'}.html",
        sorts.text(*columns),
        value=value,
        section=section,
        exports=(Export(name, label, columns, _known),),
    )


def _property(name: str) -> Column:
    return Column(
        CUSTOM + name,
        name,
        "directory/cells/property.html",
        sorts.custom(name),
        value=lambda user: show(user.custom[name]) if user.custom.get(name) is not None else None,
        section=CUSTOM_SECTION,
        exports=(Export(CUSTOM + name, name, (KeyTransform(name, "custom"),)),),
    )


for _column in (
    Column(
        "name",
        "Name",
        "directory/cells/name.html",
        sorts.NAME,
        section=PERSON,
        is_default=True,
        exports=(
            Export("name", "Name", ("name", "username", "email", "device_id"), _known),
            _plain("email", "E-mail", "email"),
        ),
    ),
    Column(
        "device",
        "Device",
        "directory/cells/device.html",
        sorts.DEVICE,
        section=DEVICE,
        is_default=True,
        exports=(
            Export("device", "Device", ("device_name", "device"), _known),
            _plain("platform", "Platform", "platform"),
            _plain("platform_version", "Platform version", "platform_version"),
        ),
    ),
    Column(
        "sessions",
        "Sessions",
        "directory/cells/sessions.html",
        sorts.SESSIONS,
        is_number=True,
        is_default=True,
        exports=(_plain("sessions", "Sessions", "activity__sessions_count"),),
    ),
    Column("days", "14 days", "directory/cells/days.html", hint="Sessions per day, the last 14 days", is_default=True),
    Column(
        "last_seen",
        "Last seen",
        "directory/cells/last_seen.html",
        sorts.LAST_SEEN,
        is_default=True,
        exports=(_moment("last_seen", "Last seen", "activity__last_seen_at"),),
    ),
    Column(
        "time_spent",
        "Time spent",
        "directory/cells/time_spent.html",
        sorts.TIME_SPENT,
        is_number=True,
        is_default=True,
        exports=(_plain("time_spent_seconds", "Time spent in seconds", "activity__total_seconds"),),
    ),
    Column(
        "first_seen",
        "First seen",
        "directory/cells/moment.html",
        sorts.FIRST_SEEN,
        value=lambda user: user.activity.first_seen_at,
        exports=(_moment("first_seen", "First seen", "activity__first_seen_at"),),
    ),
    Column(
        "events",
        "Events",
        "directory/cells/number.html",
        sorts.EVENTS,
        is_number=True,
        value=lambda user: user.activity.events_count,
        exports=(_plain("events", "Events", "activity__events_count"),),
    ),
    Column(
        "crashes",
        "Crashes",
        "directory/cells/number.html",
        sorts.CRASHES,
        is_number=True,
        value=lambda user: user.activity.crashes_count,
        exports=(_plain("crashes", "Crashes", "activity__crashes_count"),),
    ),
    Column(
        "birth_year",
        "Birth year",
        "directory/cells/text.html",
        sorts.BIRTH_YEAR,
        is_number=True,
        value=lambda user: None if user.birth_year is None else str(user.birth_year),
        section=PERSON,
        exports=(_plain("birth_year", "Birth year", "birth_year"),),
    ),
    Column(
        "place",
        "Place",
        "directory/cells/place.html",
        sorts.text("city", "region", "country"),
        section=PLACE,
        exports=(
            _plain("country", "Country", "country"),
            Export("country_name", "Country name", ("country",), country_name),
            _plain("city", "City", "city"),
        ),
    ),
    *(
        _text(text.name, text.label, text.section, text.columns)
        for text in TEXTS
        if text.name not in {"name", "device"}
    ),
):
    register(_column)
