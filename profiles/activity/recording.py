"""Turns session signals into sessions; see `profiles.activity.sessions`.

Signals that arrive in order are folded onto the session that the hot row holds: no query. For users whose signals
arrive late, the stored signals around them are read and folded again.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from profiles.activity import services
from profiles.activity.models import Session, SessionSignal
from profiles.activity.services import DayTotals
from profiles.activity.sessions import (
    NO_FACTS,
    Position,
    SessionFacts,
    SessionState,
    Signal,
    Window,
    daily_deltas,
    fold,
    rebuild,
    window_to_rebuild,
)
from profiles.users.services import Activity

Days = MutableMapping[tuple[UUID, date, UUID, int], DayTotals]
_SavedSession = tuple[UUID, int, SessionState, SessionFacts]


@dataclass(slots=True)
class _Recorded:
    sessions: list[_SavedSession] = field(default_factory=list)
    vanished: list[tuple[UUID, int]] = field(default_factory=list)


def record_signals(
    activity: Mapping[UUID, Activity],
    signals: Mapping[UUID, Sequence[Signal]],
    days: Days,
    zones: Mapping[int, ZoneInfo],
) -> None:
    """File signals and write the sessions that they make; move the users' hot rows and add to `days`."""
    recorded = _Recorded()
    for user_id, arrived in signals.items():
        row = activity[user_id]
        first = min(signal.at for signal in arrived)
        is_late = row.last_signal_at is not None and first <= row.last_signal_at
        before, after = (_record_late if is_late else _record_in_order)(row, arrived, recorded)
        row.total_seconds += sum(signal.seconds for signal in arrived)
        row.sessions_count += len(after) - len(before)
        newest = max(signal.at for signal in arrived)
        row.last_signal_at = newest if row.last_signal_at is None else max(newest, row.last_signal_at)
        for (on, original), delta in daily_deltas(arrived, before, after, zones[row.app_id]).items():
            totals = days[user_id, on, original, row.app_id]
            totals.sessions += delta.sessions
            totals.seconds += delta.seconds
    services.file_signals((user_id, signal) for user_id, arrived in signals.items() for signal in arrived)
    services.delete_sessions(recorded.vanished)
    services.save_sessions(recorded.sessions)


def _record_in_order(
    row: Activity, arrived: Sequence[Signal], recorded: _Recorded
) -> tuple[list[SessionState], list[SessionState]]:
    """Fold onto the session of the hot row; return it if it was touched, and the sessions after."""
    current = _present_session(row)
    after = fold(arrived, current).sessions
    facts = {signal.id: signal.facts for signal in arrived}
    recorded.sessions += [(row.user_id, row.app_id, state, facts.get(state.id, NO_FACTS)) for state in after]
    if after:
        hold(row, after[-1])
    return [current for state in after if current is not None and state.id == current.id], after


def _record_late(
    row: Activity, arrived: Sequence[Signal], recorded: _Recorded
) -> tuple[list[SessionState], list[SessionState]]:
    """Fold again what stands around late signals; return the sessions of that window before and after."""
    positions = [signal.position for signal in arrived]
    return _fold_again(row, min(positions), max(positions), arrived, recorded)


def _fold_again(
    row: Activity,
    first: Position,
    last: Position,
    arrived: Sequence[Signal],
    recorded: _Recorded,
) -> tuple[list[SessionState], list[SessionState]]:
    """Fold stored signals around a range, and new ones in it; return the sessions of that window before and after.

    Three queries a user: late signals and merges are few.
    """
    stored = _sessions_around(row.user_id, first, last)
    window = window_to_rebuild(first, last, [state for state, _ in stored])
    old = [(state, known) for state, known in stored if state.position in window]
    signals = [*_signals_in(row.user_id, window), *arrived]
    after = rebuild(signals).sessions
    facts = {state.id: known for state, known in old}
    facts |= {signal.id: signal.facts for signal in signals if signal.facts != NO_FACTS}
    remaining = {state.id for state in after}
    recorded.vanished += [(row.user_id, state.id) for state, _ in old if state.id not in remaining]
    recorded.sessions += [(row.user_id, row.app_id, state, facts.get(state.id, NO_FACTS)) for state in after]
    if window.until is None and after:
        hold(row, after[-1])
    return [state for state, _ in old], after


