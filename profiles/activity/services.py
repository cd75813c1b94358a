"""Writes about activity, in batches: events, session signals and sessions, daily totals, marks of what is stale.

Callers hold the lock of every user's shard. Raw SQL through `BulkTable`; the reason is in `profiles.bulk`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from profiles.activity.sessions import SessionFacts, SessionState, Signal
from profiles.bulk import BulkTable, Part, array_literal
from profiles.users.keys import shard_of

POSITIONS = 1 << 16  # of rows within one request: row id = request id x POSITIONS + position

_EVENTS = BulkTable(
    "profiles_event",
    {
        "user_id": "uuid",
        "occurred_at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "received_at": "timestamptz",
        "app_id": "bigint",
        "key_id": "bigint",
        "count": "integer",
        "sum": "double precision",
        "duration_seconds": "double precision",
        "local_hour": "smallint",
        "local_weekday": "smallint",
        "view_id": "text",
        "segmentation": "jsonb",
    },
    key=("user_id", "occurred_at", "id"),
    time="occurred_at",
)
_SIGNALS = BulkTable(
    "profiles_sessionsignal",
    {
        "user_id": "uuid",
        "at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "begins": "boolean",
        "seconds": "integer",
        "ends": "boolean",
        "ignore_cooldown": "boolean",
        "app_version": "text",
        "platform": "text",
        "device": "text",
        "country": "text",
        "city": "text",
    },
    key=("user_id", "at", "id"),
    time="at",
)
_SESSIONS = BulkTable(
    "profiles_session",
    {
        "user_id": "uuid",
        "started_at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "app_id": "bigint",
        "last_signal_at": "timestamptz",
        "ended_at": "timestamptz",
        "duration_seconds": "integer",
        "app_version": "text",
        "platform": "text",
        "device": "text",
        "country": "text",
        "city": "text",
    },
    key=("user_id", "started_at", "id"),
    # What was true when a session began does not change with its later signals.
    kept=frozenset({"original_user_id", "app_id", "app_version", "platform", "device", "country", "city"}),
    time="started_at",
)
_DAYS = BulkTable(
    "profiles_dailyactivity",
    {
        "user_id": "uuid",
        "on": "date",
        "original_user_id": "uuid",
        "app_id": "bigint",
        "sessions": "integer",
        "events": "integer",
        "seconds": "integer",
    },
    key=("user_id", "on", "original_user_id"),
    added=frozenset({"sessions", "events", "seconds"}),
    kept=frozenset({"app_id"}),
    time="on",
)
_VIEW_ENDS = BulkTable(
    "profiles_keptviewend",
    {
        "user_id": "uuid",
        "at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "received_at": "timestamptz",
        "view_id": "text",
        "name": "text",
        "seconds": "integer",
        "visit_at": "timestamptz",
        "visit_id": "bigint",
    },
    key=("user_id", "at", "id"),
    time="at",
)
_STALE = BulkTable(
    "profiles_stale",
    {"user_id": "uuid", "kind": "smallint", "since": "timestamptz", "app_id": "bigint"},
    key=("user_id", "kind", "since"),
)


@dataclass(slots=True)
class EventRow:
    """An `Event` to be filed, in the order of its columns."""

    user_id: UUID
    occurred_at: datetime
    id: int
    original_user_id: UUID
    received_at: datetime
    app_id: int
    key_id: int
    count: int
    sum: float | None
    duration_seconds: float | None
    local_hour: int | None
    local_weekday: int | None
    view_id: str | None
    segmentation: dict[str, Any] | None


@dataclass(slots=True)
class DayTotals:
    """What to add to one user's day."""

    sessions: int = 0
    events: int = 0
    seconds: int = 0


_event_row = attrgetter(*_EVENTS.columns)


def file_events(rows: Iterable[EventRow]) -> None:
    """File events, in one COPY."""
    _EVENTS.insert(map(_event_row, rows))


