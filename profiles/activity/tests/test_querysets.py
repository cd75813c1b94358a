"""Reads of activity: which events belong to which session, and reading them page by page."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from profiles.access.models import App
from profiles.activity import querysets
from profiles.activity.models import Event, Session
from profiles.activity.querysets import Cursor, Span, span_of
from profiles.activity.sessions import SessionState, session_of
from profiles.tests.factories import make_app, make_event, make_session, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _user() -> AppUser:
    return make_user(make_app())


def _states(user: AppUser) -> list[SessionState]:
    sessions = Session.objects.filter(user_id=user.id).order_by("started_at", "id")
    return [
        SessionState(s.id, s.started_at, s.last_signal_at, s.ended_at, s.duration_seconds, s.original_user_id)
        for s in sessions
    ]


def _random_history(seed: int) -> AppUser:
    """Sessions that overlap, touch and begin at once; events at and beside every edge of theirs."""
    chosen = random.Random(seed)
    user = _user()
    edges = [NOON]
    for _ in range(chosen.randint(0, 6)):
        start = NOON + timedelta(seconds=chosen.choice([0, 1, 15, 16, 600, 1800, 1801, chosen.randint(0, 9000)]))
        session = make_session(
            user, start, seconds=chosen.choice([0, 1, 14, 60, 1800]), is_ended=chosen.choice([True, False])
        )
        edges += [start, session.last_signal_at]
        edges += [session.last_signal_at + reach for reach in (timedelta(seconds=15), timedelta(minutes=30))]
    for edge in edges:
        for step in (timedelta(), timedelta(microseconds=1), -timedelta(microseconds=1)):
            make_event(user, "tap", edge + step)
    return user


@pytest.mark.parametrize("seed", range(25))
def test_sql_and_the_pure_rule_agree_on_whose_event_it_is(seed: int) -> None:
    user = _random_history(seed)
    states = _states(user)
    expected: dict[int | None, set[int]] = {state.id: set() for state in states}
    expected[None] = set()
    for event in Event.objects.filter(user_id=user.id):
        state = session_of(event.occurred_at, states)
        expected[state.id if state else None].add(event.id)

    found: dict[int | None, set[int]] = {
        session.id: {event.id for event in querysets.events_of_span(user.id, span_of(session))}
        for session in querysets.session_page(user.id).sessions
    }
    found[None] = {event.id for event in querysets.events_outside(user.id, querysets.gaps(user.id).spans)}
    assert found == expected


@pytest.mark.parametrize("seed", range(5))
def test_each_session_counts_the_events_that_it_lists(seed: int) -> None:
    user = _random_history(seed)
    spans = [span_of(session) for session in querysets.session_page(user.id).sessions]
    listed = [len(querysets.events_of_span(user.id, span)) for span in spans]
    assert querysets.count_events(user.id, spans) == listed


def test_counting_stops_one_above_the_limit() -> None:
    user = _user()
    session = make_session(user, NOON)
    for second in range(9):
        make_event(user, "tap", NOON + timedelta(seconds=second))
    span = querysets.session_by_id(user.id, session.id)
    assert span is not None
    assert querysets.count_events(user.id, [span_of(span)], limit=4) == [5]


def test_sessions_are_paged_both_ways_without_gap_or_repeat() -> None:
    user = _user()
    for index in range(7):
        make_session(user, NOON + timedelta(minutes=index // 2))  # pairs begin at once
    everything = [s.id for s in querysets.session_page(user.id, limit=100).sessions]

    first = querysets.session_page(user.id, limit=3)
    last = first.sessions[-1]
    second = querysets.session_page(user.id, older_than=Cursor(last.started_at, last.id), limit=3)
    assert [s.id for s in [*first.sessions, *second.sessions]] == everything[:6]
    assert (first.has_newer, first.has_older, second.has_newer) == (False, True, True)

    top = second.sessions[0]
    back = querysets.session_page(user.id, newer_than=Cursor(top.started_at, top.id), limit=3)
    assert [s.id for s in back.sessions] == everything[:3]
    assert not back.has_newer


def test_events_outside_go_on_behind_the_sessions_that_one_look_covers() -> None:
    user = _user()
    for index in range(5):
        make_session(user, NOON - timedelta(hours=3 * index))
    first = make_event(user, "background", NOON - timedelta(days=9))
    look = querysets.gaps(user.id, sessions=2)
    assert look.older is not None
    assert querysets.events_outside(user.id, look.spans) == []
    rest = querysets.gaps(user.id, before=look.older)
    assert rest.older is None
    assert [event.id for event in querysets.events_outside(user.id, rest.spans)] == [first.id]


def test_somebody_without_sessions_has_everything_outside() -> None:
    user = _user()
    make_event(user, "tap", NOON)
    assert querysets.gaps(user.id).spans == [Span(None, None)]
    assert len(querysets.events_outside(user.id, querysets.gaps(user.id).spans)) == 1


def test_events_of_one_moment_are_paged_by_id() -> None:
    user = _user()
    made = [make_event(user, "tap", NOON).id for _ in range(5)]
    span = Span(NOON, NOON + timedelta(hours=1))
    first = querysets.events_of_span(user.id, span, limit=2)
    rest = querysets.events_of_span(user.id, span, after=Cursor(NOON, first[-1].id))
    assert [event.id for event in [*first, *rest]] == made
    newest = querysets.newest_events(user.id, limit=2)
    older = querysets.newest_events(user.id, before=Cursor(NOON, newest[-1].id))
    assert [event.id for event in [*newest, *older]] == made[::-1]


def test_hours_are_those_of_the_zone_even_at_half_an_hour() -> None:
    user = _user()
    make_session(user, NOON)
    make_event(user, "tap", NOON + timedelta(minutes=29))
    make_event(user, "tap", NOON + timedelta(minutes=31))
    rows = querysets.hourly_totals(user.id, "Asia/Kolkata", NOON - timedelta(days=1))
    assert [(hour.astimezone(UTC).minute, sessions, events) for hour, sessions, events in rows] == [
        (30, 1, 1),
        (30, 0, 1),
    ]


def test_another_users_rows_are_never_read() -> None:
    app: App = make_app()
    one, other = make_user(app, "one"), make_user(app, "other")
    session = make_session(other, NOON)
    make_event(other, "tap", NOON)
    assert querysets.session_by_id(one.id, session.id) is None
    assert querysets.session_page(one.id).sessions == []
    assert querysets.newest_events(one.id) == []
