"""Crash-free users and sessions: each counts once a day, whatever comes late or merges."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from profiles.access.models import App
from profiles.crashes.crash_free import CrashFreeDay, over_all, read_days
from profiles.crashes.models import CrashedSession
from profiles.crashes.services import move, record
from profiles.crashes.tests.conftest import NOW, OTHER, Make
from profiles.tests.factories import make_session, make_user

TODAY = date(2026, 11, 20)
BOB = UUID(int=2)


def today(app: App) -> CrashFreeDay:
    return read_days(app, TODAY)[-1]


def test_a_user_counts_once_a_day(app: App, occurrence: Make) -> None:
    record([occurrence(), occurrence(OTHER), occurrence(at=NOW + timedelta(minutes=1)), occurrence(of=BOB)])
    record([occurrence(at=NOW + timedelta(hours=1)), occurrence(at=NOW - timedelta(days=1))])
    days = {day.on: day.crashed_users for day in read_days(app, TODAY) if day.crashed_users}
    assert days == {TODAY: 2, TODAY - timedelta(days=1): 1}


def test_a_handled_error_hurts_nobody(app: App, occurrence: Make) -> None:
    record([occurrence(is_fatal=False)])
    assert today(app).crashed_users == 0


def test_a_session_counts_once_on_the_day_it_began(app: App, occurrence: Make) -> None:
    user = make_user(app, "alices-phone", seen_at=NOW)
    late = datetime(2026, 11, 19, 20, 50, tzinfo=UTC)  # ten minutes before midnight in Istanbul
    make_session(user, late, seconds=1200)
    make_session(user, NOW - timedelta(minutes=5), seconds=120)
    record([occurrence(of=user.id, at=late + timedelta(minutes=15))])  # beyond midnight, in the session before
    record([occurrence(of=user.id, at=NOW - timedelta(minutes=4))])
    record([occurrence(OTHER, of=user.id, at=NOW - timedelta(minutes=3))])
    record([occurrence(OTHER, of=user.id, at=NOW + timedelta(hours=3))])  # in no session
    days = {day.on: (day.crashed_users, day.crashed_sessions) for day in read_days(app, TODAY) if day.crashed_sessions}
    assert days == {TODAY: (1, 1), TODAY - timedelta(days=1): (0, 1)}


def test_users_who_merge_count_once(app: App, occurrence: Make, user: UUID) -> None:
    record([occurrence(), occurrence(of=BOB), occurrence(of=BOB, at=NOW - timedelta(days=1))])
    record([], lost_users=move(BOB, user))
    days = {day.on: day.crashed_users for day in read_days(app, TODAY) if day.crashed_users}
    assert days == {TODAY: 1, TODAY - timedelta(days=1): 1}
    assert set(CrashedSession.objects.values_list("user_id", flat=True)) == {user}


def test_shares_are_of_those_who_were_there() -> None:
    day = CrashFreeDay(TODAY, users=200, sessions=1000, crashed_users=1, crashed_sessions=10)
    assert (day.of_users, day.of_sessions) == (0.995, 0.99)
    assert (day.users_text, CrashFreeDay(TODAY).users_text) == ("99.50%", "")
    assert CrashFreeDay(TODAY, users=1_000_000, crashed_users=1).users_text == "99.99%"
    assert CrashFreeDay(TODAY).of_users is None
    # More crashes than sessions: they never said that they began.
    assert CrashFreeDay(TODAY, users=1, sessions=0, crashed_users=3).of_users == 0.0
    both = over_all([day, CrashFreeDay(TODAY, users=100, sessions=1000)])
    assert both is not None
    assert both.of_sessions == 0.995
    assert over_all([]) is None
