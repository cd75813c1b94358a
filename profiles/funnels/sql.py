# ruff: noqa: S608 (put together from the fragments below; data travels as parameters)
"""The statements that match funnels for many users at once. The rule is `profiles.funnels.matcher`, the oracle; a
property-based test holds the two together.

Raw SQL because a new funnel is computed over all history, and because every batch of ingest asks for all funnels of
the users it touched: one statement each, in which no event leaves the database. Statements are put together from
the fragments here; names, numbers and texts of a definition travel as parameters only.

How a funnel of K steps is matched, in one sort and without a loop over attempts: the user's events are walked from the
last to the first. At each event a running minimum gives the time of the next event of every step (level 1). What
level 1 says at the next event of step j - 1 is the time of step j after that (level 2), and so on: at an event of the
first step, level j - 1 gives the time at which the attempt that starts there reaches step j. So every entry is tried.
The minimum is the nearest one because the later an event, the later what follows it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from profiles.access.models import App
from profiles.activity.segmentation_sql import Parameters, holds
from profiles.activity.sessions import COOLDOWN, IDLE
from profiles.bulk import array_literal
from profiles.funnels.matcher import FunnelRule, Step

# What stands for an event key where the rows are not events.
SESSION_SOURCE = -1
CRASH_SOURCE = -2

# Rows of one request that share a time are ordered: the session's begin, crashes, events. An id is a request's id << 16
# | position, a session's is the request's id.
_SESSION_PLACE = "s.id << 18"
_CRASH_PLACE = "c.id << 2 | 1"
_EVENT_PLACE = "e.id << 2 | 2"


@dataclass(frozen=True, slots=True)
class Users:
    """Whose funnels: a list, or all with keys above `after` up to `upto` (None: open)."""

    ids: Collection[UUID] | None = None
    after: UUID | None = None
    upto: UUID | None = None

    def condition(self, alias: str) -> str:
        """Return the condition on a table's user_id."""
        if self.ids is not None:
            return f"{alias}.user_id = ANY(%(user_ids)s::uuid[])"
        conditions = []
        if self.after is not None:
            conditions.append(f"{alias}.user_id > %(after)s")
        if self.upto is not None:
            conditions.append(f"{alias}.user_id <= %(upto)s")
        return " AND ".join(conditions) or "true"

    def table(self, name: str, alias: str, _time: str) -> str:
        """Return what to read from."""
        return f"{name} AS {alias}"

    def end(self, _alias: str, _time: str) -> str:
        """Return what follows the conditions: nothing, all rows are wanted."""
        return ""

    def parameters(self) -> dict[str, Any]:
        """Return what the condition refers to."""
        return {
            "user_ids": None if self.ids is None else array_literal(self.ids, "uuid"),
            "after": self.after,
            "upto": self.upto,
        }


@dataclass(frozen=True, slots=True)
class Definition:
    """What a funnel counts: its rule, and per step the number of the event key, or what stands for one.

    None: the app has no such event yet.
    """

    id: int
    rule: FunnelRule
    sources: tuple[int | None, ...]


def matching(funnels: Sequence[Definition], app: App, users: Users) -> tuple[str, dict[str, Any]]:
    """Return the statement, with parameters, that gives (user_id, funnel_id, entered_on, steps_reached, step_times):
    for each day of the app's time zone the best of the attempts that began on it.

    Days without an attempt give no row. Reads events, sessions and crashes by user, along their primary keys, or all
    of them when `users` is a wide range.
    """
    parameters = Parameters({**users.parameters(), "app_id": app.pk, "zone": app.timezone})
    matched = "\nUNION ALL\n".join(_matched(funnel, parameters) for funnel in funnels)
    return f"WITH {_rows(funnels, users, parameters)}\n{matched}", parameters.values


def replacing(funnels: Sequence[Definition], app: App, users: Users) -> tuple[str, dict[str, Any]]:
    """Return the statement, with parameters, that makes the completions of these users in these funnels what
    `matching` gives: deletes, inserts and changes, and leaves alone what is right already.
    """
    matched, values = matching(funnels, app, users)
    parameters = Parameters(values)
    funnel_ids = parameters.add([funnel.id for funnel in funnels])
    # "+ 0" keeps the delete from the index led by the funnel: for a range of users that would read, batch by batch, all
    # completions that there are. The primary key leads to the users.
    statement = f"""
WITH matched AS MATERIALIZED (
{matched}
), gone AS (
    DELETE FROM profiles_funnelcompletion c
    WHERE (c.funnel_id + 0) = ANY({funnel_ids}) AND {users.condition("c")}
      AND NOT EXISTS (
        SELECT FROM matched m
        WHERE m.user_id = c.user_id AND m.funnel_id = c.funnel_id AND m.entered_on = c.entered_on
      )
)
INSERT INTO profiles_funnelcompletion AS c (user_id, funnel_id, entered_on, app_id, steps_reached, step_times)
SELECT user_id, funnel_id, entered_on, %(app_id)s, steps_reached, step_times
FROM matched
ORDER BY user_id, funnel_id, entered_on
ON CONFLICT (user_id, funnel_id, entered_on) DO UPDATE SET
    app_id = excluded.app_id,
    steps_reached = excluded.steps_reached,
    step_times = excluded.step_times
WHERE c.step_times IS DISTINCT FROM excluded.step_times
"""
    return statement, parameters.values


