from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from profiles.activity.sessions import (
    COOLDOWN,
    IDLE,
    DayDelta,
    FoldResult,
    Position,
    SessionState,
    Signal,
    Window,
    daily_deltas,
    day_of,
    fold,
    rebuild,
    session_of,
    window_to_rebuild,
)

T = datetime(2026, 11, 14, 10, tzinfo=UTC)
ANN, BEN = UUID(int=1), UUID(int=2)
HOUR = 3600


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def signal(
    seconds_in: float,
    request: int = 0,
    *,
    begins: bool = False,
    seconds: int = 0,
    ends: bool = False,
    ignore_cooldown: bool = False,
    user: UUID = ANN,
) -> Signal:
    return Signal(at(seconds_in), request, begins, seconds, ends, ignore_cooldown, user)


def begin(seconds_in: float, request: int = 0, *, seconds: int = 0, ignore_cooldown: bool = False) -> Signal:
    return signal(seconds_in, request, begins=True, seconds=seconds, ignore_cooldown=ignore_cooldown)


def ping(seconds_in: float, seconds: int, request: int = 0) -> Signal:
    return signal(seconds_in, request, seconds=seconds)


def end(seconds_in: float, seconds: int = 0, request: int = 0) -> Signal:
    return signal(seconds_in, request, seconds=seconds, ends=True)


def picture(result: FoldResult) -> list[tuple[float, float | None, int]]:
    """Return start, end and duration of each session in seconds."""
    return [
        (
            (session.started_at - T).total_seconds(),
            None if session.ended_at is None else (session.ended_at - T).total_seconds(),
            session.duration_seconds,
        )
        for session in result.sessions
    ]


# The table of the protocol


@pytest.mark.parametrize(
    ("signals", "sessions", "orphan_seconds"),
    [
        pytest.param([begin(0), ping(60, 60), ping(120, 60), end(150, 30)], [(0, 150, 150)], 0, id="begin-60-60-end"),
        pytest.param(
            [begin(0), ping(60, 60), begin(HOUR), ping(HOUR + 60, 60)],
            [(0, None, 60), (HOUR, None, 60)],
            0,
            id="no-end-then-begin-an-hour-later",
        ),
        pytest.param(
            [begin(0), end(60, 60), begin(74), ping(134, 60)], [(0, None, 120)], 0, id="end-then-begin-after-14s"
        ),
        pytest.param(
            [begin(0), end(60, 60), begin(75)], [(0, 60, 60), (75, None, 0)], 0, id="end-then-begin-after-15s"
        ),
        pytest.param([begin(0), end(60, 60), begin(74.999)], [(0, None, 60)], 0, id="end-then-begin-just-below-15s"),
        pytest.param(
            [begin(0), end(60, 60), begin(65, ignore_cooldown=True)],
            [(0, 60, 60), (65, None, 0)],
            0,
            id="ignore-cooldown",
        ),
        pytest.param([ping(0, 60), ping(60, 60)], [], 120, id="seconds-before-any-begin"),
        pytest.param([end(0), begin(5)], [(5, None, 0)], 0, id="end-with-no-session-does-not-swallow-the-begin"),
        pytest.param(
            [begin(0), ping(60, 60), end(60, request=1), begin(HOUR)],
            [(0, 60, 60), (HOUR, None, 0)],
            0,
            id="offline-for-an-hour",
        ),
        pytest.param([begin(0, seconds=30), end(60, 30)], [(0, 60, 60)], 0, id="begin-carries-seconds"),
        pytest.param(
            [begin(0), begin(20), ping(30, 30), end(40)],
            [(0, None, 0), (20, 40, 30)],
            0,
            id="two-devices-with-one-id",
        ),
        pytest.param(
            [begin(0), ping(60, 60), ping(120, 60), begin(2 * HOUR)],
            [(0, None, 120), (2 * HOUR, None, 0)],
            0,
            id="web-never-ends",
        ),
        pytest.param(
            [begin(0), ping(60, 60), ping(75, 15), end(75, request=1), begin(HOUR)],
            [(0, 75, 75), (HOUR, None, 0)],
            0,
            id="captured-offline-hour",
        ),
    ],
)
def test_protocol(signals: list[Signal], sessions: list[tuple[float, float | None, int]], orphan_seconds: int) -> None:
    result = rebuild(signals)
    assert picture(result) == sessions
    assert result.orphan_seconds == orphan_seconds


