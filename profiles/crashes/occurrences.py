"""Reads of one group's occurrences, of those whom it hit, in which versions, and of what came before.

Everything starts from the index (group, occurred_at) or (group, last_at) of each group that is counted in it, and has a
limit, so that a group with a million occurrences opens like one with ten. `members` are the ids of those groups.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from django.db.models import Max, Min, Model, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT, KeyTransform

from profiles.activity.models import Event
from profiles.crashes.models import Crash, CrashUser, CrashVersion
from profiles.crashes.versions import version_order
from profiles.users.models import AppUser

OCCURRENCES_PAGE: Final = 20
USERS_PAGE: Final = 20
OCCURRENCES_COUNTED: Final = 300
EVENTS_BEFORE: Final = 10
VERSIONS_READ: Final = 500

_NEWEST_FIRST: Final = ("-occurred_at", "-id")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63 - 1
_Key = TypeVar("_Key", int, UUID)
_Row = TypeVar("_Row", bound=Model)
_Out = TypeVar("_Out")
_SHOWN_OF_USERS: Final = ("id", "app_id", "uid", "device_id", "is_identified", "name", "username", "email", "picture")


@dataclass(frozen=True, slots=True)
class Position(Generic[_Key]):
    """A moment and an id: the place of an occurrence within its group, or of a user among those whom it hit."""

    at: datetime
    id: _Key

    def encode(self) -> str:
        """Write the position for a query string: microseconds and the id."""
        moment = (self.at - _EPOCH) // timedelta(microseconds=1)
        return f"{moment}.{str(self.id).replace('-', '')}"


OccurrencePosition: TypeAlias = Position[int]
UserPosition: TypeAlias = Position[UUID]


def read_occurrence_position(text: str) -> OccurrencePosition | None:
    """Read what `Position.encode` wrote; None when somebody else wrote it."""
    return _read_position(text, _read_id)


def read_user_position(text: str) -> UserPosition | None:
    """Read what `Position.encode` wrote; None when somebody else wrote it."""
    return _read_position(text, lambda digits: UUID(hex=digits))


def _read_position(text: str, read: Callable[[str], _Key]) -> Position[_Key] | None:
    moment, _, rest = text[:80].partition(".")
    try:
        return Position(_EPOCH + timedelta(microseconds=int(moment)), read(rest))
    except (ValueError, OverflowError):
        return None


def _read_id(digits: str) -> int:
    number = int(digits)
    if abs(number) > _LARGEST:
        raise ValueError(digits)
    return number


@dataclass(frozen=True, slots=True)
class OccurrencePage:
    """A page of occurrences, newest first, and where the pages beside it begin."""

    crashes: tuple[Crash, ...]
    newer: OccurrencePosition | None
    older: OccurrencePosition | None


def _over(
    members: Sequence[int], rows_of: Callable[[int], QuerySet[_Row, _Out]], order: Sequence[str], limit: int
) -> list[_Out]:
    """Read the first rows of several groups: each by its index and up to the limit, then together. One query."""
    first, *others = [rows_of(member).order_by(*order)[:limit] for member in members]
    return list(first.union(*others, all=True).order_by(*order)[:limit] if others else first)


def read_occurrence(members: Sequence[int], position: OccurrencePosition | None) -> Crash | None:
    """Return the occurrence at a position, by default the newest one, with its long texts. One query."""

    def of(member: int) -> QuerySet[Crash]:
        crashes = Crash.objects.filter(group_id=member)
        if position is not None:
            crashes = crashes.filter(occurred_at=position.at, id=position.id)
        return crashes

    return next(iter(_over(members, of, _NEWEST_FIRST, 1)), None)


def read_occurrences(
    members: Sequence[int], older_than: OccurrencePosition | None, newer_than: OccurrencePosition | None
) -> OccurrencePage:
    """Read one page of occurrences by key, without their long texts. One query, two at the beginning."""
    if newer_than is not None:
        found = _page(members, _after(newer_than), "occurred_at", "id")
        if len(found) <= OCCURRENCES_PAGE:
            return read_occurrences(members, None, None)
        found = found[:OCCURRENCES_PAGE][::-1]
        return OccurrencePage(tuple(found), _position(found[0]), _position(found[-1]))
    found = _page(members, _before(older_than) if older_than else Q(), *_NEWEST_FIRST)
    has_older, found = len(found) > OCCURRENCES_PAGE, found[:OCCURRENCES_PAGE]
    return OccurrencePage(
        tuple(found),
        _position(found[0]) if found and older_than else None,
        _position(found[-1]) if has_older else None,
    )


def _page(members: Sequence[int], condition: Q, *order: str) -> list[Crash]:
    def of(member: int) -> QuerySet[Crash]:
        return Crash.objects.filter(condition, group_id=member).defer("texts")

    return _over(members, of, order, OCCURRENCES_PAGE + 1)


def _before(position: OccurrencePosition) -> Q:
    # The first condition starts in the index, the second settles equal moments.
    return Q(occurred_at__lte=position.at) & (Q(occurred_at__lt=position.at) | Q(id__lt=position.id))


def _after(position: OccurrencePosition) -> Q:
    return Q(occurred_at__gte=position.at) & (Q(occurred_at__gt=position.at) | Q(id__gt=position.id))


def _position(crash: Crash) -> OccurrencePosition:
    return Position(crash.occurred_at, crash.id)


# What is counted over the last occurrences, by its name in the report.
COUNTED_FACTS: Final = (
    "app_version",
    "os",
    "os_version",
    "device",
    "manufacturer",
    "browser",
    "orientation",
    "is_online",
    "in_background",
    "is_rooted",
    "battery",
    "ram_current",
    "ram_total",
    "disk_current",
    "disk_total",
)


def read_facts(members: Sequence[int]) -> list[tuple[dict[str, str | None], dict[str, Any]]]:
    """Read facts and custom segmentation of the last OCCURRENCES_COUNTED occurrences. One query."""
    names = ("app_version", *(name for name in COUNTED_FACTS if name != "app_version"))
    columns: dict[str, Combinable] = {f"fact_{name}": KT(f"report__{name}") for name in names[1:]}
    columns |= {"fact_custom": KeyTransform("custom", "report")}

    def of(member: int) -> QuerySet[Crash, tuple[Any, ...]]:
        crashes = Crash.objects.filter(group_id=member).annotate(**columns)
        return crashes.values_list("occurred_at", "id", "app_version", *columns)

    rows = _over(members, of, _NEWEST_FIRST, OCCURRENCES_COUNTED)
    return [(dict(zip(names, row[2:-1], strict=True)), row[-1] if isinstance(row[-1], dict) else {}) for row in rows]


@dataclass(frozen=True, slots=True)
class HitUser:
    """A user whom a group hit. `user` is None when the profile was deleted meanwhile."""

    user: AppUser | None
    count: int
    last_at: datetime
    last_app_version: str


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of the users whom a group hit, the last first."""

    users: tuple[HitUser, ...]
    next: UserPosition | None


