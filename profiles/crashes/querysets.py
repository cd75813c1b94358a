"""Reads of crashes: the list of groups, one group's occurrences and users, what a user was hit by.

Everything below a group starts from its index (group, occurred_at) or (group, last_at) and has a limit, so that a
group with a million occurrences opens like one with ten.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT, KeyTransform

from profiles.access.models import App
from profiles.crashes.models import Crash, CrashDay, CrashGroup, CrashUser
from profiles.crashes.state import Cursor, Kind, ListState, Tab
from profiles.users.models import AppUser
from profiles.wording import Clock

PAGE_SIZE: Final = 50
SPARK_DAYS: Final = 14
CHART_DAYS: Final = 42
OCCURRENCES_PAGE: Final = 20
USERS_PAGE: Final = 20
OCCURRENCES_COUNTED: Final = 500
AFFECTING_READ: Final = 50
ROWS_OF_USER_READ: Final = 2000

SORTS: Final[Mapping[str, str]] = {
    "last_seen": "last_seen_at",
    "first_seen": "first_seen_at",
    "occurrences": "occurrences_count",
    "users": "users_count",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63 - 1
_Key = TypeVar("_Key", int, UUID)
_MOMENTS: Final = frozenset({"last_seen", "first_seen"})
_SHOWN_OF_USERS: Final = ("id", "app_id", "uid", "device_id", "is_identified", "name", "username", "email", "picture")


# --- The list -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overview:
    """How many groups there are by state, platform and kind: one query for tabs, filters and totals."""

    counts: Mapping[tuple[str, str, bool], int]

    def count(self, state: ListState, tab: Tab | None = None) -> int:
        """Count the groups of a tab that pass the filters of platform and kind."""
        states = (tab or state.tab).states
        return sum(
            number
            for (of_state, platform, is_fatal), number in self.counts.items()
            if of_state in states
            and state.platform in {"", platform}
            and (state.kind is Kind.ANY or (state.kind is Kind.FATAL) == is_fatal)
        )

    @property
    def total(self) -> int:
        """All groups of the app."""
        return sum(self.counts.values())

    @property
    def platforms(self) -> list[str]:
        """The platforms that the app's crashes happened on."""
        return sorted({platform for _, platform, _ in self.counts if platform}, key=str.casefold)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """What a row of the list shows."""

    group: CrashGroup
    days: tuple[int, ...]

    @property
    def days_label(self) -> str:
        """The sparkline in words."""
        return f"{sum(self.days)} in the last {len(self.days)} days"


@dataclass(frozen=True, slots=True)
class GroupPage:
    """The groups of a page in their order, and where the pages beside it begin."""

    rows: tuple[GroupRow, ...]
    previous: Cursor | None
    next: Cursor | None


def read_overview(app: App, search: str = "") -> Overview:
    """Count an app's groups, or those that a search finds, in one query."""
    rows = (
        _found(CrashGroup.objects.filter(app=app, merged_into=None), search)
        .values_list("state", "platform", "is_fatal")
        .annotate(n=Count("id"))
    )
    return Overview({(state, platform, is_fatal): number for state, platform, is_fatal, number in rows})


def _found(groups: QuerySet[CrashGroup], search: str) -> QuerySet[CrashGroup]:
    for word in search.split():
        groups = groups.filter(Q(title__icontains=word) | Q(culprit__icontains=word) | Q(public_id=word.lower()))
    return groups


def matching_groups(app: App, state: ListState) -> QuerySet[CrashGroup]:
    """Return the groups that a view of the list holds, in no order."""
    groups = CrashGroup.objects.filter(app=app, merged_into=None, state__in=state.tab.states)
    if state.platform:
        groups = groups.filter(platform=state.platform)
    if state.kind is not Kind.ANY:
        groups = groups.filter(is_fatal=state.kind is Kind.FATAL)
    return _found(groups, state.search)


def read_groups(app: App, state: ListState, clock: Clock) -> GroupPage:
    """Read one page of groups by key: two queries; one more when the way back reached the beginning."""
    is_backward = state.before is not None
    found = _walk(app, state, is_backward=is_backward)
    has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if is_backward:
        if not has_more:
            return read_groups(app, state.first_page(), clock)
        found.reverse()
    field = SORTS[state.sort_name]
    has_previous = has_more if is_backward else state.after is not None
    has_next = is_backward or has_more
    days = _days([group.pk for group in found], clock.today, SPARK_DAYS)
    return GroupPage(
        tuple(GroupRow(group, days[group.pk]) for group in found),
        Cursor(getattr(found[0], field), found[0].pk) if found and has_previous else None,
        Cursor(getattr(found[-1], field), found[-1].pk) if found and has_next else None,
    )


def _walk(app: App, state: ListState, *, is_backward: bool) -> list[CrashGroup]:
    field = SORTS[state.sort_name]
    is_descending = state.is_descending is not is_backward
    groups = matching_groups(app, state)
    cursor = state.before or state.after
    if cursor:
        way = "lt" if is_descending else "gt"
        beyond = Q(**{f"{field}__{way}": cursor.value}) | Q(**{field: cursor.value, f"id__{way}": cursor.id})
        groups = groups.filter(beyond)
    sign = "-" if is_descending else ""
    return list(groups.order_by(f"{sign}{field}", f"{sign}id")[: PAGE_SIZE + 1])