def happening(
    funnels: Sequence[Definition], app_id: int, user_id: UUID, *, looked_at: int, limit: int
) -> tuple[str, dict[str, Any]]:
    """Return the statement, with parameters, that gives the newest of what any step may be in one user's life:
    (whether the user has more events than are looked at, source, occurred_at, place, segmentation, session_id),
    newest first; a row of None beside the first column where there is nothing.

    Walks the primary keys back from their ends, and stops: of a million events it reads `looked_at`, and looks no
    session up but for the `limit` rows that it returns.
    """
    parameters = Parameters({"user_id": user_id, "app_id": app_id})
    newest = _Newest(parameters.add(looked_at), parameters.add(limit))
    rows = _rows(funnels, newest, parameters)
    return (
        f"WITH {rows}\nSELECT looked.is_cut, source, occurred_at, place, segmentation, session_id"
        " FROM (SELECT EXISTS (SELECT FROM profiles_event WHERE user_id = %(user_id)s"
        f" OFFSET {newest.looked_at}) AS is_cut) AS looked"
        " LEFT JOIN (SELECT * FROM happened"
        f" ORDER BY occurred_at DESC, place DESC LIMIT {newest.limit}) AS newest ON true"
        " ORDER BY occurred_at DESC, place DESC",
        parameters.values,
    )


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest rows of one user: of each table so many are looked at, and so many of these taken."""

    looked_at: str
    limit: str

    def table(self, name: str, alias: str, time: str) -> str:
        """Return what to read from."""
        return (
            f"(SELECT * FROM {name} WHERE user_id = %(user_id)s ORDER BY {time} DESC, id DESC"
            f" LIMIT {self.looked_at}) AS {alias}"
        )

    def end(self, alias: str, time: str) -> str:
        """Return what follows the conditions."""
        return f" ORDER BY {alias}.{time} DESC, {alias}.id DESC LIMIT {self.limit}"

    def condition(self, alias: str) -> str:
        """Return the condition on a table's user_id."""
        return f"{alias}.user_id = %(user_id)s"


def _rows(funnels: Iterable[Definition], users: Users | _Newest, parameters: Parameters) -> str:
    """Return the common table `happened`: everything that any step of the funnels may be, each row with its place."""
    steps = [pair for funnel in funnels for pair in zip(funnel.rule.steps, funnel.sources, strict=True)]
    sources = {source for _, source in steps if source is not None}
    keys = sorted(source for source in sources if source >= 0)
    tested = {source for step, source in steps if step.conditions}
    is_by_session = any(funnel.rule.same_session for funnel in funnels)
    parts = []
    if SESSION_SOURCE in sources:
        segmentation = _SESSION_FACTS if SESSION_SOURCE in tested else "NULL::jsonb"
        parts.append(
            f"SELECT s.user_id, s.started_at AS occurred_at, {_SESSION_PLACE} AS place,"
            f" {SESSION_SOURCE}::bigint AS source, {segmentation} AS segmentation,"
            f" {'s.id' if is_by_session else 'NULL::bigint'} AS session_id"
            f" FROM {users.table('profiles_session', 's', 'started_at')}"
            f" WHERE s.app_id = %(app_id)s AND {users.condition('s')}{users.end('s', 'started_at')}"
        )
    if CRASH_SOURCE in sources:
        segmentation = _CRASH_FACTS if CRASH_SOURCE in tested else "NULL::jsonb"
        parts.append(
            f"SELECT c.user_id, c.occurred_at, {_CRASH_PLACE} AS place,"
            f" {CRASH_SOURCE}::bigint AS source, {segmentation} AS segmentation,"
            f" {_session_of('c') if is_by_session else 'NULL::bigint'} AS session_id"
            f" FROM {users.table('profiles_crash', 'c', 'occurred_at')}"
            f" WHERE c.app_id = %(app_id)s AND {users.condition('c')}{users.end('c', 'occurred_at')}"
        )
    # Always there, so that the table has its columns even when no step has a key.
    segmentation = "e.segmentation" if any(key in tested for key in keys) else "NULL::jsonb"
    parts.append(
        f"SELECT e.user_id, e.occurred_at, {_EVENT_PLACE} AS place, e.key_id AS source, {segmentation} AS segmentation,"
        f" {_session_of('e') if is_by_session else 'NULL::bigint'} AS session_id"
        f" FROM {users.table('profiles_event', 'e', 'occurred_at')}"
        f" WHERE e.app_id = %(app_id)s AND e.key_id = ANY({parameters.add(keys)}::bigint[])"
        f" AND {users.condition('e')}{users.end('e', 'occurred_at')}"
    )
    return "happened AS (\n    (" + ")\n    UNION ALL\n    (".join(parts) + ")\n)"


