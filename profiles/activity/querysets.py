"""Reads of sessions, events and daily totals. Each starts from the user's key and has a limit.

`with_spans` is the one place where SQL decides which events belong to a session; the same rule, pure, is
`profiles.activity.sessions.session_of`. A test holds the two together.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Case, DateTimeField, DurationField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Least

from profiles.activity.models import DailyActivity, Event, EventKey, Session
from profiles.activity.sessions import COOLDOWN, IDLE
from profiles.bulk import array_literal

SESSIONS_PER_PAGE = 15
EVENTS_PER_PAGE = 200
EVENTS_COUNTED = 1000  # of one session; more is shown as "1,000+"
SESSIONS_PER_LOOK = 1000  # whose gaps one page of events outside sessions looks into
DAYS_READ = 3660  # ten years of days
HOURS_READ = 7 * 24
NEWS_COUNTED = 99
NEWS_LATE = timedelta(hours=1)  # what an open page hears of, although it happened before
ROWS_PER_HOURS = 20_000  # the newest of each kind, that the timeline by hours counts

_TICK = timedelta(microseconds=1)  # the resolution of PostgreSQL's timestamps


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order by (time, id); `kind` parts what shares both, such as an event and a crash of one request."""

    at: datetime
    id: int
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Times from `start` to before `end`; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Sessions, newest first, and whether there are newer and older ones."""

    sessions: list[Session]
    has_newer: bool
    has_older: bool


def _is_after(position: Cursor) -> Q:
    return Q(started_at__gte=position.at) & (Q(started_at__gt=position.at) | Q(id__gt=position.id))


def _is_before(position: Cursor) -> Q:
    return Q(started_at__lte=position.at) & (Q(started_at__lt=position.at) | Q(id__lt=position.id))


def with_spans(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Annotate `span_end`: the session's events are those with started_at <= occurred_at < span_end.

    That is up to and including its reach, and before the next session begins: an event belongs to the latest session
    that began no later than it. Of two that began at once the later id is the latest. One index probe a session.
    """
    later = Session.objects.filter(
        Q(started_at__gt=OuterRef("started_at")) | Q(id__gt=OuterRef("id")),
        user_id=OuterRef("user_id"),
        started_at__gte=OuterRef("started_at"),
    ).order_by("started_at", "id")
    reach = Case(
        When(ended_at__isnull=False, then=F("ended_at") + Value(COOLDOWN + _TICK, DurationField())),
        default=F("last_signal_at") + Value(IDLE + _TICK, DurationField()),
        output_field=DateTimeField(),
    )
    return sessions.annotate(
        span_end=Least(ExpressionWrapper(reach, DateTimeField()), Subquery(later.values("started_at")[:1]))
    )


def span_of(session: Session) -> Span:
    """Return the times of the events of a session that `with_spans` annotated."""
    end: datetime = session.span_end  # type: ignore[attr-defined]  # annotated
    return Span(session.started_at, end)


def session_by_id(user_id: UUID, id: int) -> Session | None:
    """Return one session of the user, with its span."""
    return with_spans(Session.objects.filter(user_id=user_id, id=id)).first()


def newest_session(user_id: UUID) -> Session | None:
    """Return the user's newest session, with its span."""
    return with_spans(Session.objects.filter(user_id=user_id)).order_by("-started_at", "-id").first()


def session_page(
    user_id: UUID,
    *,
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
    limit: int = SESSIONS_PER_PAGE,
) -> SessionPage:
    """Return a page of the user's sessions with their spans, newest first: the newest, or those beside a position."""
    sessions = with_spans(Session.objects.filter(user_id=user_id))
    if newer_than is not None:
        rows = list(sessions.filter(_is_after(newer_than)).order_by("started_at", "id")[: limit + 1])
        return SessionPage(rows[:limit][::-1], has_newer=len(rows) > limit, has_older=True)
    if older_than is not None:
        sessions = sessions.filter(_is_before(older_than))
    rows = list(sessions.order_by("-started_at", "-id")[: limit + 1])
    return SessionPage(rows[:limit], has_newer=older_than is not None, has_older=len(rows) > limit)


# One statement for a page of sessions. Each count reads the events' primary key from the span's start and stops at the
# limit, so a session of a million events costs no more than one of a thousand. Raw SQL because the ORM has no way to
# count a limited subquery per row.
_COUNT_PER_SPAN = """
SELECT counted.n
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS span (start, stop, position)
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (
        SELECT FROM profiles_event
        WHERE user_id = %(user_id)s AND occurred_at >= span.start AND occurred_at < span.stop
        LIMIT %(limit)s
    ) AS rows_up_to_limit
) AS counted
ORDER BY span.position
"""


