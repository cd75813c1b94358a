"""How far one user got through a funnel, and why not further.

Pure, and the definition: the statements that match many users in the database are tested against it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Final, TypeAlias

from profiles.activity.segmentation import Condition
from profiles.funnels.reasons import Kind, Reason

_Positions: TypeAlias = Sequence[int]  # places in a journey, ascending


@dataclass(frozen=True, slots=True)
class Step:
    """An event key, and what its segmentation must say: all of it."""

    event_key: str
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class FunnelRule:
    """A funnel's definition.

    The window runs from an attempt's first step to its last, both ends inclusive; None: no limit. With `same_session`
    an attempt stays in one session, and what happened outside any session does not count.
    """

    steps: tuple[Step, ...]
    window: timedelta | None = None
    same_session: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a funnel has at least one step")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that the user did. Order is by (at, id); `session_id` None: outside any session."""

    event_key: str
    at: datetime
    id: int
    segmentation: Mapping[str, Any] | None = None
    session_id: int | None = None


class Journey:
    """All that a user did, in order, indexed once for any number of funnels."""

    def __init__(self, occurrences: Iterable[Occurrence]) -> None:
        self.occurrences: Final = sorted(occurrences, key=lambda occurrence: (occurrence.at, occurrence.id))
        self._by_key: dict[str, list[int]] = defaultdict(list)
        for position, occurrence in enumerate(self.occurrences):
            self._by_key[occurrence.event_key].append(position)
        self._by_step: dict[Step, _Positions] = {}

    def with_key(self, event_key: str) -> _Positions:
        """Return where the event was done, whatever its segmentation."""
        return self._by_key.get(event_key, ())

    def of_step(self, step: Step) -> _Positions:
        """Return where the step was done."""
        if not step.conditions:
            return self.with_key(step.event_key)
        found = self._by_step.get(step)
        if found is None:
            found = [
                position
                for position in self.with_key(step.event_key)
                if all(condition.holds(self.occurrences[position].segmentation) for condition in step.conditions)
            ]
            self._by_step[step] = found
        return found


@dataclass(frozen=True, slots=True)
class Match:
    """The best attempt: the one that got furthest; of several, the one that began first.

    `reached` holds what served each step, in order. `reason` says why the next step was not done; None when complete.
    """

    reached: tuple[Occurrence, ...]
    is_complete: bool
    reason: Reason | None

    @property
    def steps_reached(self) -> int:
        """How many steps the attempt passed; 0: there was no attempt."""
        return len(self.reached)

    @property
    def step_times(self) -> tuple[datetime, ...]:
        """When each step was passed."""
        return tuple(occurrence.at for occurrence in self.reached)

    @property
    def gaps(self) -> tuple[timedelta | None, ...]:
        """The time since the step before, for each step passed; None for the first."""
        times = self.step_times
        return (None, *(later - earlier for earlier, later in pairwise(times)))[: len(times)]

    @property
    def completed_at(self) -> datetime | None:
        """When the last step was passed."""
        return self.reached[-1].at if self.is_complete else None


def match(rule: FunnelRule, occurrences: Iterable[Occurrence] | Journey, now: datetime) -> Match:
    """Return the best attempt of a user at a funnel.

    Every occurrence of the first step begins an attempt, and each attempt takes the next occurrence of each step:
    nothing later could reach further. One occurrence serves one step of an attempt. For many funnels of one user, build
    the `Journey` once. Linear in the occurrences of the steps' events.
    """
    journey = occurrences if isinstance(occurrences, Journey) else Journey(occurrences)
    best = _Best()
    for lists in _groups(rule, journey):
        _try_entries(lists, journey.occurrences, rule.window, best)
    is_complete = len(best.chain) == len(rule.steps)
    return Match(
        reached=tuple(journey.occurrences[position] for position in best.chain),
        is_complete=is_complete,
        reason=None if is_complete else _reason(rule, journey, best, now),
    )


def daily_bests(
    rule: FunnelRule, occurrences: Iterable[Occurrence] | Journey, zone: tzinfo
) -> dict[date, tuple[Occurrence, ...]]:
    """Return what served each step of the best of the attempts that began on each day of a time zone.

    The best of all days, the earliest of several, is the `Match`.
    """
    journey = occurrences if isinstance(occurrences, Journey) else Journey(occurrences)
    bests: dict[date, _Best] = defaultdict(_Best)
    for entries, *later in _groups(rule, journey):
        by_day: dict[date, list[int]] = defaultdict(list)
        for entry in entries:
            by_day[journey.occurrences[entry].at.astimezone(zone).date()].append(entry)
        for on, entries_of_day in by_day.items():
            _try_entries([entries_of_day, *later], journey.occurrences, rule.window, bests[on])
    return {on: tuple(journey.occurrences[position] for position in best.chain) for on, best in bests.items()}