def event_key_ids(wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return the numbers of event keys by (app id, key), making those that are new."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    arrays = [
        array_literal((app_id for app_id, _ in pairs), "bigint"),
        array_literal((key for _, key in pairs), "text"),
    ]
    find = (
        "SELECT k.app_id, k.key, k.id FROM unnest(%s::bigint[], %s::text[]) AS w (app_id, key)"
        " JOIN profiles_eventkey k ON k.app_id = w.app_id AND k.key = w.key"
    )
    with connection.cursor() as cursor:
        cursor.execute(find, arrays)
        found = {(app_id, key): number for app_id, key, number in cursor.fetchall()}
        missing = [pair for pair in pairs if pair not in found]
        if missing:
            new = [
                array_literal((app_id for app_id, _ in missing), "bigint"),
                array_literal((key for _, key in missing), "text"),
            ]
            cursor.execute(
                "INSERT INTO profiles_eventkey (app_id, key, created_at)"
                " SELECT n.app_id, n.key, transaction_timestamp()"
                " FROM unnest(%s::bigint[], %s::text[]) AS n (app_id, key)"
                " ON CONFLICT (app_id, key) DO NOTHING",
                new,
            )
            cursor.execute(find, new)
            found.update({(app_id, key): number for app_id, key, number in cursor.fetchall()})
    return found


def file_signals(rows: Iterable[tuple[UUID, Signal]]) -> None:
    """File session signals, in one COPY."""
    _SIGNALS.insert(
        (
            user_id,
            s.at,
            s.id,
            s.original_user_id,
            s.begins,
            s.seconds,
            s.ends,
            s.ignore_cooldown,
            s.facts.app_version,
            s.facts.platform,
            s.facts.device,
            s.facts.country,
            s.facts.city,
        )
        for user_id, s in rows
    )


def file_view_ends(rows: Iterable[tuple[Any, ...]]) -> None:
    """File ends of views, in the order of `KeptViewEnd`'s columns, in one COPY."""
    _VIEW_ENDS.insert(rows)


def save_sessions(rows: Iterable[tuple[UUID, int, SessionState, SessionFacts]]) -> None:
    """Write sessions, new or gone on: (user, app id, state, what was true at its begin)."""
    _SESSIONS.upsert(
        (
            user_id,
            state.started_at,
            state.id,
            state.original_user_id,
            app_id,
            state.last_signal_at,
            state.ended_at,
            state.duration_seconds,
            facts.app_version,
            facts.platform,
            facts.device,
            facts.country,
            facts.city,
        )
        for user_id, app_id, state, facts in rows
    )


def delete_sessions(rows: Sequence[tuple[UUID, int]]) -> None:
    """Delete sessions, by (user, id), that late signals made part of others."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM profiles_session s USING unnest(%s::uuid[], %s::bigint[]) AS gone (user_id, id)"
            " WHERE s.user_id = gone.user_id AND s.id = gone.id",
            [array_literal((user for user, _ in rows), "uuid"), array_literal((id_ for _, id_ in rows), "bigint")],
        )


# A user counts once a day, when their first row of it is made: call it before `add_to_days`. Probes the primary key of
# the daily totals once a pair of user and day. Raw SQL because the ORM cannot add up what is not there yet.
_COUNT_DAYS = """
INSERT INTO profiles_appday AS t (app_id, "on", shard, users, sessions)
SELECT d.app_id, d."on", %s, count(DISTINCT d.user_id) FILTER (WHERE NOT EXISTS (
        SELECT FROM profiles_dailyactivity o WHERE o.user_id = d.user_id AND o."on" = d."on")), sum(d.sessions)
