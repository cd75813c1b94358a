"""The statement in the database and the pure matcher give the same, on random lives of random people."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from profiles.access.models import App
from profiles.activity.models import Event, EventKey, Session
from profiles.activity.segmentation import Condition, Operator, Scalar
from profiles.activity.sessions import SessionState, session_of
from profiles.funnels import sql
from profiles.funnels.matcher import FunnelRule, Occurrence, Step, daily_bests, match
from profiles.funnels.querysets import SOURCES, journey
from profiles.funnels.words import CRASH, SESSION
from profiles.tests.factories import make_app, make_crash, make_crash_group, make_event, make_session, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

T = datetime(2026, 11, 14, 9, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEYS = ["A", "B", "C"]
RANDOM = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Few values, so that what is alike and nearly alike meets often.
VALUES = st.sampled_from(
    [None, "pro", "Pro", "5", "5.0", "-7", "1e3", "", "İzmir", "izmir", "true", True, False, 5, 5.5, 0, 1e30, {"a": 5}]
)
HELD = VALUES | st.lists(VALUES, max_size=3)
WANTED: st.SearchStrategy[Scalar] = st.sampled_from(
    ["pro", "5", "5.0", "i", "İz", "true", "", True, False, 5, 5.5, 0, -7]
)
CONDITIONS = st.builds(Condition, st.just("x"), st.sampled_from(Operator), WANTED)
STEPS = st.builds(
    Step,
    st.sampled_from([*KEYS, *KEYS, "never sent", SESSION, CRASH]),
    st.lists(CONDITIONS, max_size=1).map(tuple),
)
RULES = st.builds(
    FunnelRule,
    st.lists(STEPS, min_size=1, max_size=5).map(tuple),
    st.sampled_from([None, timedelta(), MINUTE, 5 * MINUTE, 20 * MINUTE]),
    st.booleans(),
)
# Lives of 40 minutes, in the middle of which a day ends: at 10:00 UTC in Kiritimati (+14), at 11:00 in Pago Pago (-11),
# at 18:15 in Kathmandu (+5:45); at 4:00 and at 5:00 in New York, around days of 25 and of 23 hours; and at 4:00 in
# Santiago, where that day then begins at one o'clock.
ENDS_OF_DAYS = st.sampled_from(
    [
        ("UTC", T),
        ("Pacific/Kiritimati", T),
        ("Pacific/Pago_Pago", datetime(2026, 11, 14, 10, 40, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 11, 14, 17, 55, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 3, 40, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 2, 4, 40, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 4, 40, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 9, 3, 40, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 6, 3, 40, tzinfo=UTC)),
    ]
)
# What happened, in which minute, with which value.
LIVES = st.lists(st.tuples(st.sampled_from([*KEYS, *KEYS, SESSION, CRASH]), st.integers(0, 40), HELD), max_size=14)


@contextmanager
def nothing_stays() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def live(user: AppUser, life: list[tuple[str, int, Any]], start: datetime = T) -> list[Occurrence]:
    """Make what happened, and return it as the matcher takes it, built from the rows alone."""
    group = make_crash_group(user.app, "Error", T)
    rows: list[tuple[str, datetime, int, dict[str, Any] | None]] = []
    for kind, minute, value in life:
        at = start + minute * MINUTE
        if kind == SESSION:
            session = make_session(user, at, seconds=minute * 7, is_ended=bool(minute % 2), platform="iOS")
            rows.append((kind, at, session.id << 18, {"platform": "iOS"}))
        elif kind == CRASH:
            crash = make_crash(user, group, at)
            rows.append((kind, at, crash.id << 2 | 1, {"app_version": "1.0"}))
        else:
            event = make_event(user, kind, at, None if value == "" else {"x": value})
            rows.append((kind, at, event.id << 2 | 2, event.segmentation))
    sessions = [
        SessionState(s.id, s.started_at, s.last_signal_at, s.ended_at, s.duration_seconds, s.original_user_id)
        for s in Session.objects.filter(user_id=user.id).order_by("started_at", "id")
    ]

    def session_id(kind: str, at: datetime, place: int) -> int | None:
        if kind == SESSION:
            return place >> 18
        found = session_of(at, sessions)
        return found.id if found else None

    return [Occurrence(kind, at, place, said, session_id(kind, at, place)) for kind, at, place, said in rows]


def define(app: App, rules: list[FunnelRule]) -> list[sql.Definition]:
    numbers = dict(EventKey.objects.filter(app=app).values_list("key", "id"))
    return [
        sql.Definition(
            number, rule, tuple(SOURCES.get(step.event_key, numbers.get(step.event_key)) for step in rule.steps)
        )
        for number, rule in enumerate(rules, start=1)
    ]


def matched(app: App, rules: list[FunnelRule], users: sql.Users) -> dict[tuple[Any, int, date], list[datetime]]:
    """Return the times of the steps by user, funnel and day."""
    statement, parameters = sql.matching(define(app, rules), app, users)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    assert all(reached == len(times) for _, _, _, reached, times in rows)
    return {(user_id, number, on): times for user_id, number, on, _, times in rows}


@RANDOM
@given(
    rules=st.lists(RULES, min_size=1, max_size=3),
    lives=st.lists(LIVES, min_size=1, max_size=3),
    end_of_day=ENDS_OF_DAYS,
)
def test_the_database_matches_as_the_oracle_does(
    rules: list[FunnelRule], lives: list[list[tuple[str, int, Any]]], end_of_day: tuple[str, datetime]
) -> None:
    zone, start = end_of_day
    with nothing_stays():
        app = make_app(timezone=zone)
        expected: dict[tuple[Any, int, date], list[datetime]] = {}
        users = [make_user(app, f"device-{number}") for number in range(len(lives))]
        for user, life in zip(users, lives, strict=True):
            occurrences = live(user, life, start)
            for number, rule in enumerate(rules, start=1):
                for on, chain in daily_bests(rule, occurrences, ZoneInfo(zone)).items():
                    expected[user.id, number, on] = [occurrence.at for occurrence in chain]
        assert matched(app, rules, sql.Users(ids=[user.id for user in users])) == expected
        assert matched(app, rules, sql.Users()) == expected


@RANDOM
@given(held=HELD, condition=CONDITIONS, is_there=st.booleans())
def test_conditions_hold_in_the_database_as_in_python(held: Any, condition: Condition, *, is_there: bool) -> None:
    segmentation = {"x": held} if is_there else None
    with nothing_stays():
        user = make_user(make_app())
        make_event(user, "A", T, segmentation)
        rows = matched(user.app, [FunnelRule((Step("A", (condition,)),))], sql.Users(ids=[user.id]))
        assert bool(rows) == condition.holds(segmentation)


@RANDOM
@given(rule=RULES, life=LIVES)
def test_a_profile_reads_the_journey_that_the_statement_matches(rule: FunnelRule, life: list[Any]) -> None:
    with nothing_stays():
        app = make_app()
        user = make_user(app)
        live(user, life)
        found, is_cut = journey(define(app, [rule]), app.pk, user.id)
        best = match(rule, found, T)
        rows = matched(app, [rule], sql.Users(ids=[user.id]))
        assert not is_cut
        furthest = max(rows.values(), key=lambda times: (len(times), -times[0].timestamp()), default=[])
        assert furthest == list(best.step_times)


def test_a_text_that_looks_like_sql_is_only_a_text() -> None:
    user = make_user(make_app())
    name = "x'; DROP TABLE profiles_event; --%s %(p1)s {}"
    make_event(user, "A", T, {name: name})
    rule = FunnelRule((Step("A", (Condition(name, Operator.IS, name),)),))
    assert matched(user.app, [rule], sql.Users(ids=[user.id]))


def test_huge_numbers_and_odd_texts_of_strangers_fail_nothing() -> None:
    user = make_user(make_app())
    for value in ("9" * 400, "1e999", "NaN", "Infinity", "\n5", "5\n", "٥", {"a": [1]}, [[5]]):
        make_event(user, "A", T, {"x": value})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_event SET segmentation = '{\"x\": 1e999}' WHERE segmentation->>'x' = 'NaN'")
    for operator in Operator:
        rule = FunnelRule((Step("A", (Condition("x", operator, 5),)),))
        matched(user.app, [rule], sql.Users(ids=[user.id]))


def test_key_ranges_part_the_users_without_gap_or_overlap() -> None:
    app = make_app()
    users = sorted((make_user(app, f"device-{n}") for n in range(9)), key=lambda user: user.id)
    for user in users:
        make_event(user, "A", T)
    rule = FunnelRule((Step("A"),))
    bounds = [None, users[2].id, users[5].id, None]
    found = [
        [user_id for user_id, _, _ in matched(app, [rule], sql.Users(after=after, upto=upto))]
        for after, upto in pairwise(bounds)
    ]
    assert [sorted(ids) for ids in found] == [
        [user.id for user in users[:3]],
        [user.id for user in users[3:6]],
        [user.id for user in users[6:]],
    ]


def test_another_apps_events_do_not_count() -> None:
    mine, other = make_app(), make_app("Other")
    user = make_user(mine)
    make_event(user, "A", T)
    Event.objects.update(app=other)
    assert not matched(mine, [FunnelRule((Step("A"),))], sql.Users())
