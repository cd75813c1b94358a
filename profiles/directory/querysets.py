"""Reads of the user list: one page by key, how many match, what a page's rows show, who stands before and after.

A page costs the same at ten thousand and at ten million users: each half (identified, anonymous) is read along its
index (app_id, is_identified, value, user_id) from the cursor on, and what both give is merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Field, Func, IntegerField, Lookup, Q, QuerySet, Sum, UUIDField, Value, When
from django.db.models.lookups import GreaterThan, LessThan

from profiles.access.models import App
from profiles.access.querysets import HIDDEN_FIELD, visible
from profiles.activity.models import DailyActivity
from profiles.directory.audience import Audience, scope_of, users_of
from profiles.directory.filters.fields import names, where
from profiles.directory.search import search_condition
from profiles.directory.sorts import Sort
from profiles.directory.state import Cursor, ListState
from profiles.users.models import AppUser
from profiles.wording import Clock

PAGE_SIZE = 50
COUNTED = 10_000
SPARK_DAYS = 14

# Wide columns that no row shows.
_NOT_SHOWN = ["custom", "property_times", "former_values", "consent", "campaign", "health", "search_text"]


class Pair(Func):
    """SQL's row (a, b), which compares by its first part and then by its second.

    Beyond a cursor lies `(value, key) > (v, k)`, not `value > v OR (value = v AND key > k)`: only the comparison of
    rows is a start in the index, however many users share a value.
    """

    template = "(%(expressions)s)"
    arity = 2
    output_field = Field()


@dataclass(frozen=True, slots=True)
class Matches:
    """How many users a list holds: exact, or "more than" what was counted.

    Of a search, `few` are the halves (values of is_identified) in which it finds some and at most COUNTED, `many` those
    in which it finds more.
    """

    count: int
    is_exact: bool
    few: tuple[bool, ...] = ()
    many: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A user's place in a list."""

    user_id: UUID
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """The users of a page in their order, and where the pages beside it begin."""

    places: tuple[Place, ...]
    first_position: int
    previous: Cursor | None
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of the list shows."""

    user: AppUser
    position: int
    days: tuple[int, ...]

    @property
    def days_label(self) -> str:
        """The sparkline in words."""
        used = sum(1 for day in self.days if day)
        return f"{sum(self.days)} sessions on {used} of {len(self.days)} days"


def count_matches(app: App, audience: Audience) -> Matches:
    """Count the users that are meant, up to COUNTED: one query for each half of the tab.

    Apart, because names are searched for and the anonymous have none: what one half holds says nothing of the other.
    """
    counts = {half: _found_in(app, audience, [half])[: COUNTED + 1].count() for half in audience.tab.halves}
    total = sum(counts.values())
    return Matches(
        count=min(total, COUNTED),
        is_exact=total <= COUNTED,
        few=tuple(half for half, count in counts.items() if 0 < count <= COUNTED),
        many=tuple(half for half, count in counts.items() if count > COUNTED),
    )


def read_page(app: App, state: ListState, sort: Sort, matches: Matches, size: int = PAGE_SIZE) -> Page:
    """Read one page in one query; in two when the way back reached the beginning."""
    is_backward = state.before is not None or state.is_last_page
    cursor = None if state.is_last_page else (state.before or state.after)
    places = _walk(app, state, sort, matches, cursor, size + 1, is_backward=is_backward)
    has_more = len(places) > size
    places = places[:size]
    if is_backward:
        if not has_more and not state.is_last_page:
            return read_page(app, state.first_page(), sort, matches, size)
        places.reverse()
        end = matches.count + 1 if cursor is None else cursor.position
        first = max(1, end - len(places))
        has_previous, has_next = has_more, cursor is not None
    else:
        first = cursor.position + 1 if cursor else 1
        has_previous, has_next = cursor is not None, has_more
    return Page(
        tuple(places),
        first,
        _cursor(sort, places[0], first) if places and has_previous else None,
        _cursor(sort, places[-1], first + len(places) - 1) if places and has_next else None,
    )


def read_rows(page: Page, clock: Clock, relations: Iterable[str], *, with_custom: bool = False) -> list[Row]:
    """Read what the rows of a page show: two queries, whatever their number. A user deleted meanwhile is left out."""
    ids = [place.user_id for place in page.places]
    if not ids:
        return []
    relations = sorted({"activity", *relations})
    users = AppUser.objects.filter(pk__in=ids).select_related(*relations)
    unread = [column for column in _NOT_SHOWN if column != "custom" or not with_custom]
    by_id = {user.id: user for user in users.defer(*unread)}
    days = _days(ids, clock)
    return [
        Row(by_id[key], position, tuple(days.get(key, (0,) * SPARK_DAYS)))
        for position, key in enumerate(ids, page.first_position)
        if key in by_id
    ]


def ordered_keys(app: App, audience: Audience, sort: Sort, *, is_descending: bool, chunk: int) -> Iterator[UUID]:
    """Give the keys of all users that are meant, in order, through a cursor of the server; inside a transaction."""
    if audience.picked:
        users = users_of(app, audience).values("pk")
        rows = _flagged(_sortable(sort.rows.filter(**{"app": app, f"{sort.key}__in": users}), sort))
        order = "-" if is_descending else ""
        keys = rows.order_by("unknown", f"{order}sort_value", f"{order}sort_key")
        yield from keys.values_list("sort_key", flat=True).iterator(chunk)
        return
    state = ListState(audience.tab, audience.search, audience.filter, sort="-" if is_descending else "")
    matches = count_matches(app, audience) if state.is_narrowed else Matches(0, is_exact=False)
    walks = _walks(app, state, sort, matches, None, is_backward=False)
    if walks:
        merged = walks[0].union(*walks[1:], all=True).order_by(*_order(state, is_backward=False))
        for _, _, key in (merged if len(walks) > 1 else walks[0]).iterator(chunk):
            yield key


def read_neighbours(app: App, user: AppUser, state: ListState, sort: Sort) -> tuple[str | None, str | None]:
    """Return the uids of the users before and after this one in a list: at most five queries."""
    at = _half(app, sort, user.is_identified).filter(**{sort.key: user.id}).values_list("sort_value").first()
    if at is None:
        return None, None
    state = state.first_page()
    matches = count_matches(app, Audience.of(state)) if state.is_narrowed else Matches(0, is_exact=False)
    cursor = _cursor(sort, Place(user.id, at[0]), 1)
    before = _walk(app, replace(state, before=cursor), sort, matches, cursor, 1, is_backward=True)
    after = _walk(app, replace(state, after=cursor), sort, matches, cursor, 1, is_backward=False)
    ids = [place.user_id for place in [*before, *after]]
    uids = dict(AppUser.objects.filter(pk__in=ids).values_list("id", "uid")) if ids else {}
    return (
        uids.get(before[0].user_id) if before else None,
        uids.get(after[0].user_id) if after else None,
    )


def _found_in(app: App, audience: Audience, halves: Sequence[bool]) -> QuerySet[Any]:
    return users_of(app, audience, halves).values("pk")


def _half(app: App, sort: Sort, is_identified: bool) -> QuerySet[Any]:
    return _sortable(sort.rows.filter(app=app, is_identified=is_identified), sort)


def _sortable(rows: QuerySet[Any], sort: Sort) -> QuerySet[Any]:
    sortable: QuerySet[Any] = rows.annotate(sort_value=sort.value, sort_key=F(sort.key))
    return sortable


def _walk(
    app: App,
    state: ListState,
    sort: Sort,
    matches: Matches,
    cursor: Cursor | None,
    limit: int,
    *,
    is_backward: bool,
) -> list[Place]:
    """Read up to `limit` places from the cursor on, in the list's order or against it; unknown values come last."""
    walks = _walks(app, state, sort, matches, cursor, is_backward=is_backward)
    if not walks:
        return []
    by = _order(state, is_backward=is_backward)
    walks = [walk[:limit] for walk in walks]
    merged = walks[0].union(*walks[1:], all=True).order_by(*by)[:limit] if len(walks) > 1 else walks[0]
    return [Place(key, value) for _, value, key in merged]