def count_events(user_id: UUID, spans: Sequence[Span], limit: int = EVENTS_COUNTED) -> list[int]:
    """Return how many events each closed span holds, counted up to one more than `limit`. One query."""
    if not spans:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT_PER_SPAN,
            {
                "starts": array_literal((span.start for span in spans), "timestamptz"),
                "ends": array_literal((span.end for span in spans), "timestamptz"),
                "user_id": user_id,
                "limit": limit + 1,
            },
        )
        return [n for (n,) in cursor.fetchall()]


def in_span(span: Span) -> Q:
    """Return the condition on `occurred_at` of a span."""
    condition = Q()
    if span.start is not None:
        condition &= Q(occurred_at__gte=span.start)
    if span.end is not None:
        condition &= Q(occurred_at__lt=span.end)
    return condition


def from_position(position: Cursor | None, kind: int) -> Q:
    """Return the condition on (occurred_at, id) for rows of `kind` after a position in ascending order."""
    if position is None:
        return Q()
    same = Q(id__gte=position.id) if kind > position.kind else Q(id__gt=position.id)
    return Q(occurred_at__gte=position.at) & (Q(occurred_at__gt=position.at) | same)


def until_position(position: Cursor | None, kind: int) -> Q:
    """Return the condition on (occurred_at, id) for rows of `kind` before a position, for descending order."""
    if position is None:
        return Q()
    same = Q(id__lte=position.id) if kind < position.kind else Q(id__lt=position.id)
    return Q(occurred_at__lte=position.at) & (Q(occurred_at__lt=position.at) | same)


def events_of_span(
    user_id: UUID, span: Span, *, after: Cursor | None = None, kind: int = 0, limit: int = EVENTS_PER_PAGE + 1
) -> list[Event]:
    """Return the span's events with their keys, oldest first, from after a position on."""
    return list(
        Event.objects.filter(in_span(span), from_position(after, kind), user_id=user_id)
        .select_related("key")
        .order_by("occurred_at", "id")[:limit]
    )


def newest_events(
    user_id: UUID, *, before: Cursor | None = None, kind: int = 0, limit: int = EVENTS_PER_PAGE + 1
) -> list[Event]:
    """Return the user's events with their keys, newest first, from before a position on."""
    return list(
        Event.objects.filter(until_position(before, kind), user_id=user_id)
        .select_related("key")
        .order_by("-occurred_at", "-id")[:limit]
    )


def count_since(user_id: UUID, since: datetime, limit: int = NEWS_COUNTED) -> int:
    """Return how many events and sessions of a user have come since a moment: at most one more than `limit`.

    Reads the newest of each along its key, and of these what was received late too. Two queries.
    """
    events = Event.objects.filter(user_id=user_id, occurred_at__gt=since - NEWS_LATE, received_at__gt=since)
    sessions = Session.objects.filter(user_id=user_id, started_at__gt=since)
    return min(limit + 1, events[: limit + 1].count() + sessions[: limit + 1].count())


@dataclass(frozen=True, slots=True)
class Gaps:
    """Times that belong to no session, newest first, and where an older look would go on (None: all was seen)."""

    spans: list[Span]
    older: datetime | None


def gaps(user_id: UUID, *, before: datetime | None = None, sessions: int = SESSIONS_PER_LOOK) -> Gaps:
    """Return the gaps between the user's newest sessions, or those that began before a moment. One query.

    Looks at so many sessions at most: somebody with a hundred thousand sees as many gaps per page as anybody.
    """
    wanted = Session.objects.filter(user_id=user_id)
    if before is not None:
        wanted = wanted.filter(started_at__lt=before)
    rows = list(with_spans(wanted).only("user_id", "started_at", "id").order_by("-started_at", "-id")[: sessions + 1])
    is_cut = len(rows) > sessions
    found: list[Span] = []
    end = before
    for session in rows[:sessions]:
        span_end = span_of(session).end
        if span_end is not None and (end is None or span_end < end):
            found.append(Span(span_end, end))
        end = session.started_at
    if not is_cut:
        found.append(Span(None, end))
    return Gaps(found, end if is_cut else None)


