"""Derives sessions and daily totals of one user again from what is stored: for histories that were put together or
taken apart, where there is no order of arrival to follow.

Reads a user's whole history: for merges and their undoing, never for ingest. Callers hold the lock of the user's shard.
"""

from collections.abc import Collection
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from profiles.activity import services
from profiles.activity.models import DailyActivity, Session, SessionSignal
from profiles.activity.recording import hold, read_signals
from profiles.activity.services import DayTotals
from profiles.activity.sessions import SessionState, Signal, daily_deltas, rebuild
from profiles.bulk import array_literal
from profiles.users.services import Activity

_STATE_COLUMNS = ("id", "started_at", "last_signal_at", "ended_at", "duration_seconds", "original_user_id")

_DayKey = tuple[UUID, date, UUID, int]


def fold_again(row: Activity, zone: ZoneInfo) -> None:
    """Fold all signals of a user anew: write the sessions and days that differ, and set the counts of the hot row."""
    signals = read_signals(SessionSignal.objects.filter(user_id=row.user_id))
    stored = {state.id: state for state in _sessions(row.user_id)}
    sessions = rebuild(signals).sessions
    services.delete_sessions([(row.user_id, id_) for id_ in stored.keys() - {state.id for state in sessions}])
    facts = {signal.id: signal.facts for signal in signals}
    services.save_sessions(
        (row.user_id, row.app_id, state, facts[state.id])
        for state in sessions
        if state.id not in stored or stored[state.id] != state
    )
    _correct_days(row, signals, sessions, zone)
    row.sessions_count = len(sessions)
    row.total_seconds = sum(signal.seconds for signal in signals)
    row.last_signal_at = max((signal.at for signal in signals), default=None)
    hold(row, sessions[-1] if sessions else None)


def _sessions(user_id: UUID) -> list[SessionState]:
    rows = Session.objects.filter(user_id=user_id).values_list(*_STATE_COLUMNS)
    return [SessionState(*row) for row in rows]


def _correct_days(row: Activity, signals: list[Signal], sessions: list[SessionState], zone: ZoneInfo) -> None:
    """Bring sessions and seconds of the user's days to what signals and sessions say."""
    kept = DailyActivity.objects.filter(user_id=row.user_id).values_list(
        "on", "original_user_id", "sessions", "seconds"
    )
    corrections: dict[_DayKey, DayTotals] = {
        (row.user_id, on, original, row.app_id): DayTotals(sessions=-count, seconds=-seconds)
        for on, original, count, seconds in kept
    }
    for (on, original), delta in daily_deltas(signals, (), sessions, zone).items():
        totals = corrections.setdefault((row.user_id, on, original, row.app_id), DayTotals())
        totals.sessions += delta.sessions
        totals.seconds += delta.seconds
    _add(corrections)


# Reads the events' primary key by user. Raw SQL: a day of a time zone per group has no short form in the ORM.
_EVENTS_PER_DAY = """
SELECT (occurred_at AT TIME ZONE %s)::date, original_user_id, count(*)
FROM profiles_event
WHERE user_id = %s AND original_user_id = ANY(%s::uuid[])
GROUP BY 1, 2
"""


def count_events_again(user_id: UUID, app_id: int, devices: Collection[UUID], zone: ZoneInfo) -> None:
    """Bring the events of a user's days, of these devices, to what is stored."""
    kept = DailyActivity.objects.filter(user_id=user_id, original_user_id__in=devices)
    corrections: dict[_DayKey, DayTotals] = {
        (user_id, on, original, app_id): DayTotals(events=-events)
        for on, original, events in kept.values_list("on", "original_user_id", "events")
    }
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS_PER_DAY, [zone.key, user_id, array_literal(devices, "uuid")])
        for on, original, count in cursor.fetchall():
            corrections.setdefault((user_id, on, original, app_id), DayTotals()).events += count
    _add(corrections)


def _add(corrections: dict[_DayKey, DayTotals]) -> None:
    """Add what is not nothing, and forget days of which nothing is left."""
    services.add_to_days(
        {key: totals for key, totals in corrections.items() if totals.sessions or totals.events or totals.seconds}
    )
    for user_id in {key[0] for key in corrections}:
        DailyActivity.objects.filter(user_id=user_id, sessions=0, events=0, seconds=0).delete()


def sum_of_days(user_id: UUID) -> DayTotals:
    """Return what the kept days of a user add up to."""
    totals = DayTotals()
    for sessions, events, seconds in DailyActivity.objects.filter(user_id=user_id).values_list(
        "sessions", "events", "seconds"
    ):
        totals.sessions += sessions
        totals.events += events
        totals.seconds += seconds
    return totals