def read_hit_users(members: Sequence[int], after: UserPosition | None) -> UserPage:
    """Read one page of the users whom a group hit: two queries.

    A user who was hit through several device ids, or by several of the members, has as many rows; they are joined where
    they meet on the page.
    """
    beyond = Q()
    if after is not None:
        beyond = Q(last_at__lte=after.at) & (Q(last_at__lt=after.at) | Q(user_id__lt=after.id))

    def of(member: int) -> QuerySet[CrashUser]:
        return CrashUser.objects.filter(beyond, group_id=member)

    found = _over(members, of, ("-last_at", "-user_id"), USERS_PAGE + 1)
    has_more, found = len(found) > USERS_PAGE, found[:USERS_PAGE]
    by_user: dict[UUID, list[CrashUser]] = defaultdict(list)
    for row in found:
        by_user[row.user_id].append(row)
    users = read_users(by_user)
    return UserPage(
        tuple(
            HitUser(users.get(user_id), sum(row.count for row in same), same[0].last_at, same[0].last_app_version)
            for user_id, same in by_user.items()
        ),
        Position(found[-1].last_at, found[-1].user_id) if has_more else None,
    )


def read_users(ids: Iterable[UUID]) -> dict[UUID, AppUser]:
    """Return users as lists show them. One query."""
    return {user.id: user for user in AppUser.objects.filter(pk__in=set(ids)).only(*_SHOWN_OF_USERS)}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """How often a group struck in one version of the app, and when."""

    version: str
    count: int
    share: float
    first_at: datetime
    last_at: datetime


def read_versions(members: Sequence[int]) -> list[VersionRow]:
    """Return the versions that a group struck in, the newest version first. One query."""
    rows = (
        CrashVersion.objects.filter(group_id__in=members, count__gt=0)
        .values("app_version")
        .annotate(times=Sum("count"), first=Min("first_at"), last=Max("last_at"))
        .order_by("-last")[:VERSIONS_READ]
    )
    found = list(rows)
    total = sum(row["times"] for row in found)
    versions = [
        VersionRow(row["app_version"], row["times"], row["times"] / total, row["first"], row["last"]) for row in found
    ]
    return sorted(versions, key=lambda row: version_order(row.version), reverse=True)


def read_events_before(crash: Crash) -> list[Event]:
    """Return the user's last events before a crash, oldest first. One query, from the user and the time."""
    # A week is enough to tell what somebody did, and keeps it to a partition or two.
    events = Event.objects.filter(
        user_id=crash.user_id, occurred_at__lte=crash.occurred_at, occurred_at__gt=crash.occurred_at - timedelta(days=7)
    )
    return list(events.select_related("key").order_by("-occurred_at", "-id")[:EVENTS_BEFORE])[::-1]