# Walks the gaps from the newest to the oldest and each gap's events by the events' primary key, and stops at the limit:
# the order asked for is the order of the walk, so nothing is collected to be sorted. Raw SQL for the lateral join.
_EVENTS_IN_SPANS = """
SELECT found.user_id, found.occurred_at, found.id, found.received_at, found.key_id, found.count, found.sum,
    found.duration_seconds, found.segmentation
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS span (start, stop, position)
CROSS JOIN LATERAL (
    SELECT e.*
    FROM profiles_event e
    WHERE e.user_id = %(user_id)s AND e.occurred_at >= span.start AND e.occurred_at < span.stop
      AND (e.occurred_at, e.id) < (%(at)s::timestamptz, %(id)s)
    ORDER BY e.occurred_at DESC, e.id DESC
    LIMIT %(limit)s
) AS found
ORDER BY span.position, found.occurred_at DESC, found.id DESC
LIMIT %(limit)s
"""
_COLUMNS_IN_SPANS = (
    "user_id",
    "occurred_at",
    "id",
    "received_at",
    "key_id",
    "count",
    "sum",
    "duration_seconds",
    "segmentation",
)
_LARGEST_ID = 2**63 - 1


def _event(row: tuple[Any, ...]) -> Event:
    """Make an event of a row of _EVENTS_IN_SPANS; `raw()` cannot, as the key is composite. JSON arrives as text."""
    *values, segmentation = row
    return Event.from_db(
        connection.alias, _COLUMNS_IN_SPANS, [*values, None if segmentation is None else json.loads(segmentation)]
    )


def array_of_starts(spans: Sequence[Span]) -> str:
    """Return the spans' starts as the text of an array; an open one is -infinity."""
    return "{" + ",".join("-infinity" if span.start is None else span.start.isoformat() for span in spans) + "}"


def array_of_ends(spans: Sequence[Span]) -> str:
    """Return the spans' ends as the text of an array; an open one is infinity."""
    return "{" + ",".join("infinity" if span.end is None else span.end.isoformat() for span in spans) + "}"


def events_outside(
    user_id: UUID, spans: Sequence[Span], *, before: Cursor | None = None, limit: int = EVENTS_PER_PAGE + 1
) -> list[Event]:
    """Return the events in the spans, which are newest first and apart, with their keys, newest first. Two queries."""
    if not spans:
        return []
    values: dict[str, str | int] = {
        "starts": array_of_starts(spans),
        "ends": array_of_ends(spans),
        "user_id": str(user_id),
        "at": before.at.isoformat() if before else "infinity",
        "id": before.id if before else _LARGEST_ID,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS_IN_SPANS, values)
        found = [_event(row) for row in cursor.fetchall()]
    keys = EventKey.objects.in_bulk({event.key_id for event in found})
    for event in found:
        event.key = keys[event.key_id]
    return found


# Reads the primary keys of sessions and events from `since` on, the newest first, and stops at the limit. Raw SQL
# because the ORM cannot group a limited subquery.
_TOTALS_PER_HOUR = """
SELECT hour, sum(sessions)::int, sum(events)::int
FROM (
    SELECT date_trunc('hour', started_at, %(zone)s) AS hour, 1 AS sessions, 0 AS events
    FROM (
        SELECT started_at FROM profiles_session WHERE user_id = %(user_id)s AND started_at >= %(since)s
        ORDER BY started_at DESC LIMIT %(limit)s
    ) AS newest_sessions
    UNION ALL
    SELECT date_trunc('hour', occurred_at, %(zone)s), 0, 1
    FROM (
        SELECT occurred_at FROM profiles_event WHERE user_id = %(user_id)s AND occurred_at >= %(since)s
        ORDER BY occurred_at DESC LIMIT %(limit)s
    ) AS newest_events
) AS happened
GROUP BY hour
ORDER BY hour
"""


def hourly_totals(
    user_id: UUID, zone: str, since: datetime, limit: int = ROWS_PER_HOURS
) -> list[tuple[datetime, int, int]]:
    """Return (start of the hour in the zone, sessions, events) of the hours with any since then, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_PER_HOUR, {"zone": zone, "user_id": user_id, "since": since, "limit": limit})
        rows: list[tuple[datetime, int, int]] = cursor.fetchall()
        return rows


def daily_totals(user_id: UUID, limit: int = DAYS_READ) -> list[tuple[date, int, int, int]]:
    """Return (day, sessions, events, seconds) of the days with any, newest first."""
    return list(
        DailyActivity.objects.filter(user_id=user_id)
        .values("on")
        .annotate(total_sessions=Sum("sessions"), total_events=Sum("events"), total_seconds=Sum("seconds"))
        .order_by("-on")
        .values_list("on", "total_sessions", "total_events", "total_seconds")[:limit]
    )