def _order(state: ListState, *, is_backward: bool) -> list[str]:
    order = "-" if state.is_descending != is_backward else ""
    return ["-unknown" if is_backward else "unknown", f"{order}sort_value", f"{order}sort_key"]


def _walks(
    app: App, state: ListState, sort: Sort, matches: Matches, cursor: Cursor | None, *, is_backward: bool
) -> list[QuerySet[Any]]:
    """Return the walks, each in the list's order, that hold the rows from the cursor on."""
    is_descending = state.is_descending != is_backward
    by = _order(state, is_backward=is_backward)
    walks = [
        walk.order_by(*by[1:])
        for is_identified in (matches.many if state.is_narrowed else state.tab.halves)
        for walk in _along_index(app, state, sort, is_identified, cursor, is_descending, is_backward)
    ]
    if matches.few:
        found = _found(app, state, sort, matches.few)
        walks.append(found.filter(_from(sort, cursor, is_descending, is_backward)).order_by(*by))
    return [walk.values_list("unknown", "sort_value", "sort_key") for walk in walks]


def _found(app: App, state: ListState, sort: Sort, halves: Sequence[bool]) -> QuerySet[Any]:
    """Return the few users that a search finds, to be sorted afterwards.

    The LIMIT inside keeps PostgreSQL from walking a sort index instead, in the hope to meet them: where many match,
    that hope is right, where few do, it reads everybody.
    """
    found = _found_in(app, Audience.of(state), halves)[: 2 * COUNTED]
    return _flagged(_sortable(sort.rows.filter(**{"app": app, f"{sort.key}__in": found}), sort))


