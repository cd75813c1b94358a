from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from profiles.activity.segmentation import Condition, Operator
from profiles.funnels.matcher import FunnelRule, Journey, Match, Occurrence, Step, match
from profiles.funnels.reasons import Kind, Reason

T = datetime(2026, 11, 14, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG_AFTER = T + timedelta(days=365)


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def journey(text: str, **segmentations: dict[str, Any]) -> list[Occurrence]:
    """Read a journey: `A@5 B@9/2` is event A in minute 5, then B in minute 9 in session 2; all else is in session 1.

    `/-` is outside any session; a letter's segmentation may be given by keyword.
    """
    occurrences = []
    for number, word in enumerate(text.split()):
        key, _, place = word.partition("@")
        minute, _, session = place.partition("/")
        session_id = None if session == "-" else int(session or 1)
        occurrences.append(Occurrence(key[0], at(float(minute)), number, segmentations.get(key), session_id))
    return occurrences


def rule(keys: str, minutes: float | None = None, *, same_session: bool = False) -> FunnelRule:
    return FunnelRule(
        tuple(Step(key) for key in keys), None if minutes is None else timedelta(minutes=minutes), same_session
    )


def minutes_of(result: Match) -> list[float]:
    return [(time - T) / timedelta(minutes=1) for time in result.step_times]


@pytest.mark.parametrize(
    ("funnel", "done", "reached"),
    [
        pytest.param(rule("ABC"), "A@1 B@2 C@3", [1, 2, 3], id="in-order"),
        pytest.param(rule("ABC"), "A@1 X@2 B@3 X@4 C@5", [1, 3, 5], id="others-between"),
        pytest.param(rule("ABC"), "C@1 B@2 A@3", [3], id="backwards"),
        pytest.param(rule("ABC"), "A@1 C@2 B@3", [1, 3], id="steps-in-order-only"),
        pytest.param(rule("ABC"), "B@1 C@2", [], id="not-entered"),
        pytest.param(rule("AA"), "A@1", [1], id="one-event-serves-one-step"),
        pytest.param(rule("AA"), "A@1 A@1", [1, 1], id="equal-times-are-ordered-by-id"),
        pytest.param(rule("AB"), "B@1 A@1", [1], id="equal-times-in-the-other-order"),
        pytest.param(rule("AB"), "A@1 A@2 B@3 B@4", [1, 3], id="earliest-entry-and-next-step"),
        pytest.param(rule("AB", 60), "A@0 B@60", [0, 60], id="window-is-inclusive"),
        pytest.param(rule("AB", 60), "A@0 B@60.001", [0], id="just-outside-the-window"),
        pytest.param(rule("AB", 60), "A@0 A@100 B@110", [100, 110], id="every-entry-counts"),
        pytest.param(rule("ABC", 60), "A@0 B@50 A@55 B@58 C@100", [55, 58, 100], id="a-later-entry-gets-further"),
        pytest.param(rule("ABC", 60), "A@0 B@10 A@100 B@110", [0, 10], id="of-equal-attempts-the-first"),
        pytest.param(rule("ABC", 60), "A@0 B@10 A@100 B@110 C@120", [100, 110, 120], id="the-furthest-attempt"),
        pytest.param(rule("AB", same_session=True), "A@0/1 B@1/2", [0], id="another-session"),
        pytest.param(rule("AB", same_session=True), "A@0/1 A@5/2 B@6/2", [5, 6], id="same-session"),
        pytest.param(rule("AB", same_session=True), "A@0/- B@1/-", [], id="outside-sessions-does-not-count"),
        pytest.param(rule("AB"), "A@0/- B@1/-", [0, 1], id="outside-sessions-counts-elsewhere"),
        pytest.param(
            rule("ABC", 60, same_session=True), "A@0/1 B@5/1 A@9/2 C@70/1 B@71/2", [0, 5], id="window-in-session"
        ),
        pytest.param(rule("A"), "A@5 A@6", [5], id="one-step"),
        pytest.param(rule("A"), "", [], id="nothing-done"),
    ],
)
def test_match(funnel: FunnelRule, done: str, reached: list[float]) -> None:
    result = match(funnel, journey(done), LONG_AFTER)
    assert minutes_of(result) == reached
    assert result.steps_reached == len(reached)
    assert result.is_complete == (len(reached) == len(funnel.steps))
    assert (result.reason is None) == result.is_complete
    assert result.completed_at == (result.step_times[-1] if result.is_complete else None)


def test_conditions_select_occurrences() -> None:
    pro = FunnelRule((Step("A"), Step("B", (Condition("plan", Operator.IS, "pro"),))))
    done = journey("A@0 Bfree@1 Bpro@2", Bfree={"plan": "free"}, Bpro={"plan": "pro"})
    assert minutes_of(match(pro, done, LONG_AFTER)) == [0, 2]


def test_gaps() -> None:
    assert match(rule("ABC"), journey("A@0 B@5 C@65"), LONG_AFTER).gaps == (None, 5 * HOUR / 60, HOUR)
    assert match(rule("ABC"), [], LONG_AFTER).gaps == ()


def test_a_funnel_has_a_step() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        FunnelRule(())


# Reasons

PRO = FunnelRule((Step("A"), Step("B", (Condition("plan", Operator.IS, "pro"),))))
FREE = {"plan": "free"}


@pytest.mark.parametrize(
    ("funnel", "done", "now", "kind", "text"),
    [
        pytest.param(rule("AB"), "", 999, Kind.NEVER, "Never did it.", id="never-entered"),
        pytest.param(rule("AB"), "A@0", 999, Kind.NEVER, "Never did it.", id="never"),
        pytest.param(
            rule("AB"),
            "B@1 B@2 A@5",
            999,
            Kind.ONLY_BEFORE,
            "Did it only before the step above, last on Sat 14 Nov 2026, 10:02:00 (UTC).",
            id="only-before",
        ),
        pytest.param(
            rule("AA"), "A@5", 999, Kind.ONLY_BEFORE, "Did it, but not again after the step above.", id="not-again"
        ),
        pytest.param(
            PRO,
            "A@0 B@1",
            999,
            Kind.OTHER_VALUE,
            "Did it, but plan was “free”; the step wants: plan is “pro”.",
            id="other-value",
        ),
        pytest.param(
            rule("AB", 60),
            "A@0 B@240",
            999,
            Kind.OUTSIDE_WINDOW,
            "Did it 3 h 00 m after the window of 1 h 00 m had closed.",
            id="outside-the-window",
        ),
        pytest.param(
            rule("AB", 60),
            "A@0 A@50 B@112 A@500 B@570",
            999,
            Kind.OUTSIDE_WINDOW,
            "Did it 2 m 00 s after the window of 1 h 00 m had closed.",
            id="outside-the-window-by-the-least",
        ),
        pytest.param(
            rule("AB", 2 * 1440),
            "A@0 B@10000",
            99999,
            Kind.OUTSIDE_WINDOW,
            "Did it 4 days 22 h after the window of 2 days had closed.",
            id="in-days",
        ),
        pytest.param(
            rule("AB", same_session=True),
            "A@0/1 B@90/2",
            999,
            Kind.OTHER_SESSION,
            "Did it, but in another session, on Sat 14 Nov 2026, 11:30:00 (UTC).",
            id="other-session",
        ),
        pytest.param(
            rule("AB", same_session=True),
            "A@0/1 B@90/-",
            999,
            Kind.OTHER_SESSION,
            "Did it, but outside any session, on Sat 14 Nov 2026, 11:30:00 (UTC).",
            id="outside-sessions",
        ),
        pytest.param(
            rule("AB", same_session=True),
            "A@0/-",
            999,
            Kind.OTHER_SESSION,
            "Did it, but outside any session, on Sat 14 Nov 2026, 10:00:00 (UTC).",
            id="entered-outside-sessions",
        ),
        pytest.param(
            rule("AB", 60),
            "A@0",
            60,
            Kind.WINDOW_OPEN,
            "Not yet: the window is open until Sat 14 Nov 2026, 11:00:00 (UTC).",
            id="open",
        ),
        pytest.param(rule("AB", 60), "A@0", 60.01, Kind.NEVER, "Never did it.", id="no-longer-open"),
        pytest.param(
            rule("ABC", 60),
            "A@0 B@1 A@500 B@510",
            520,
            Kind.WINDOW_OPEN,
            "Not yet: a later attempt, begun on Sat 14 Nov 2026, 18:20:00 (UTC), has time until"
            " Sat 14 Nov 2026, 19:20:00 (UTC).",
            id="a-later-attempt-is-open",
        ),
        pytest.param(
            rule("ABC", 60),
            "A@0 B@1 A@500",
            520,
            Kind.NEVER,
            "Never did it.",
            id="an-open-attempt-less-far-does-not-count",
        ),
        pytest.param(
            rule("AB", 60, same_session=True),
            "A@0/1 X@5/2",
            20,
            Kind.NEVER,
            "Never did it.",
            id="open-but-session-over",
        ),
        pytest.param(
            rule("AB", 60, same_session=True),
            "A@0/1 X@5/- X@6/1",
            20,
            Kind.WINDOW_OPEN,
            "Not yet: the window is open until Sat 14 Nov 2026, 11:00:00 (UTC).",
            id="open-in-the-session",
        ),
    ],
)
def test_reason(funnel: FunnelRule, done: str, now: float, kind: Kind, text: str) -> None:
    reason = match(funnel, journey(done, B=FREE), at(now)).reason
    assert reason is not None
    assert (reason.kind, reason.text) == (kind, text)


def test_the_value_named_is_the_one_where_the_step_would_have_counted() -> None:
    done = journey("Bbasic@0 A@1 Bfree@2 Btrial@3", Bbasic={"plan": "basic"}, Bfree=FREE, Btrial={"plan": "trial"})
    reason = match(PRO, done, LONG_AFTER).reason
    assert reason is not None
    assert (reason.had, reason.did_at) == ("free", at(2))
    before = match(PRO, journey("Bbasic@0 Bfree@1 A@2", Bbasic={"plan": "basic"}, Bfree=FREE), LONG_AFTER).reason
    assert before is not None
    assert before.had == "free"


def test_a_value_that_is_missing_is_named_so() -> None:
    reason = match(PRO, journey("A@0 B@1"), LONG_AFTER).reason
    assert reason is not None
    assert reason.text == "Did it, but plan was not set; the step wants: plan is “pro”."


def test_what_is_the_step_explains_before_what_only_resembles_it() -> None:
    done = journey("Bpro@0 A@1 Bfree@2", Bpro={"plan": "pro"}, Bfree=FREE)
    reason = match(PRO, done, LONG_AFTER).reason
    assert reason is not None
    assert reason.kind == Kind.ONLY_BEFORE


def test_a_strangers_long_value_is_cut() -> None:
    reason = match(PRO, journey("A@0 B@1", B={"plan": "x" * 1000}), LONG_AFTER).reason
    assert reason is not None
    assert len(reason.text) < 200


def test_times_read_in_a_zone() -> None:
    reason = Reason(Kind.WINDOW_OPEN, open_until=T)
    assert reason.text_in(ZoneInfo("Asia/Kathmandu")).endswith("until Sat 14 Nov 2026, 15:45:00 (Asia/Kathmandu).")


# Against brute force


def attempts(funnel: FunnelRule, done: Sequence[Occurrence]) -> Iterator[tuple[int, ...]]:
    """Give every way, however foolish, in which occurrences can serve the first steps of a funnel."""

    def is_step(occurrence: Occurrence, step: Step) -> bool:
        return occurrence.event_key == step.event_key and all(
            condition.holds(occurrence.segmentation) for condition in step.conditions
        )

    def extend(chain: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if chain:
            yield chain
        if len(chain) == len(funnel.steps):
            return
        for position in range(chain[-1] + 1 if chain else 0, len(done)):
            if not is_step(done[position], funnel.steps[len(chain)]):
                continue
            first = done[chain[0]] if chain else done[position]
            if funnel.window is not None and done[position].at - first.at > funnel.window:
                continue
            if funnel.same_session and (
                done[position].session_id is None or done[position].session_id != first.session_id
            ):
                continue
            yield from extend((*chain, position))

    return extend(())


def brute_force(funnel: FunnelRule, done: Sequence[Occurrence]) -> tuple[int, ...]:
    """Return the attempt that gets furthest; of several, the one that is earliest at its first step, its second ..."""
    return min(attempts(funnel, done), key=lambda chain: (-len(chain), chain), default=())


CONDITIONS = st.sampled_from([(), (Condition("x", Operator.IS, 1),), (Condition("x", Operator.IS_NOT, 1),)])
RULES = st.builds(
    FunnelRule,
    st.lists(st.builds(Step, st.sampled_from("AABC"), CONDITIONS), min_size=1, max_size=4).map(tuple),
    st.one_of(st.none(), st.integers(0, 8).map(lambda minutes: timedelta(minutes=minutes))),
    st.booleans(),
)
JOURNEYS = st.lists(
    st.tuples(
        st.sampled_from("AABBCX"),
        st.integers(0, 12),
        st.sampled_from([None, {}, {"x": 1}]),
        st.sampled_from([None, 1, 1, 2]),
    ),
    max_size=10,
).flatmap(
    lambda rows: st.permutations(range(len(rows))).map(
        lambda ids: [
            Occurrence(key, at(minute), place, segmentation, session)
            for (key, minute, segmentation, session), place in zip(rows, ids, strict=True)
        ]
    )
)


@settings(max_examples=1000)
@given(RULES, JOURNEYS)
def test_it_finds_what_brute_force_finds(funnel: FunnelRule, done: list[Occurrence]) -> None:
    ordered = sorted(done, key=lambda occurrence: (occurrence.at, occurrence.id))
    expected = brute_force(funnel, ordered)
    assert match(funnel, done, LONG_AFTER).reached == tuple(ordered[position] for position in expected)


@settings(max_examples=500)
@given(RULES, JOURNEYS, st.integers(0, 25))
def test_the_reason_is_true(funnel: FunnelRule, done: list[Occurrence], now: int) -> None:
    ordered = sorted(done, key=lambda occurrence: (occurrence.at, occurrence.id))
    result = match(funnel, done, at(now))
    reason = result.reason
    if reason is None:
        return
    step = funnel.steps[result.steps_reached]
    keyed = [o for o in ordered if o.event_key == step.event_key]
    passing = [o for o in keyed if all(condition.holds(o.segmentation) for condition in step.conditions)]
    furthest = [chain for chain in attempts(funnel, ordered) if len(chain) == result.steps_reached]
    after = [o for o in passing if any(ordered.index(o) > chain[-1] for chain in furthest)]
    if reason.kind == Kind.WINDOW_OPEN:
        assert funnel.window is not None
        assert at(now) <= reason.open_until == max(ordered[chain[0]].at for chain in furthest) + funnel.window  # type: ignore[operator]
        assert (reason.began_at is None) == (
            reason.open_until == result.step_times[0] + funnel.window
        ) or reason.began_at
    elif reason.kind == Kind.NEVER:
        assert not keyed
    elif reason.kind == Kind.OTHER_VALUE:
        assert keyed
        assert not passing
        assert reason.missed in step.conditions
        assert any(o.at == reason.did_at and (o.segmentation or {}).get("x") == reason.had for o in keyed)
    elif reason.kind == Kind.OUTSIDE_WINDOW:
        assert funnel.window is not None
        late = [
            o.at - ordered[chain[0]].at - funnel.window
            for chain in furthest
            for o in passing
            if ordered.index(o) > chain[-1]
            and (not funnel.same_session or o.session_id == ordered[chain[0]].session_id)
        ]
        assert reason.late_by == min(late) > timedelta()
    elif reason.kind == Kind.OTHER_SESSION:
        assert funnel.same_session
        assert any(o.at == reason.did_at for o in (after or passing))
    else:
        assert passing
        assert all(ordered.index(o) <= ordered.index(result.reached[-1]) for o in passing)


def test_a_journey_serves_many_funnels() -> None:
    walked = Journey(journey("A@0 B@1 C@2"))
    assert [match(rule(keys), walked, LONG_AFTER).steps_reached for keys in ("ABC", "CBA", "X", "AC")] == [3, 1, 0, 2]
    assert all(earlier.at <= later.at for earlier, later in pairwise(walked.occurrences))
