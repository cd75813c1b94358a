"""Reads of the user list: one page by key, how many match, what a page's rows show, who stands before and after.

A page costs the same at ten thousand and at ten million users: each half (identified, anonymous) is read along its
index (app_id, is_identified, value, user_id) from the cursor on, and what both give is merged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, IntegerField, Model, QuerySet, Sum, UUIDField, Value

from profiles.access.models import App
from profiles.activity.models import DailyActivity
from profiles.directory.search import search_condition
from profiles.directory.sorts import Sort
from profiles.directory.state import Cursor, ListState, Tab
from profiles.users.models import AppUser
from profiles.wording import Clock

PAGE_SIZE = 50
COUNTED = 10_000
SPARK_DAYS = 14

# Wide columns that no row shows.
_NOT_SHOWN = ["custom", "property_times", "former_values", "consent", "campaign", "health", "search_text"]


class Beyond(Func):
    """Say whether (a, b) lies beyond (c, d) in an index's own order.

    Not `a > c OR (a = c AND b > d)`: only the comparison of rows is a start in the index, however many share a value.
    """

    output_field = BooleanField()
    arity = 4

    def __init__(self, *expressions: Any, is_descending: bool = False) -> None:
        super().__init__(*expressions)
        self._sign = "<" if is_descending else ">"

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """Compile to (a, b) < (c, d)."""
        parts = [compiler.compile(expression) for expression in self.source_expressions]
        a, b, c, d = (sql for sql, _ in parts)
        return f"({a}, {b}) {self._sign} ({c}, {d})", [value for _, values in parts for value in values]


@dataclass(frozen=True, slots=True)
class Matches:
    """How many users a list holds: exact, or "more than" what was counted."""

    count: int
    is_exact: bool


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


def count_matches(app: App, tab: Tab, search: str) -> Matches:
    """Count the users that a search finds, up to COUNTED."""
    users = _matching(app, tab, search)
    count = users.values("pk")[: COUNTED + 1].count()
    return Matches(min(count, COUNTED), count <= COUNTED)


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


def read_rows(page: Page, clock: Clock, relations: Iterable[str]) -> list[Row]:
    """Read what the rows of a page show: two queries, whatever their number. A user deleted meanwhile is left out."""
    ids = [place.user_id for place in page.places]
    if not ids:
        return []
    relations = sorted({"activity", *relations})
    users = AppUser.objects.filter(pk__in=ids).select_related(*relations)
    by_id = {user.id: user for user in users.defer(*_NOT_SHOWN)}
    days = _days(ids, clock)
    return [
        Row(by_id[key], position, tuple(days.get(key, (0,) * SPARK_DAYS)))
        for position, key in enumerate(ids, page.first_position)
        if key in by_id
    ]


def read_neighbours(app: App, user: AppUser, state: ListState, sort: Sort) -> tuple[str | None, str | None]:
    """Return the uids of the users before and after this one in a list: at most five queries."""
    at = _half(app, sort, user.is_identified).filter(**{sort.key: user.id}).values_list("sort_value").first()
    if at is None:
        return None, None
    state = state.first_page()
    matches = count_matches(app, state.tab, state.search) if state.search else Matches(0, is_exact=False)
    cursor = _cursor(sort, Place(user.id, at[0]), 1)
    before = _walk(app, replace(state, before=cursor), sort, matches, cursor, 1, is_backward=True)
    after = _walk(app, replace(state, after=cursor), sort, matches, cursor, 1, is_backward=False)
    ids = [place.user_id for place in [*before, *after]]
    uids = dict(AppUser.objects.filter(pk__in=ids).values_list("id", "uid")) if ids else {}
    return (
        uids.get(before[0].user_id) if before else None,
        uids.get(after[0].user_id) if after else None,
    )


def _matching(app: App, tab: Tab, search: str) -> QuerySet[AppUser]:
    users = AppUser.objects.filter(search_condition(search), app=app)
    return users if tab is Tab.ALL else users.filter(is_identified=tab is Tab.IDENTIFIED)


def _half(app: App, sort: Sort, is_identified: bool) -> QuerySet[Any]:
    rows: QuerySet[Model] = sort.model._default_manager.filter(app=app, is_identified=is_identified)
    return rows.annotate(sort_value=sort.value, sort_key=F(sort.key))


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
    """Read up to `limit` places from the cursor on, in the list's order or against it.

    Nulls are last in both directions, which no one index scan gives: known and unknown values are two walks, of which
    the second is empty work as long as the first fills the page.
    """
    is_descending = state.is_descending != is_backward
    order = "-" if is_descending else ""
    walks: list[QuerySet[Any]] = []
    for is_identified in state.tab.halves:
        rows = _half(app, sort, is_identified)
        if state.search:
            rows = _search(rows, app, state, sort, matches)
        known = rows.filter(sort_value__isnull=False) if sort.is_nullable else rows
        if cursor is None or cursor.value is not None:
            beyond = known if cursor is None else known.filter(_beyond(sort, cursor, is_descending))
            walks.append(_limited(beyond, 0, order, limit))
        elif is_backward:
            walks.append(_limited(known, 0, order, limit))
        if sort.is_nullable and (not is_backward or cursor is None or cursor.value is None):
            unknown = rows.filter(sort_value__isnull=True)
            if cursor is not None and cursor.value is None:
                side = "lt" if is_descending else "gt"
                unknown = unknown.filter(**{f"sort_key__{side}": cursor.user_id})
            walks.append(_limited(unknown, 1, order, limit))
    merged = walks[0]
    if len(walks) > 1:
        known_first = "-unknown" if is_backward else "unknown"
        merged = merged.union(*walks[1:], all=True)
        merged = merged.order_by(known_first, f"{order}sort_value", f"{order}sort_key")[:limit]
    return [Place(key, value) for _, value, key in merged]


def _limited(rows: QuerySet[Any], unknown: int, order: str, limit: int) -> QuerySet[Any]:
    rows = rows.annotate(unknown=Value(unknown, output_field=IntegerField()))
    return rows.order_by(f"{order}sort_value", f"{order}sort_key").values_list("unknown", "sort_value", "sort_key")[
        :limit
    ]


def _beyond(sort: Sort, cursor: Cursor, is_descending: bool) -> Beyond:
    return Beyond(
        F("sort_value"),
        F("sort_key"),
        Value(sort.read(cursor.value), output_field=sort.field),
        Value(cursor.user_id, output_field=UUIDField()),
        is_descending=is_descending,
    )


def _search(rows: QuerySet[Any], app: App, state: ListState, sort: Sort, matches: Matches) -> QuerySet[Any]:
    """Keep the rows that the search finds.

    Few matches are found first and then sorted; the LIMIT inside keeps PostgreSQL from walking the whole sort index
    in the hope to meet them. Many are met soon by walking the index.
    """
    if matches.is_exact:
        found = _matching(app, state.tab, state.search).values("pk")[: COUNTED + 1]
        return rows.filter(**{f"{sort.key}__in": found})
    return rows.filter(search_condition(state.search, sort.user))


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
