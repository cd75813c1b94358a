"""How many users and sessions of a day no fatal crash hit: counted once a batch, read from a few rows a day.

A session counts on the day it began, a user on the day of the crash, each once. Raw SQL because what is counted is what
was not there before, which the inserting statement alone knows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import floor
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum

from profiles.access.models import App
from profiles.activity.models import AppDay
from profiles.activity.sessions import COOLDOWN, IDLE
from profiles.bulk import array_literal
from profiles.crashes.models import AppCrashDay
from profiles.users.keys import shard_of

# Finds each crash's session by the sessions' primary key: the last one begun, if it reaches as far. Of the rows to
# insert, the subquery in FILTER still sees the table as it was before.
_COUNT = """
WITH crash AS (
    SELECT * FROM unnest(%(users)s::uuid[], %(originals)s::uuid[], %(apps)s::bigint[], %(times)s::timestamptz[],
        %(zones)s::text[]) AS c (user_id, original_user_id, app_id, at, zone)
), session AS (
    SELECT c.user_id, c.original_user_id, c.app_id, s.id, (s.started_at AT TIME ZONE c.zone)::date AS "on"
    FROM crash c CROSS JOIN LATERAL (
        SELECT id, started_at, ended_at, last_signal_at FROM profiles_session
        WHERE user_id = c.user_id AND started_at <= c.at ORDER BY started_at DESC, id DESC LIMIT 1
    ) s
    WHERE c.at <= coalesce(s.ended_at + %(cooldown)s::interval, s.last_signal_at + %(idle)s::interval)
), hit AS (
    INSERT INTO profiles_crashedsession AS t (user_id, "on", session_id, original_user_id, app_id)
    SELECT user_id, "on", id, original_user_id, app_id FROM session
    UNION
    SELECT user_id, (at AT TIME ZONE zone)::date, 0, original_user_id, app_id FROM crash
    ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING
    RETURNING user_id, "on", session_id, app_id
), counted AS (
    SELECT app_id, "on",
        count(DISTINCT user_id) FILTER (WHERE session_id = 0 AND NOT EXISTS (
            SELECT FROM profiles_crashedsession o
            WHERE o.user_id = hit.user_id AND o."on" = hit."on" AND o.session_id = 0)) AS users,
        count(DISTINCT session_id) FILTER (WHERE session_id <> 0 AND NOT EXISTS (
            SELECT FROM profiles_crashedsession o
            WHERE o.user_id = hit.user_id AND o."on" = hit."on" AND o.session_id = hit.session_id)) AS sessions
    FROM hit GROUP BY app_id, "on"
)
INSERT INTO profiles_appcrashday AS t (app_id, "on", shard, users, sessions)
SELECT app_id, "on", %(shard)s, users, sessions FROM counted WHERE users > 0 OR sessions > 0 ORDER BY 1, 2
ON CONFLICT (app_id, "on", shard) DO UPDATE
SET users = t.users + excluded.users, sessions = t.sessions + excluded.sessions
"""

# A user's rows are written anew, never updated: user_id is their place.
_MOVE = """
INSERT INTO profiles_crashedsession (user_id, "on", session_id, original_user_id, app_id)
SELECT %(new_owner)s, "on", session_id, original_user_id, app_id FROM profiles_crashedsession
WHERE user_id = %(owner)s AND (%(devices)s::uuid[] IS NULL OR original_user_id = ANY(%(devices)s::uuid[]))
ON CONFLICT DO NOTHING
"""
_DELETE = """
DELETE FROM profiles_crashedsession
WHERE user_id = %(owner)s AND (%(devices)s::uuid[] IS NULL OR original_user_id = ANY(%(devices)s::uuid[]))
"""
_USERS_BY_DAY = """
SELECT app_id, "on", count(DISTINCT user_id) FROM profiles_crashedsession
WHERE user_id IN (%(owner)s, %(new_owner)s) AND session_id = 0 GROUP BY app_id, "on"
"""
_CORRECT = """
INSERT INTO profiles_appcrashday AS t (app_id, "on", shard, users, sessions) VALUES (%s, %s, %s, %s, 0)
ON CONFLICT (app_id, "on", shard) DO UPDATE SET users = t.users + excluded.users
"""
_DROP_EMPTY = "DELETE FROM profiles_appcrashday WHERE app_id = %s AND shard = %s AND users = 0 AND sessions = 0"

DAYS_SHOWN: Final = 30


class Crashed(NamedTuple):
    """A fatal crash, as far as it counts here."""

    user_id: UUID
    original_user_id: UUID
    app_id: int
    at: datetime


def count_crashed(crashes: Iterable[Crashed], zones: Mapping[int, ZoneInfo], *, shard: int) -> None:
    """Count whom and which sessions fatal crashes hit: one statement. `shard` is one that the caller holds alone."""
    rows = sorted(set(crashes))
    if not rows:
        return
    users, originals, apps, times = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "users": array_literal(users, "uuid"),
                "originals": array_literal(originals, "uuid"),
                "apps": array_literal(apps, "bigint"),
                "times": array_literal(times, "timestamptz"),
                "zones": array_literal((zones[app_id].key for app_id in apps), "text"),
                "cooldown": f"{COOLDOWN.total_seconds()} seconds",
                "idle": f"{IDLE.total_seconds()} seconds",
                "shard": shard,
            },
        )


def move_crashed(owner: UUID, new_owner: UUID, *, recorded_for: Iterable[UUID] | None = None) -> None:
    """Give the crashed sessions of one user to another, those `recorded_for` some devices or all."""
    values: dict[str, UUID | str | None] = {
        "owner": owner,
        "new_owner": new_owner,
        "devices": None if recorded_for is None else array_literal(recorded_for, "uuid"),
    }
    shard = shard_of(min(owner, new_owner))
    with connection.cursor() as cursor:
        cursor.execute(_USERS_BY_DAY, values)
        before = {(app_id, on): users for app_id, on, users in cursor.fetchall()}
        cursor.execute(_MOVE, values)
        cursor.execute(_DELETE, values)
        cursor.execute(_USERS_BY_DAY, values)
        after = {(app_id, on): users for app_id, on, users in cursor.fetchall()}
        for app_id, on in sorted(before.keys() | after.keys()):
            change = after.get((app_id, on), 0) - before.get((app_id, on), 0)
            if change:
                cursor.execute(_CORRECT, [app_id, on, shard, change])
                cursor.execute(_DROP_EMPTY, [app_id, shard])


@dataclass(frozen=True, slots=True)
class CrashFreeDay:
    """One day of an app: who used it, and whom a fatal crash hit."""

    on: date
    users: int = 0
    sessions: int = 0
    crashed_users: int = 0
    crashed_sessions: int = 0

    @property
    def of_users(self) -> float | None:
        """The share of users whom no fatal crash hit; None when there was nobody."""
        return _share_without(self.users, self.crashed_users)

    @property
    def of_sessions(self) -> float | None:
        """The share of sessions in which no fatal crash struck; None when there was none."""
        return _share_without(self.sessions, self.crashed_sessions)

    @property
    def users_text(self) -> str:
        """The share of users in words, never rounded up to all; empty when there was nobody."""
        return _percent(self.of_users)

    @property
    def sessions_text(self) -> str:
        """The share of sessions, likewise."""
        return _percent(self.of_sessions)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{floor(round(share * 10_000, 6)) / 100:.2f}%"


def _share_without(total: int, hit: int) -> float | None:
    return max(0.0, 1 - hit / total) if total > 0 else None


def read_days(app: App, today: date, days: int = DAYS_SHOWN) -> list[CrashFreeDay]:
    """Read the last days, today last, in two queries over a few rows a day."""
    first = today - timedelta(days=days - 1)
    used, hit = (_sums(model.objects.filter(app=app, on__gte=first, on__lte=today)) for model in (AppDay, AppCrashDay))
    dates = [first + timedelta(days=n) for n in range(days)]
    return [CrashFreeDay(on, *used.get(on, (0, 0)), *hit.get(on, (0, 0))) for on in dates]


def _sums(rows: Any) -> dict[date, tuple[int, int]]:
    sums = rows.values("on").annotate(all_users=Sum("users"), all_sessions=Sum("sessions"))
    return {row["on"]: (row["all_users"], row["all_sessions"]) for row in sums}


def over_all(days: Sequence[CrashFreeDay]) -> CrashFreeDay | None:
    """Add days up, as if they were one: a user counts on each day that they came. None of no day."""
    if not days:
        return None
    return CrashFreeDay(
        days[-1].on,
        sum(day.users for day in days),
        sum(day.sessions for day in days),
        sum(day.crashed_users for day in days),
        sum(day.crashed_sessions for day in days),
    )