@dataclass(slots=True)
class _Best:
    """The best attempt so far, and what is known of all attempts that got as far."""

    chain: tuple[int, ...] = ()
    last_entry: int = -1
    miss: tuple[timedelta, int] | None = None  # least time beyond the window, and what came that late


def _groups(rule: FunnelRule, journey: Journey) -> Iterator[Sequence[_Positions]]:
    """Return, for each part of the journey that an attempt must stay in, where each step was done."""
    lists = [journey.of_step(step) for step in rule.steps]
    if not rule.same_session:
        yield lists
        return
    by_session: dict[int, list[list[int]]] = {}
    for step, positions in enumerate(lists):
        for position in positions:
            session_id = journey.occurrences[position].session_id
            if session_id is None:
                continue
            if step == 0 and session_id not in by_session:
                by_session[session_id] = [[] for _ in lists]
            if session_id in by_session:  # else no attempt begins in it
                by_session[session_id][step].append(position)
    yield from by_session.values()


def _try_entries(
    lists: Sequence[_Positions], occurrences: Sequence[Occurrence], window: timedelta | None, best: _Best
) -> None:
    """Try every entry of one group. Later entries arrive later at every step, so each list is walked once."""
    walked = [0] * len(lists)
    for entry in lists[0]:
        closes_at = None if window is None else occurrences[entry].at + window
        chain = [entry]
        miss: tuple[timedelta, int] | None = None
        for step in range(1, len(lists)):
            walked[step] = index = bisect_right(lists[step], chain[-1], walked[step])
            if index == len(lists[step]):
                break
            position = lists[step][index]
            if closes_at is not None and occurrences[position].at > closes_at:
                miss = occurrences[position].at - closes_at, position
                break
            chain.append(position)
        if len(chain) >= len(best.chain):
            _take(best, tuple(chain), miss)
        if window is None or len(chain) == len(lists):
            return  # without a window, no later entry gets further than the first


def _take(best: _Best, chain: tuple[int, ...], miss: tuple[timedelta, int] | None) -> None:
    """Take note of an attempt that got at least as far as the best."""
    if len(chain) > len(best.chain):
        best.chain, best.last_entry, best.miss = chain, chain[0], miss
        return
    best.chain = min(best.chain, chain)
    best.last_entry = max(best.last_entry, chain[0])
    if miss is not None and (best.miss is None or miss < best.miss):
        best.miss = miss


def _reason(rule: FunnelRule, journey: Journey, best: _Best, now: datetime) -> Reason:
    """Return why the step after the best attempt's last was not done.

    What can still happen comes first. Then what the user did that is the step, then what only resembles it.
    """
    step = rule.steps[len(best.chain)]
    open_reason = _still_open(rule, journey, best, now)
    if open_reason:
        return open_reason
    done = journey.of_step(step)
    if not done:
        return _other_value(rule, journey, step, best)
    if not best.chain:
        return Reason(Kind.OTHER_SESSION, did_at=journey.occurrences[done[-1]].at, is_outside_sessions=True)
    if best.miss:
        late_by, position = best.miss
        return Reason(Kind.OUTSIDE_WINDOW, did_at=journey.occurrences[position].at, late_by=late_by, window=rule.window)
    after = bisect_right(done, best.chain[-1])
    if after < len(done):
        later = journey.occurrences[done[after]]
        return Reason(Kind.OTHER_SESSION, did_at=later.at, is_outside_sessions=later.session_id is None)
    return Reason(Kind.ONLY_BEFORE, did_at=journey.occurrences[done[-1]].at, is_step_above=done[-1] == best.chain[-1])


def _still_open(rule: FunnelRule, journey: Journey, best: _Best, now: datetime) -> Reason | None:
    """Return that the last of the furthest attempts can still be continued, if it can."""
    if rule.window is None or not best.chain:
        return None
    entry = journey.occurrences[best.last_entry]
    if now > entry.at + rule.window:
        return None
    if rule.same_session:
        newest = next((o.session_id for o in reversed(journey.occurrences) if o.session_id is not None), None)
        if newest != entry.session_id:
            return None
    return Reason(
        Kind.WINDOW_OPEN,
        open_until=entry.at + rule.window,
        began_at=entry.at if best.last_entry != best.chain[0] else None,
    )


def _other_value(rule: FunnelRule, journey: Journey, step: Step, best: _Best) -> Reason:
    """Return that the event was never done, or with which value, rather where the step would have counted."""
    resembling = journey.with_key(step.event_key)
    if not resembling:
        return Reason(Kind.NEVER)
    after = bisect_right(resembling, best.chain[-1]) if best.chain else len(resembling)
    occurrence = journey.occurrences[resembling[after if after < len(resembling) else -1]]
    missed = next(condition for condition in step.conditions if not condition.holds(occurrence.segmentation))
    return Reason(
        Kind.OTHER_VALUE, did_at=occurrence.at, missed=missed, had=(occurrence.segmentation or {}).get(missed.name)
    )
