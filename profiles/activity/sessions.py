"""The session rules: sessions are a fold over what requests said of them, in the order of the devices' clocks.

Pure. Order of arrival never matters: what arrives in order is folded onto the present session; what arrives late is
folded again together with its neighbourhood (`window_to_rebuild`), and both ways end the same.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

# Countly's `session_cooldown`: a begin so soon after an end continues the session.
COOLDOWN: Final = timedelta(seconds=15)
# Without an end, a session reaches this far behind its last signal: the life of the Web SDK's session cookie, which
# ends no session by itself.
IDLE: Final = timedelta(minutes=30)


class Position(NamedTuple):
    """A place in a user's history; the id, of the request, orders what has the same time."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What was true of a user when a session began."""

    app_version: str | None = None
    platform: str | None = None
    device: str | None = None
    country: str | None = None
    city: str | None = None


NO_FACTS: Final = SessionFacts()


@dataclass(frozen=True, slots=True)
class Signal:
    """What one request said about sessions. Begin wins over end; the seconds count either way.

    `facts` are those of a begin, whether it makes a session or continues one: what comes later may change that.
    """

    at: datetime
    id: int
    begins: bool
    seconds: int
    ends: bool
    ignore_cooldown: bool
    original_user_id: UUID
    facts: SessionFacts = NO_FACTS

    @property
    def position(self) -> Position:
        return Position(self.at, self.id)


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session after some signals. `id` and `original_user_id` are those of the request that began it.

    `ended_at` is None while no end was reported; that a later session began is not an end, so that a session never
    changes because of a later one.
    """

    id: int
    started_at: datetime
    last_signal_at: datetime
    ended_at: datetime | None
    duration_seconds: int
    original_user_id: UUID

    @property
    def position(self) -> Position:
        return Position(self.started_at, self.id)

    @property
    def reach(self) -> datetime:
        """The last instant that belongs to the session."""
        return self.last_signal_at + IDLE if self.ended_at is None else self.ended_at + COOLDOWN


@dataclass(frozen=True, slots=True)
class FoldResult:
    """The sessions touched or begun, in order, and the seconds that came before any session had begun.

    Orphan seconds are in the user's total time and in no session.
    """

    sessions: list[SessionState]
    orphan_seconds: int


def fold(signals: Iterable[Signal], current: SessionState | None = None) -> FoldResult:
    """Fold signals, in any order given, onto the user's latest session.

    Every signal must lie behind all that were folded before: see `window_to_rebuild` for those that do not.

    - A begin continues the latest session if that ended less than COOLDOWN before it, and starts a new one otherwise.
    - Seconds and ends go to the latest session, however long ago it was.
    - The first end of a session stands until a begin continues it, and an end later than the session's reach ends
      nothing: SDKs that change the device id without a merge send the old user's end under the new id just before
      the begin, which would be swallowed as a continuation.
    """
    sessions: list[SessionState] = []
    orphan_seconds = 0
    is_touched = False
    for signal in sorted(signals, key=_position_of):
        if signal.begins:
            if current and _continues(signal, current):
                current = _with_signal(current, signal, ended_at=None)
            else:
                if current and is_touched:
                    sessions.append(current)
                current = SessionState(signal.id, signal.at, signal.at, None, signal.seconds, signal.original_user_id)
        elif current:
            ended_at = current.ended_at
            if signal.ends and ended_at is None and signal.at <= current.reach:
                ended_at = signal.at
            current = _with_signal(current, signal, ended_at)
        else:
            orphan_seconds += signal.seconds
            continue
        is_touched = True
    if current and is_touched:
        sessions.append(current)
    return FoldResult(sessions, orphan_seconds)


def rebuild(signals: Iterable[Signal]) -> FoldResult:
    """Fold all signals of a user, or of a window, from nothing."""
    return fold(signals, None)


def _position_of(signal: Signal) -> tuple[datetime, int]:
    return signal.at, signal.id


def _continues(begin: Signal, session: SessionState) -> bool:
    # The gap is never negative, because signals are folded by their own time, not as they arrive: Countly compares a
    # late begin with an end that is stamped after it, and so swallows it.
    return not begin.ignore_cooldown and session.ended_at is not None and begin.at - session.ended_at < COOLDOWN


def _with_signal(session: SessionState, signal: Signal, ended_at: datetime | None) -> SessionState:
    return SessionState(
        session.id,
        session.started_at,
        signal.at,
        ended_at,
        session.duration_seconds + signal.seconds,
        session.original_user_id,
    )


class Window(NamedTuple):
    """The signals to fold again: from `since` (inclusive; None: the first) to `until` (exclusive; None: the last).

    What they fold to replaces all sessions whose position lies in the same range.
    """

    since: Position | None
    until: Position | None

    def __contains__(self, position: object) -> bool:
        return (self.since is None or position >= self.since) and (self.until is None or position < self.until)  # type: ignore[operator]


def window_to_rebuild(first: Position, last: Position, sessions: Sequence[SessionState]) -> Window:
    """Return which signals must be folded again when signals arrive late, the earliest at `first`, the last at `last`.

    `sessions` are the stored ones in order: all, or at least from the last that starts before `first` to the second
    that starts after `last`.

    Before the session that holds `first` nothing can change. The next session after `last` may: its begin may now
    continue an earlier session, or no longer. But after any begin the rules depend on that begin alone, so the session
    after the next is as it was.
    """
    positions = [session.position for session in sessions]
    before = bisect_left(positions, first)
    second_after = bisect_right(positions, last) + 1
    return Window(
        positions[before - 1] if before else None,
        positions[second_after] if second_after < len(positions) else None,
    )


def session_of(at: datetime, sessions: Sequence[SessionState]) -> SessionState | None:
    """Return which of a user's sessions, given in order, something that happened at `at` belongs to, or None.

    It is the latest that had started, if `at` is within its reach.
    """
    started = bisect_right(sessions, at, key=lambda session: session.started_at)
    if not started:
        return None
    latest = sessions[started - 1]
    return latest if at <= latest.reach else None


def day_of(at: datetime, zone: tzinfo) -> date:
    """Return the day of an instant in a time zone."""
    return at.astimezone(zone).date()


class DayKey(NamedTuple):
    """What daily totals of a user are kept by: the day in the app's time zone, and who they were recorded for."""

    on: date
    original_user_id: UUID


@dataclass(slots=True)
class DayDelta:
    """What to add to the totals of a day; sessions can be negative."""

    sessions: int = 0
    seconds: int = 0


DailyDeltas: TypeAlias = Mapping[DayKey, DayDelta]


def daily_deltas(
    arrived: Iterable[Signal], before: Iterable[SessionState], after: Iterable[SessionState], zone: tzinfo
) -> dict[DayKey, DayDelta]:
    """Return what changes in the daily totals when signals arrived and sessions `before` became sessions `after`.

    A session counts on the day on which it starts; seconds count on the day of the signal that brought them, whatever
    session they belong to. `before` and `after` are the states of the same window, or of the present session and what
    the fold returned.
    """
    deltas: dict[DayKey, DayDelta] = {}

    def day(at: datetime, original_user_id: UUID) -> DayDelta:
        return deltas.setdefault(DayKey(day_of(at, zone), original_user_id), DayDelta())

    for signal in arrived:
        day(signal.at, signal.original_user_id).seconds += signal.seconds
    for session in before:
        day(session.started_at, session.original_user_id).sessions -= 1
    for session in after:
        day(session.started_at, session.original_user_id).sessions += 1
    return {key: delta for key, delta in deltas.items() if delta.sessions or delta.seconds}
