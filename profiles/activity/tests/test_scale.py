"""A big data set is in the state that ingest would have left."""

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum

from profiles.access.models import App, AppTotals, UidCounter
from profiles.activity.models import DailyActivity, Event, Session, SessionSignal
from profiles.activity.sessions import Signal, rebuild
from profiles.users import keys
from profiles.users.models import AppUser, UserActivity

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    call_command("seed_scale", users=60, events=700, seed=3)
    return App.objects.get(name="Scale")


def test_its_totals_equal_its_rows(app: App) -> None:
    assert AppUser.objects.filter(app=app).count() == UidCounter.objects.get(app=app).last_number == 60
    named = AppUser.objects.filter(app=app, is_identified=True).count()
    totals = AppTotals.objects.filter(app=app).aggregate(users=Sum("users"), identified=Sum("identified"))
    assert totals == {"users": 60, "identified": named}
    assert Event.objects.filter(app=app).count() == 700
    of_users = UserActivity.objects.filter(app=app).aggregate(
        events=Sum("events_count"), sessions=Sum("sessions_count"), seconds=Sum("total_seconds")
    )
    of_days = DailyActivity.objects.filter(app=app).aggregate(
        events=Sum("events"), sessions=Sum("sessions"), seconds=Sum("seconds")
    )
    of_sessions = Session.objects.filter(app=app).aggregate(sessions=Count("id"), seconds=Sum("duration_seconds"))
    assert of_users == of_days == {"events": 700} | of_sessions


def test_its_users_have_the_keys_of_their_devices(app: App) -> None:
    for user in AppUser.objects.filter(app=app):
        assert user.id == keys.user_key(app.public_id, user.device_id)


def test_its_sessions_of_one_visit_are_those_that_the_signals_fold_to(app: App) -> None:
    row = UserActivity.objects.filter(app=app, sessions_count=1)[0]
    signals = SessionSignal.objects.filter(user_id=row.user_id).values_list(
        "at", "id", "begins", "seconds", "ends", "ignore_cooldown", "original_user_id"
    )
    (state,) = rebuild([Signal(*signal) for signal in signals]).sessions
    assert (state.id, state.started_at, state.ended_at, state.duration_seconds) == (
        row.session_id,
        row.session_started_at,
        row.session_ended_at,
        row.session_seconds,
    )