_SESSION_FACTS = (
    "jsonb_strip_nulls(jsonb_build_object('app_version', s.app_version, 'platform', s.platform, 'device', s.device,"
    " 'country', s.country, 'city', s.city))"
)
_CRASH_FACTS = "jsonb_build_object('app_version', c.app_version)"


def _session_of(alias: str) -> str:
    """Return the id of the session of a row: the latest that began no later, if the row is within its reach.

    The rule is `profiles.activity.sessions.session_of`. One probe of the sessions' primary key.
    """
    return (
        "(SELECT CASE WHEN"
        f" {alias}.occurred_at <= coalesce(near.ended_at + {_interval(COOLDOWN)},"
        f" near.last_signal_at + {_interval(IDLE)})"
        " THEN near.id END"
        f" FROM profiles_session near WHERE near.user_id = {alias}.user_id"
        f" AND near.started_at <= {alias}.occurred_at ORDER BY near.started_at DESC, near.id DESC LIMIT 1)"
    )


def _interval(length: timedelta) -> str:
    return f"interval '{length.total_seconds():.0f} seconds'"


def _is_step(step: Step, source: int | None, parameters: Parameters) -> str:
    if source is None:
        return "false"
    conditions = [holds(condition, "segmentation", parameters) for condition in step.conditions]
    return " AND ".join([f"source = {parameters.add(source)}", *conditions])


def _matched(funnel: Definition, parameters: Parameters) -> str:
    rule = funnel.rule
    count = len(rule.steps)
    numbers = range(1, count + 1)
    partition = "user_id, session_id" if rule.same_session else "user_id"
    is_steps = [
        f"({_is_step(step, source, parameters)}) AS m{j}"
        for j, step, source in zip(numbers, rule.steps, funnel.sources, strict=True)
    ]
    sources = sorted({source for source in funnel.sources if source is not None})
    of_session = " AND session_id IS NOT NULL" if rule.same_session else ""
    rows = (
        f"SELECT {partition}, occurred_at, place, {', '.join(is_steps)} FROM happened"
        f" WHERE source = ANY({parameters.add(sources)}::bigint[]){of_session}"
    )
    for level in range(1, count):
        marks = [f"m{j}" for j in range(1, count - level + 1)]
        done = [f"t{j}" for j in range(2, level + 1)]
        # When step j is reached from here: at level 1 the step's own time, above it what the level below says at the
        # next event of step j - level + 1.
        steps = [
            f"min({'occurred_at' if level == 1 else f'n{j}'}) FILTER (WHERE m{j - level + 1}) OVER later"
            f" AS {'t' if j == level + 1 else 'n'}{j}"
            for j in range(level + 1, count + 1)
        ]
        columns = ", ".join([partition, "occurred_at", "place", *marks, *done, *steps])
        rows = (
            f"SELECT {columns}\nFROM ({rows}) AS r{level - 1}\n"
            f"WINDOW later AS (PARTITION BY {partition} ORDER BY occurred_at DESC, place DESC"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
    times = ["occurred_at", *(f"t{j}" for j in range(2, count + 1))]
    in_time = ""
    if rule.window is not None:
        limit = f"{parameters.add(rule.window)}::interval"
        in_time = f" AND {{}} <= occurred_at + {limit}"
    reached = " + ".join(["1", *(f"({time} IS NOT NULL{in_time.format(time)})::int" for time in times[1:])])
    return f"""
SELECT user_id, {parameters.add(funnel.id)}::bigint AS funnel_id, entered_on, reached::smallint AS steps_reached,
    times[1:reached] AS step_times
FROM (
    SELECT DISTINCT ON (user_id, entered_on) user_id, entered_on, reached, ARRAY[{", ".join(times)}] AS times
    FROM (
        SELECT *, {reached} AS reached, (occurred_at AT TIME ZONE %(zone)s)::date AS entered_on
        FROM ({rows}) AS attempts WHERE m1
    ) AS entries
    ORDER BY user_id, entered_on, reached DESC, occurred_at, place
) AS best
"""
