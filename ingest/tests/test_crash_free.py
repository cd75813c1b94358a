"""What requests say of sessions and crashes, to the crash-free numbers of the day."""

import pytest

from ingest.tests.sending import apply_all, send
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.activity.models import DailyActivity
from profiles.crashes.crash_free import CrashFreeDay, read_days

pytestmark = pytest.mark.django_db
ERROR = "java.lang.IllegalStateException: Cart is empty\n\tat com.shop.cart.Cart.first(Cart.kt:7)"


@pytest.fixture
def app() -> App:
    return create_app(name="Shop", timezone="Europe/Istanbul")


def the_day(app: App) -> CrashFreeDay:
    on = DailyActivity.objects.values_list("on", flat=True)[0]
    return read_days(app, on, 1)[0]


def test_it_counts_what_the_rows_hold(app: App) -> None:
    crash = {"_error": ERROR, "_os": "Android", "_app_version": "1.0", "_nonfatal": "false"}
    for device in ("a", "b", "c"):
        send(app, device, 0, begin_session=1, metrics={"_os": "Android", "_app_version": "1.0"})
    send(app, "a", 1, crash=crash)
    send(app, "b", 1, crash={**crash, "_nonfatal": "true"})
    apply_all()
    send(app, "a", 5, session_duration=5, events=[{"key": "x"}])
    send(app, "d", 6, old_device_id="c", events=[{"key": "x"}])
    apply_all()
    day = the_day(app)
    users = DailyActivity.objects.filter(on=day.on).values("user_id").distinct().count()
    assert (day.users, day.sessions) == (users, 3) == (3, 3)
    assert (day.crashed_users, day.crashed_sessions) == (1, 1)


def test_two_users_of_a_day_who_merge_are_one(app: App) -> None:
    for device in ("a", "b"):
        send(app, device, 0, begin_session=1, metrics={"_os": "iOS"})
    apply_all()
    send(app, "a", 5, old_device_id="b")
    apply_all()
    assert the_day(app).users == 1
