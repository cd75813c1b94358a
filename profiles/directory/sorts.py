"""By what a list can be sorted. The default columns have an index led by (app, is_identified, value, user) each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import DateTimeField, F, Field, Func, IntegerField, JSONField, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTransform

from profiles.users.models import AppUser, UserActivity, sortable_device, sortable_name, sortable_text

LARGEST = 2**63 - 1
CursorValue = str | int | float | None


def _read_moment(value: CursorValue) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_number(value: CursorValue) -> int:
    number = int(value or 0)
    if abs(number) > LARGEST:
        raise ValueError(number)
    return number


@dataclass(frozen=True, slots=True)
class Sort:
    """One order of users: the table that is walked, the value that orders it, and how a cursor carries that value.

    `key` leads from the table to the user's key, `user` from the table to the user's row ("" when it is that row).
    """

    rows: QuerySet[Any]
    value: Combinable
    field: "Field[Any, Any]"
    write: Callable[[Any], CursorValue]
    read: Callable[[CursorValue], Any]
    key: str = "user_id"
    user: str = "user__"
    is_nullable: bool = False
    descends_first: bool = True
    is_indexed: bool = True


def _of_activity(column: str, *, is_indexed: bool) -> Sort:
    return Sort(UserActivity.objects.all(), F(column), IntegerField(), int, _read_number, is_indexed=is_indexed)


def _moment_of_activity(column: str, *, is_indexed: bool) -> Sort:
    return Sort(
        UserActivity.objects.all(),
        F(column),
        DateTimeField(),
        datetime.isoformat,
        _read_moment,
        is_nullable=True,
        is_indexed=is_indexed,
    )


def _of_user(
    value: Combinable,
    field: "Field[Any, Any]",
    read: Callable[[CursorValue], Any],
    *,
    is_nullable: bool = True,
    is_indexed: bool = False,
    descends_first: bool = False,
) -> Sort:
    return Sort(
        AppUser.objects.all(),
        value,
        field,
        _as_it_is,
        read,
        key="id",
        user="",
        is_nullable=is_nullable,
        is_indexed=is_indexed,
        descends_first=descends_first,
    )


def _as_it_is(value: Any) -> CursorValue:
    carried: CursorValue = value
    return carried


class SortValue(Func):
    """A custom property as lists sort by it: texts in lower case, then numbers; the function is the database's."""

    function = "profiles_sort_value"
    arity = 1
    output_field = JSONField()


def text(*columns: str) -> Sort:
    """Sort by the first of these texts that is known."""
    return _of_user(sortable_text(*columns), TextField(), str)


def custom(name: str) -> Sort:
    """Sort by a custom property."""
    return _of_user(SortValue(KeyTransform(name, "custom")), JSONField(), _as_it_is)


LAST_SEEN = _moment_of_activity("last_seen_at", is_indexed=True)
FIRST_SEEN = _moment_of_activity("first_seen_at", is_indexed=False)
SESSIONS = _of_activity("sessions_count", is_indexed=True)
TIME_SPENT = _of_activity("total_seconds", is_indexed=True)
EVENTS = _of_activity("events_count", is_indexed=False)
CRASHES = _of_activity("crashes_count", is_indexed=False)
NAME = _of_user(sortable_name(), TextField(), str, is_nullable=False, is_indexed=True)
DEVICE = _of_user(sortable_device(), TextField(), str, is_indexed=True)
BIRTH_YEAR = _of_user(F("birth_year"), IntegerField(), _read_number, descends_first=True)