def _flagged(rows: QuerySet[Any]) -> QuerySet[Any]:
    flagged: QuerySet[Any] = rows.annotate(
        unknown=Case(When(sort_value__isnull=True, then=1), default=0, output_field=IntegerField())
    )
    return flagged


def _along_index(
    app: App,
    state: ListState,
    sort: Sort,
    is_identified: bool,
    cursor: Cursor | None,
    is_descending: bool,
    is_backward: bool,
) -> list[QuerySet[Any]]:
    """Return one half of the list as the walks along its index that can hold the next rows.

    Nulls are last in both directions, which no one index scan gives: known and unknown values are two walks.
    """
    rows = _half(app, sort, is_identified)
    if state.search:
        rows = rows.filter(search_condition(state.search, sort.user))
    if state.filter:
        rows = rows.filter(where(state.filter, scope_of(app, sort.user, sort.key)))
    if not names(state.filter, HIDDEN_FIELD):
        rows = rows.filter(visible(app, sort.key))
    is_among_unknown = cursor is not None and cursor.value is None
    walks = []
    if not is_among_unknown or is_backward:
        known = rows.filter(sort_value__isnull=False) if sort.is_nullable else rows
        beyond = Q() if cursor is None or is_among_unknown else _beyond(sort, cursor, is_descending)
        walks.append(known.filter(beyond).annotate(unknown=Value(0, output_field=IntegerField())))
    if sort.is_nullable and (cursor is None or is_among_unknown or not is_backward):
        unknown = rows.filter(sort_value__isnull=True)
        if cursor is not None and is_among_unknown:
            unknown = unknown.filter(_key_beyond(cursor, is_descending))
        walks.append(unknown.annotate(unknown=Value(1, output_field=IntegerField())))
    return walks


def _from(sort: Sort, cursor: Cursor | None, is_descending: bool, is_backward: bool) -> Q:
    """Return the condition that a row comes after the cursor in the direction of the walk."""
    if cursor is None:
        return Q()
    if cursor.value is None:
        beyond = Q(sort_value__isnull=True) & _key_beyond(cursor, is_descending)
        return beyond | Q(sort_value__isnull=False) if is_backward else beyond
    beyond = Q(_beyond(sort, cursor, is_descending))
    return beyond if is_backward else beyond | Q(sort_value__isnull=True)


def _key_beyond(cursor: Cursor, is_descending: bool) -> Q:
    return Q(sort_key__lt=cursor.user_id) if is_descending else Q(sort_key__gt=cursor.user_id)


def _beyond(sort: Sort, cursor: Cursor, is_descending: bool) -> Lookup[Any]:
    here = Pair(F("sort_value"), F("sort_key"))
    there = Pair(
        Value(sort.read(cursor.value), output_field=sort.field), Value(cursor.user_id, output_field=UUIDField())
    )
    return LessThan(here, there) if is_descending else GreaterThan(here, there)


def _cursor(sort: Sort, place: Place, position: int) -> Cursor:
    return Cursor(position, None if place.value is None else sort.write(place.value), place.user_id)


def _days(ids: Sequence[UUID], clock: Clock) -> dict[UUID, list[int]]:
    first = clock.today - timedelta(days=SPARK_DAYS - 1)
    days: dict[UUID, list[int]] = {}
    totals = (
        DailyActivity.objects.filter(user_id__in=ids, on__gte=first, on__lte=clock.today)
        .values_list("user_id", "on")
        .annotate(total=Sum("sessions"))
    )
    for user_id, on, total in totals:
        days.setdefault(user_id, [0] * SPARK_DAYS)[(on - first).days] = total
    return days
