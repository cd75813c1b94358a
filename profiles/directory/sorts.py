"""By what a list can be sorted. Each has an index led by (app, is_identified, value, user)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import DateTimeField, F, Field, IntegerField, QuerySet, TextField
from django.db.models.expressions import Combinable

from profiles.users.models import AppUser, UserActivity, sortable_device, sortable_name

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


LAST_SEEN = Sort(
    UserActivity.objects.all(), F("last_seen_at"), DateTimeField(), datetime.isoformat, _read_moment, is_nullable=True
)
SESSIONS = Sort(UserActivity.objects.all(), F("sessions_count"), IntegerField(), int, _read_number)
TIME_SPENT = Sort(UserActivity.objects.all(), F("total_seconds"), IntegerField(), int, _read_number)
NAME = Sort(AppUser.objects.all(), sortable_name(), TextField(), str, str, key="id", user="", descends_first=False)
DEVICE = Sort(
    AppUser.objects.all(),
    sortable_device(),
    TextField(),
    str,
    str,
    key="id",
    user="",
    is_nullable=True,
    descends_first=False,
)
