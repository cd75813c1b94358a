"""What apps keep for some days only: events, raw requests, users who stay away."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest import inbox, tasks
from ingest.models import IngestRequest
from ingest.tests.sending import START, apply_all, event_keys_of, send, user_of
from profiles.access.models import App, AppTotals, AuditEntry
from profiles.privacy import retention
from profiles.privacy.models import Retention, Tombstone
from profiles.tests.factories import make_app
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

DAY = 86_400


def keep(app: App, **days: int) -> App:
    """Let an app keep something for some days."""
    App.objects.filter(pk=app.pk).update(**days)
    return App.objects.get(pk=app.pk)


def work(now: datetime) -> None:
    while retention.work(now):
        pass


def test_old_events_go_and_everything_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "USERS_PER_BATCH", 2)
    app, other = keep(make_app("Short"), events_kept_days=30), make_app("Other")
    for one in (app, other):
        for device in ("a", "b", "c"):
            send(one, device, 0, begin_session=1, events=[{"key": "old"}])
            send(one, device, 20 * DAY, events=[{"key": "new"}])
    apply_all()
    now = START + timedelta(days=31)
    work(now)
    assert all(event_keys_of(app, user_of(app, device)) == ["new"] for device in "abc")
    assert event_keys_of(other, user_of(other, "a")) == ["old", "new"]
    user = user_of(app, "a")
    assert (user.activity.events_count, user.activity.sessions_count) == (2, 1)
    assert Retention.objects.get().events == 3
    assert not retention.work(now), "once a day"
    work(now + timedelta(days=25))
    assert event_keys_of(app, user) == []


def test_users_who_stay_away_are_deleted_and_may_come_back() -> None:
    app = keep(make_app(), users_kept_days=90)
    send(app, "stays-away", 0, begin_session=1, user_details={"name": "Ada"})
    send(app, "comes", 80 * DAY, begin_session=1)
    apply_all()
    work(START + timedelta(days=89))
    assert AppUser.objects.count() == 2
    work(START + timedelta(days=91))
    assert [user.device_id for user in AppUser.objects.all()] == ["comes"]
    assert AppTotals.objects.filter(app=app, identified__gt=0).count() == 0
    assert not Tombstone.objects.exists()
    assert AuditEntry.objects.get().detail == {"users": 1, "not seen for days": 90}
    send(app, "stays-away", 1, begin_session=1)
    apply_all()
    assert user_of(app, "stays-away").name is None


def test_raw_requests_are_emptied_and_retries_still_found() -> None:
    app, other = keep(make_app("Short"), requests_kept_days=1), make_app("Other")
    for one in (app, other):
        send(one, "a", 0, events=[{"key": "secret-event"}])
    apply_all()
    later = datetime.now(tz=UTC) + timedelta(days=2)
    assert inbox.empty_before(app.pk, later) == 1
    assert inbox.empty_before(app.pk, later) == 0
    assert tasks.forget_requests_of_apps() == 0, "of today"
    raw = {row.app_id: bytes(row.body) for row in IngestRequest.objects.all()}
    assert raw[app.pk] == b""
    assert b"secret-event" in raw[other.pk]
    send(app, "a", 0, events=[{"key": "secret-event"}])
    apply_all()
    assert event_keys_of(app, user_of(app, "a")) == ["secret-event"]