def range_of_signals(user_id: UUID) -> tuple[Position, Position] | None:
    """Return where a user's first and last signal stand; None without any. Two looks at the key's index."""
    positions = SessionSignal.objects.filter(user_id=user_id).values_list("at", "id")
    first, last = positions.order_by("at", "id").first(), positions.order_by("-at", "-id").first()
    return None if first is None or last is None else (Position(*first), Position(*last))


def fold_merged(row: Activity, one: tuple[Position, Position], other: tuple[Position, Position], zone: tzinfo) -> None:
    """Make the sessions of one user of those of two, whose signals, now all this user's, stood in these ranges.

    Only where both ranges run, and at the seam between them, can sessions be others than before. Moves the hot row,
    which the caller saves.
    """
    first = max(one[0], other[0])
    last = max(first, min(one[1], other[1]))
    recorded = _Recorded()
    before, after = _fold_again(row, first, last, (), recorded)
    row.sessions_count += len(after) - len(before)
    services.delete_sessions(recorded.vanished)
    services.save_sessions(recorded.sessions)
    with services.days_counted([row.user_id]):
        services.add_to_days(
            {
                (row.user_id, on, original, row.app_id): DayTotals(sessions=delta.sessions)
                for (on, original), delta in daily_deltas((), before, after, zone).items()
            }
        )


def _present_session(row: Activity) -> SessionState | None:
    if row.session_id is None or row.session_started_at is None or row.session_last_signal_at is None:
        return None
    return SessionState(
        id=row.session_id,
        started_at=row.session_started_at,
        last_signal_at=row.session_last_signal_at,
        ended_at=row.session_ended_at,
        duration_seconds=row.session_seconds,
        original_user_id=row.user_id,  # the stored session keeps its own; see `services.save_sessions`
    )


def hold(row: Activity, state: SessionState | None) -> None:
    """Keep the present session, or that there is none, in the hot row."""
    row.session_id = state.id if state else None
    row.session_started_at = state.started_at if state else None
    row.session_last_signal_at = state.last_signal_at if state else None
    row.session_ended_at = state.ended_at if state else None
    row.session_seconds = state.duration_seconds if state else 0


_FACT_COLUMNS = ("app_version", "platform", "device", "country", "city")
_SESSION_COLUMNS = (
    "id", "started_at", "last_signal_at", "ended_at", "duration_seconds", "original_user_id", *_FACT_COLUMNS,
)  # fmt: skip
_STATE_COLUMNS = 6


def _sessions_around(user_id: UUID, first: Position, last: Position) -> list[tuple[SessionState, SessionFacts]]:
    """Return a user's sessions in order, from the last before `first` to the second after `last`."""
    sessions = Session.objects.filter(user_id=user_id).values_list(*_SESSION_COLUMNS)
    before = sessions.filter(started_at__lte=first.at).order_by("-started_at", "-id")
    earlier = next((row for row in before.iterator(chunk_size=10) if (row[1], row[0]) < first), None)
    rows = [] if earlier is None else [earlier]
    later = 0
    for row in sessions.filter(started_at__gte=first.at).order_by("started_at", "id").iterator(chunk_size=100):
        if (row[1], row[0]) < first:
            continue
        rows.append(row)
        later += (row[1], row[0]) > last
        if later == 2:
            break
    return [(SessionState(*row[:_STATE_COLUMNS]), SessionFacts(*row[_STATE_COLUMNS:])) for row in rows]


def _signals_in(user_id: UUID, window: Window) -> list[Signal]:
    signals = SessionSignal.objects.filter(user_id=user_id)
    if window.since is not None:
        signals = signals.filter(at__gte=window.since.at)
    if window.until is not None:
        signals = signals.filter(at__lte=window.until.at)
    return [signal for signal in read_signals(signals) if signal.position in window]


_SIGNAL_COLUMNS = ("at", "id", "begins", "seconds", "ends", "ignore_cooldown", "original_user_id")


def read_signals(found: QuerySet[SessionSignal]) -> list[Signal]:
    """Return stored signals."""
    rows = found.values_list(*_SIGNAL_COLUMNS, *_FACT_COLUMNS)
    return [
        Signal(at, id_, begins, seconds, ends, ignore_cooldown, original_user_id, SessionFacts(*facts))
        for at, id_, begins, seconds, ends, ignore_cooldown, original_user_id, *facts in rows
    ]