def is_readable(state: ListState) -> bool:
    """Say whether the sort exists and the cursor belongs to it."""
    cursor = state.before or state.after
    return state.sort_name in SORTS and (
        cursor is None or isinstance(cursor.value, datetime) == (state.sort_name in _MOMENTS)
    )


def _days(group_ids: Collection[int], today: date, days: int) -> dict[int, tuple[int, ...]]:
    first = today - timedelta(days=days - 1)
    counts: dict[int, list[int]] = {group_id: [0] * days for group_id in group_ids}
    if counts:
        rows = CrashDay.objects.filter(group_id__in=group_ids, on__gte=first, on__lte=today)
        for group_id, on, count in rows.values_list("group_id", "on", "count"):
            counts[group_id][(on - first).days] = count
    return {group_id: tuple(row) for group_id, row in counts.items()}


# --- One group ----------------------------------------------------------------------------------


def find_group(app: App, public_id: str) -> CrashGroup | None:
    """Return the app's group of this address, in one query."""
    group = CrashGroup.objects.filter(app=app, public_id=public_id).first()
    if group is not None:
        group.app = app
    return group


def days_of(group: CrashGroup, today: date) -> tuple[int, ...]:
    """Return how often the group struck on each of the last CHART_DAYS days. One query."""
    return _days([group.pk], today, CHART_DAYS)[group.pk]


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


def read_occurrence(group: CrashGroup, position: OccurrencePosition | None) -> Crash | None:
    """Return the occurrence at a position, by default the newest one, with its long texts. One query."""
    crashes = Crash.objects.filter(group=group)
    if position is not None:
        crashes = crashes.filter(occurred_at=position.at, id=position.id)
    return crashes.order_by("-occurred_at", "-id").first()


def read_occurrences(
    group: CrashGroup, older_than: OccurrencePosition | None, newer_than: OccurrencePosition | None
) -> OccurrencePage:
    """Read one page of occurrences by key, without their long texts. One query, two at the beginning."""
    crashes = Crash.objects.filter(group=group).defer("texts")
    if newer_than is not None:
        found = list(crashes.filter(_after(newer_than)).order_by("occurred_at", "id")[: OCCURRENCES_PAGE + 1])
        if len(found) <= OCCURRENCES_PAGE:
            return read_occurrences(group, None, None)
        found = found[:OCCURRENCES_PAGE][::-1]
        return OccurrencePage(tuple(found), _position(found[0]), _position(found[-1]))
    if older_than is not None:
        crashes = crashes.filter(_before(older_than))
    found = list(crashes.order_by("-occurred_at", "-id")[: OCCURRENCES_PAGE + 1])
    has_older, found = len(found) > OCCURRENCES_PAGE, found[:OCCURRENCES_PAGE]
    return OccurrencePage(
        tuple(found),
        _position(found[0]) if found and older_than else None,
        _position(found[-1]) if has_older else None,
    )


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


def read_facts(group: CrashGroup) -> list[tuple[dict[str, str | None], dict[str, Any]]]:
    """Read facts and custom segmentation of the last OCCURRENCES_COUNTED occurrences. One query."""
    names = ("app_version", *(name for name in COUNTED_FACTS if name != "app_version"))
    columns: list[Combinable] = [
        F("app_version"),
        *(KT(f"report__{name}") for name in names[1:]),
        KeyTransform("custom", "report"),
    ]
    rows = Crash.objects.filter(group=group).order_by("-occurred_at", "-id").values_list(*columns)
    return [
        (dict(zip(names, row[:-1], strict=True)), row[-1] if isinstance(row[-1], dict) else {})
        for row in rows[:OCCURRENCES_COUNTED]
    ]


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


def read_hit_users(group: CrashGroup, after: UserPosition | None) -> UserPage:
    """Read one page of the users whom a group hit: two queries.

    A user who was hit through several device ids has as many rows; they are joined where they meet on the page.
    """
    rows = CrashUser.objects.filter(group=group)
    if after is not None:
        rows = rows.filter(
            Q(last_at__lte=after.at) & (Q(last_at__lt=after.at) | Q(user_id__lt=after.id)),
        )
    found = list(rows.order_by("-last_at", "-user_id")[: USERS_PAGE + 1])
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


# --- One user -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Affecting:
    """A group that hit one user: how often, how lately, and in which version last."""

    group: CrashGroup
    count: int
    last_at: datetime
    last_app_version: str


def read_affecting(user_id: UUID) -> Sequence[Affecting]:
    """Return the groups that hit a user and are not hidden, the last one first. Two queries."""
    totals: Counter[int] = Counter()
    newest: dict[int, CrashUser] = {}
    for row in CrashUser.objects.filter(user_id=user_id)[:ROWS_OF_USER_READ]:
        totals[row.group_id] += row.count
        if row.group_id not in newest or row.last_at > newest[row.group_id].last_at:
            newest[row.group_id] = row
    groups = CrashGroup.objects.filter(pk__in=totals).exclude(state=CrashGroup.State.HIDDEN)
    found = [
        Affecting(group, totals[group.pk], newest[group.pk].last_at, newest[group.pk].last_app_version)
        for group in groups
    ]
    return sorted(found, key=lambda one: one.last_at, reverse=True)[:AFFECTING_READ]