# What the table leaves open


@pytest.mark.parametrize(
    ("signals", "sessions"),
    [
        pytest.param(
            [signal(0, begins=True, ends=True, seconds=7), ping(5, 5)], [(0, None, 12)], id="begin-wins-over-end"
        ),
        pytest.param(
            [begin(0), end(60), ping(300, 30)], [(0, 60, 30)], id="ping-after-the-end-counts-and-reopens-nothing"
        ),
        pytest.param([begin(0), end(60), end(90, 30), begin(80)], [(0, 60, 0), (80, 90, 30)], id="order-is-by-time"),
        pytest.param([begin(0), end(60), end(70), begin(80)], [(0, 60, 0), (80, None, 0)], id="the-first-end-stands"),
        pytest.param(
            [begin(0), end(60), begin(70), end(80), begin(90)], [(0, None, 0)], id="a-continued-session-ends-again"
        ),
        pytest.param(
            [begin(0), end(60), end(HOUR, 9), begin(HOUR + 1)],
            [(0, 60, 9), (HOUR + 1, None, 0)],
            id="stray-end-of-another-user-on-an-ended-session",
        ),
        pytest.param(
            [begin(0), ping(60, 60), end(HOUR, 9), begin(HOUR + 1)],
            [(0, None, 69), (HOUR + 1, None, 0)],
            id="stray-end-of-another-user-on-a-session-never-ended",
        ),
        pytest.param([begin(0), end(1800)], [(0, 1800, 0)], id="end-at-the-edge-of-the-reach"),
        pytest.param([begin(0), begin(0, 1)], [(0, None, 0), (0, None, 0)], id="two-begins-at-once"),
        pytest.param([begin(0), end(0, request=1), begin(0, 2)], [(0, None, 0)], id="all-in-one-millisecond"),
        pytest.param(
            [begin(100, ignore_cooldown=True), end(110), begin(112)],
            [(100, None, 0)],
            id="ignore-cooldown-is-of-the-begin",
        ),
    ],
)
def test_decided_here(signals: list[Signal], sessions: list[tuple[float, float | None, int]]) -> None:
    assert picture(rebuild(signals)) == sessions


def test_a_session_is_named_after_the_request_that_began_it() -> None:
    signals = [
        signal(0, 7, begins=True, user=ANN),
        signal(10, 8, ends=True, user=BEN),
        signal(12, 9, begins=True, seconds=4, user=BEN),
    ]
    assert rebuild(signals).sessions == [SessionState(7, at(0), at(12), None, 4, ANN)]


def test_a_ping_moves_the_last_signal_even_after_the_end() -> None:
    (session,) = rebuild([begin(0), end(10), ping(50, 5)]).sessions
    assert (session.last_signal_at, session.ended_at) == (at(50), at(10))


def test_a_session_that_no_signal_touches_is_not_returned() -> None:
    (current,) = rebuild([begin(0)]).sessions
    assert fold([], current) == FoldResult([], 0)
    assert [session.started_at for session in fold([begin(100)], current).sessions] == [at(100)]
    assert [session.started_at for session in fold([ping(50, 5), begin(100)], current).sessions] == [at(0), at(100)]


# Any order of arrival

# Few distinct times, near the cooldown's edge and far apart, so that ends, begins and ties meet.
MOMENTS = st.sampled_from([0, 0, 1, 10, 14, 15, 16, 29, 30, 1800, 1815, 1816, 3600, 3610, 3625, 7000, 7010])


@st.composite
def histories(draw: st.DrawFn, max_size: int = 14) -> list[Signal]:
    drawn = draw(
        st.lists(
            st.tuples(
                MOMENTS,
                st.sampled_from(["begin", "begin!", "ping", "end", "begin+end"]),
                st.integers(0, 60),
                st.sampled_from([ANN, BEN]),
            ),
            max_size=max_size,
        )
    )
    ids = draw(st.permutations(range(len(drawn))))
    return [
        signal(
            moment,
            request,
            begins=kind.startswith("begin"),
            seconds=seconds,
            ends="end" in kind,
            ignore_cooldown="!" in kind,
            user=user,
        )
        for (moment, kind, seconds, user), request in zip(drawn, ids, strict=True)
    ]


@given(histories())
def test_the_order_given_does_not_matter(signals: list[Signal]) -> None:
    assert fold(signals) == fold(sorted(signals, key=lambda s: s.position))