FROM unnest(%s::uuid[], %s::date[], %s::bigint[], %s::integer[]) AS d (user_id, "on", app_id, sessions)
GROUP BY d.app_id, d."on" ORDER BY 1, 2
ON CONFLICT (app_id, "on", shard) DO UPDATE
SET users = t.users + excluded.users, sessions = t.sessions + excluded.sessions
"""


def count_days(days: Mapping[tuple[UUID, date, UUID, int], DayTotals], *, shard: int) -> None:
    """Count users and sessions of each day of each app, before `add_to_days` adds the same totals: one statement.

    `shard` is one that the caller holds alone.
    """
    if not days:
        return
    users, dates, _, apps = zip(*days, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT_DAYS,
            [
                shard,
                array_literal(users, "uuid"),
                array_literal(dates, "date"),
                array_literal(apps, "bigint"),
                array_literal((totals.sessions for totals in days.values()), "integer"),
            ],
        )


_COUNT_OF_USERS = """
SELECT app_id, "on", count(DISTINCT user_id), sum(sessions) FROM profiles_dailyactivity WHERE user_id = ANY(%s::uuid[])
GROUP BY app_id, "on"
"""
_CORRECT_DAYS = """
INSERT INTO profiles_appday AS t (app_id, "on", shard, users, sessions)
SELECT app_id, "on", %s, users, sessions
FROM unnest(%s::bigint[], %s::date[], %s::integer[], %s::integer[]) AS d (app_id, "on", users, sessions)
ON CONFLICT (app_id, "on", shard) DO UPDATE
SET users = t.users + excluded.users, sessions = t.sessions + excluded.sessions
"""
_DROP_EMPTY = (
    "DELETE FROM profiles_appday WHERE app_id = ANY(%s::bigint[]) AND shard = %s AND users = 0 AND sessions = 0"
)


@contextmanager
def days_counted(users: Collection[UUID]) -> Iterator[None]:
    """Correct the users and sessions of each day by what the block makes of the daily totals of these users."""
    before = _counts_by_day(users)
    yield
    after = _counts_by_day(users)
    rows = []
    for day in sorted(before | after):
        then, now = before.get(day, (0, 0)), after.get(day, (0, 0))
        if now != then:
            rows.append((*day, now[0] - then[0], now[1] - then[1]))
    if rows:
        apps, dates, *changes = zip(*rows, strict=True)
        arrays = [array_literal(apps, "bigint"), array_literal(dates, "date")]
        arrays += [array_literal(change, "integer") for change in changes]
        with connection.cursor() as cursor:
            cursor.execute(_CORRECT_DAYS, [shard_of(min(users)), *arrays])
            cursor.execute(_DROP_EMPTY, [arrays[0], shard_of(min(users))])


def _counts_by_day(users: Collection[UUID]) -> dict[tuple[int, date], tuple[int, int]]:
    """Return how many of these users, and how many sessions of theirs, each day of each app has."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_OF_USERS, [array_literal(users, "uuid")])
        return {(app_id, on): (number, sessions) for app_id, on, number, sessions in cursor.fetchall()}


def add_to_days(days: Mapping[tuple[UUID, date, UUID, int], DayTotals]) -> None:
    """Add to daily totals, by (user, day, original user, app id)."""
    _DAYS.upsert(
        [
            (user_id, on, original, app_id, totals.sessions, totals.events, totals.seconds)
            for (user_id, on, original, app_id), totals in days.items()
        ]
    )


def mark_stale(kind: int, users: Iterable[tuple[UUID, int]], since: datetime) -> None:
    """Say that something derived of these (user, app id) must be computed again."""
    _STALE.upsert((user_id, kind, since, app_id) for user_id, app_id in users)


def move_history(owner: UUID, new_owner: UUID) -> None:
    """Give events, ends of views, sessions, signals and daily totals of one user to another; see `BulkTable.move`."""
    with days_counted([owner, new_owner]):
        for table in (_EVENTS, _VIEW_ENDS, _SIGNALS, _SESSIONS, _DAYS):
            table.move(owner, new_owner)


def move_parts(owner: UUID, new_owner: UUID, parts: Sequence[Part]) -> None:
    """Give parts of a user's history to another.

    Daily totals know devices and days but no moments: of a device whose history is parted they stay behind, to be
    counted again (`recounting.count_events_again`). Sessions of both must be folded again (`recounting.fold_again`),
    kept ends of views released before and settled after (`view_ends`).
    """
    for table in (_EVENTS, _VIEW_ENDS, _SIGNALS, _SESSIONS):
        table.move(owner, new_owner, parts=parts)
    _DAYS.move(owner, new_owner, parts=[part for part in parts if part.is_whole])
