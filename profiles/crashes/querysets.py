"""Reads of groups: the list, those like one, those that hit a user. What lies below a group: `occurrences`.

A group that is merged into another one is never shown by itself: what it counted is shown of the one it is in.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from profiles.access.models import App
from profiles.crashes.models import CrashAlert, CrashComment, CrashDay, CrashGroup, CrashUser, CrashVersion
from profiles.crashes.state import Cursor, Kind, ListState, Tab
from profiles.crashes.versions import version_order
from profiles.wording import Clock

PAGE_SIZE: Final = 50
SPARK_DAYS: Final = 14
CHART_DAYS: Final = 42
MERGEABLE_SHOWN: Final = 30
VERSIONS_SHOWN: Final = 200
AFFECTING_READ: Final = 50
ROWS_OF_USER_READ: Final = 2000

SORTS: Final[Mapping[str, str]] = {
    "last_seen": "last_seen_at",
    "first_seen": "first_seen_at",
    "occurrences": "occurrences_count",
    "users": "users_count",
}
_MOMENTS: Final = frozenset({"last_seen", "first_seen"})


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


def read_overview(app: App, state: ListState | None = None) -> Overview:
    """Count an app's groups, or those that the search and version of a list find, in one query."""
    groups = CrashGroup.objects.filter(app=app, merged_into=None)
    rows = (
        (_found(_in_version(groups, state.version), state.search) if state else groups)
        .values_list("state", "platform", "is_fatal")
        .annotate(n=Count("id"))
    )
    return Overview({(state, platform, is_fatal): number for state, platform, is_fatal, number in rows})


def open_crashes(app: App) -> int:
    """Count the groups that somebody should look at. One query."""
    return CrashGroup.objects.filter(app=app, merged_into=None, state__in=Tab.OPEN.states).count()


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
    return _found(_in_version(groups, state.version), state.search)


def _in_version(groups: QuerySet[CrashGroup], version: str) -> QuerySet[CrashGroup]:
    """Narrow groups to those that struck in a version of the app, themselves or a member."""
    if not version:
        return groups
    struck = CrashVersion.objects.filter(app_version=version, count__gt=0)
    return groups.filter(
        Exists(struck.filter(group=OuterRef("pk"))) | Exists(struck.filter(group__merged_into=OuterRef("pk")))
    )


def read_app_versions(app: App) -> list[str]:
    """Return the versions of the app that crashed, the newest first. One query over groups and their versions."""
    found = CrashVersion.objects.filter(group__app=app, count__gt=0).order_by().values_list("app_version", flat=True)
    return sorted((version for version in found.distinct() if version), key=version_order, reverse=True)[
        :VERSIONS_SHOWN
    ]


def read_groups(app: App, state: ListState, clock: Clock) -> GroupPage:
    """Read one page of groups by key: three queries; one more when the way back reached the beginning."""
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
        stands_for = dict(CrashGroup.objects.filter(merged_into__in=group_ids).values_list("id", "merged_into_id"))
        stands_for |= {group_id: group_id for group_id in group_ids}
        rows = CrashDay.objects.filter(group_id__in=stands_for, on__gte=first, on__lte=today)
        for group_id, on, count in rows.values_list("group_id", "on", "count"):
            counts[stands_for[group_id]][(on - first).days] += count
    return {group_id: tuple(row) for group_id, row in counts.items()}


# --- One group ----------------------------------------------------------------------------------


def find_group(app: App, public_id: str) -> CrashGroup | None:
    """Return the app's group of this address, with the one it is merged into, in one query."""
    group = CrashGroup.objects.filter(app=app, public_id=public_id).select_related("merged_into").first()
    if group is not None:
        group.app = app
    return group


def days_of(group: CrashGroup, today: date) -> tuple[int, ...]:
    """Return how often the group and its members struck on each of the last CHART_DAYS days. Two queries."""
    return _days([group.pk], today, CHART_DAYS)[group.pk]


def read_members(group: CrashGroup) -> list[CrashGroup]:
    """Return the groups that are merged into this one, the largest first. One query."""
    return list(CrashGroup.objects.filter(merged_into=group).order_by("-occurrences_count", "id"))


def comments_of(members: Sequence[int]) -> QuerySet[CrashComment]:
    """Return what was said of a group and its members, oldest first."""
    return CrashComment.objects.filter(group_id__in=members).order_by("created_at", "id")


def alerts_of(members: Sequence[int]) -> QuerySet[CrashAlert]:
    """Return what happened to a group and its members, newest first."""
    return CrashAlert.objects.filter(group_id__in=members).order_by("-id")


def read_mergeable(group: CrashGroup, search: str) -> list[CrashGroup]:
    """Return groups that may be merged into this one, those of the same title or culprit first. One query."""
    likeness = Case(
        When(title=group.title, then=Value(0)),
        When(Q(culprit=group.culprit) & ~Q(culprit=""), then=Value(1)),
        When(platform=group.platform, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    groups = _found(CrashGroup.objects.filter(app=group.app, merged_into=None).exclude(pk=group.pk), search)
    return list(groups.order_by(likeness, "-last_seen_at", "-id")[:MERGEABLE_SHOWN])


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
    rows = list(CrashUser.objects.filter(user_id=user_id)[:ROWS_OF_USER_READ])
    hit = CrashGroup.objects.filter(pk__in={row.group_id for row in rows}).select_related("merged_into")
    standing = {group.pk: group.merged_into or group for group in hit}
    totals: Counter[CrashGroup] = Counter()
    newest: dict[CrashGroup, CrashUser] = {}
    for row in rows:
        group = standing.get(row.group_id)
        if group is None or group.state == CrashGroup.State.HIDDEN:
            continue
        totals[group] += row.count
        if group not in newest or row.last_at > newest[group].last_at:
            newest[group] = row
    found = [
        Affecting(group, count, newest[group].last_at, newest[group].last_app_version)
        for group, count in totals.items()
    ]
    return sorted(found, key=lambda one: one.last_at, reverse=True)[:AFFECTING_READ]