@given(histories())
def test_no_second_is_lost(signals: list[Signal]) -> None:
    result = rebuild(signals)
    assert result.orphan_seconds + sum(s.duration_seconds for s in result.sessions) == sum(s.seconds for s in signals)


@given(histories(), st.lists(st.integers(0, 14), max_size=4))
def test_folding_in_parts_is_folding_at_once(signals: list[Signal], cuts: list[int]) -> None:
    signals.sort(key=lambda s: s.position)
    bounds = [0, *sorted(min(cut, len(signals)) for cut in cuts), len(signals)]
    sessions: dict[Position, SessionState] = {}
    current: SessionState | None = None
    orphan_seconds = 0
    for start, stop in pairwise(bounds):
        result = fold(signals[start:stop], current)
        sessions |= {session.position: session for session in result.sessions}
        current = result.sessions[-1] if result.sessions else current
        orphan_seconds += result.orphan_seconds
    assert FoldResult(list(sessions.values()), orphan_seconds) == rebuild(signals)


class Store:
    """Keeps signals and sessions as ingest does: folds what comes in order, rebuilds a window for what is late."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.sessions: list[SessionState] = []
        self.days: dict[tuple[date, UUID], tuple[int, int]] = {}

    def take(self, arrived: list[Signal]) -> None:
        positions = sorted(s.position for s in arrived)
        newest = max((s.position for s in self.signals), default=None)
        self.signals += arrived
        if newest is None or positions[0] > newest:
            before = self.sessions[-1:]
            after = fold(arrived, before[0] if before else None).sessions
            before = [session for session in before if after and session.position == after[0].position]
        else:
            window = window_to_rebuild(positions[0], positions[-1], self.sessions)
            before = [session for session in self.sessions if session.position in window]
            after = rebuild([s for s in self.signals if s.position in window]).sessions
        kept = [session for session in self.sessions if session not in before]
        self.sessions = sorted(kept + after, key=lambda session: session.position)
        for key, delta in daily_deltas(arrived, before, after, RIGA).items():
            sessions, seconds = self.days.get(key, (0, 0))
            self.days[key] = (sessions + delta.sessions, seconds + delta.seconds)


RIGA = ZoneInfo("Europe/Riga")
ARRIVALS = histories().flatmap(
    lambda signals: st.tuples(
        st.permutations(signals), st.lists(st.integers(1, 4), min_size=len(signals), max_size=len(signals))
    )
)


@settings(max_examples=300)
@given(ARRIVALS)
def test_any_order_and_batching_of_arrival_ends_the_same(arrivals: tuple[list[Signal], list[int]]) -> None:
    signals, sizes = arrivals
    store = Store()
    rest = signals
    for size in sizes:
        batch, rest = rest[:size], rest[size:]
        if batch:
            store.take(batch)
    expected = rebuild(signals).sessions
    assert store.sessions == expected
    days = {key: total for key, total in store.days.items() if total != (0, 0)}
    once = daily_deltas(signals, [], expected, RIGA)
    assert days == {key: (delta.sessions, delta.seconds) for key, delta in once.items()}


@settings(max_examples=500)
@given(histories(max_size=8), histories(max_size=2))
def test_refolding_only_the_window_equals_a_complete_rebuild(known: list[Signal], late: list[Signal]) -> None:
    late = [
        Signal(s.at, s.id + 100, s.begins, s.seconds, s.ends, s.ignore_cooldown, s.original_user_id) for s in late
    ] or [end(14, 5, 100)]
    positions = sorted(s.position for s in late)
    stored = rebuild(known).sessions
    window = window_to_rebuild(positions[0], positions[-1], stored)
    refolded = rebuild([s for s in known + late if s.position in window]).sessions
    untouched = [session for session in stored if session.position not in window]
    whole = sorted(untouched + refolded, key=lambda session: session.position)
    assert whole == rebuild(known + late).sessions


def test_the_window_ends_before_the_second_session_after_the_late_signal() -> None:
    sessions = rebuild([begin(n * HOUR, n) for n in range(6)]).sessions
    late = Position(at(1.5 * HOUR), 99)
    assert window_to_rebuild(late, late, sessions) == Window(Position(at(HOUR), 1), Position(at(3 * HOUR), 3))
    early = Position(at(-1), 99)
    assert window_to_rebuild(early, early, sessions) == Window(None, Position(at(HOUR), 1))
    last = Position(at(5.5 * HOUR), 99)
    assert window_to_rebuild(last, last, sessions) == Window(Position(at(5 * HOUR), 5), None)
    assert window_to_rebuild(early, last, []) == Window(None, None)


def test_the_window_can_be_told_from_the_neighbouring_sessions_alone() -> None:
    sessions = rebuild([begin(n * HOUR, n) for n in range(6)]).sessions
    late = Position(at(1.5 * HOUR), 99)
    assert window_to_rebuild(late, late, sessions[1:4]) == window_to_rebuild(late, late, sessions)


def test_a_late_end_joins_two_sessions() -> None:
    store = Store()
    store.take([begin(0, 1), begin(20, 2), end(50, 30, 3), begin(200, 4)])
    store.take([end(10, 10, 5)])
    assert picture(FoldResult(store.sessions, 0)) == [(0, 50, 40), (200, None, 0)]


def test_a_late_begin_takes_the_later_pings_of_the_session_before() -> None:
    store = Store()
    store.take([begin(0, 1), ping(60, 60, 2), ping(HOUR + 60, 60, 3)])
    store.take([begin(HOUR, 4)])
    assert picture(FoldResult(store.sessions, 0)) == [(0, None, 60), (HOUR, None, 60)]


# Events and days


@pytest.mark.parametrize(
    ("seconds_in", "expected"),
    [
        (-1, None),
        (0, 1),
        (60 + 15, 1),
        (60 + 15.001, None),
        (HOUR - 1, None),
        (HOUR, 2),
        (HOUR + 60 + 1800, 2),
        (HOUR + 60 + 1800.001, None),
        (3 * HOUR, 3),
    ],
)
def test_session_of(seconds_in: float, expected: int | None) -> None:
    sessions = rebuild([begin(0, 1), end(60, 60), begin(HOUR, 2), ping(HOUR + 60, 60), begin(3 * HOUR, 3)]).sessions
    found = session_of(at(seconds_in), sessions)
    assert (found and found.id) == expected


def test_a_view_that_is_left_after_the_end_still_belongs_to_the_session() -> None:
    (session,) = rebuild([begin(0), end(60)]).sessions
    assert session_of(at(61), [session]) is session
    assert session.reach == at(60) + COOLDOWN


def test_an_event_of_an_open_web_session_stays_in_it_when_the_next_begins() -> None:
    first = rebuild([begin(0, 1), ping(60, 60)]).sessions
    both = rebuild([begin(0, 1), ping(60, 60), begin(2 * HOUR, 2)]).sessions
    assert session_of(at(100), first) == session_of(at(100), both) == first[0]
    assert first[0].reach == at(60) + IDLE


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", date(2026, 11, 14)),
        ("Pacific/Kiritimati", date(2026, 11, 15)),  # +14
        ("Pacific/Pago_Pago", date(2026, 11, 13)),  # -11
        ("Asia/Kathmandu", date(2026, 11, 14)),  # +5:45
    ],
)
def test_day_of(zone: str, expected: date) -> None:
    assert day_of(datetime(2026, 11, 14, 10, 30, tzinfo=UTC), ZoneInfo(zone)) == expected


def test_daily_deltas_follow_the_apps_midnight() -> None:
    midnight = datetime(2026, 11, 14, 18, 15, tzinfo=UTC)  # in Kathmandu
    minute = timedelta(minutes=1)
    signals = [
        Signal(midnight - minute, 1, True, 0, False, False, ANN),
        Signal(midnight, 2, False, 60, False, False, BEN),
    ]
    assert daily_deltas(signals, [], rebuild(signals).sessions, ZoneInfo("Asia/Kathmandu")) == {
        (date(2026, 11, 14), ANN): DayDelta(sessions=1),
        (date(2026, 11, 15), BEN): DayDelta(seconds=60),
    }


def test_daily_deltas_take_away_a_session_that_is_no_longer() -> None:
    before = rebuild([begin(0, 1), begin(20, 2)]).sessions
    late = end(10, 10, 3)
    after = rebuild([begin(0, 1), begin(20, 2), late]).sessions
    assert daily_deltas([late], before, after, UTC) == {(date(2026, 11, 14), ANN): DayDelta(sessions=-1, seconds=10)}
