"""Sends SDK requests through the real door and applies them, in one process."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import RequestFactory

from ingest import app_keys, apply, views
from profiles.access.models import App
from profiles.activity.models import DailyActivity, Event, Session
from profiles.users.models import AppUser

# Whole seconds, in the past of any clock that runs these tests, and away from the ends of a day.
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SUCCESS = b'{"result":"Success"}'


def post(app: App, device_id: str, at: float | None = 0.0, **parameters: Any) -> HttpResponse:
    """Post one request to /i, stamped `at` seconds after START (None: not stamped). Objects are sent as JSON text."""
    values: dict[str, Any] = {"app_key": app.key, "device_id": device_id}
    if at is not None:
        values["timestamp"] = int((START + timedelta(seconds=at)).timestamp() * 1000)
    values |= {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in parameters.items()}
    request = RequestFactory().post("/i", urlencode(values), content_type="application/x-www-form-urlencoded")
    app_keys.forget()
    with mock.patch.object(views, "wake"):
        return views.take_request(request)


def send(app: App, device_id: str, at: float | None = 0.0, **parameters: Any) -> None:
    """Post one request that must be acknowledged."""
    answer = post(app, device_id, at, **parameters)
    assert (answer.status_code, answer.content) == (200, SUCCESS)


def apply_all(limit: int = apply.BATCH_SIZE) -> int:
    """Apply until nothing waits."""
    settled = 0
    while done := apply.apply_waiting(limit=limit):
        settled += done
    return settled


def user_of(app: App, device_id: str) -> AppUser:
    """Return the user who has this device id now."""
    return AppUser.objects.select_related("activity").get(app=app, device_id=device_id)


def sessions_of(app: App) -> list[tuple[float, int, bool]]:
    """Return (seconds after START, duration, ended) of the app's sessions."""
    rows = Session.objects.filter(app=app).order_by("started_at", "id")
    return [((s.started_at - START).total_seconds(), s.duration_seconds, s.ended_at is not None) for s in rows]


def event_keys_of(app: App, user: AppUser) -> list[str]:
    """Return the keys of a user's events, in their order."""
    events = Event.objects.filter(app=app, user_id=user.id).select_related("key")
    return [event.key.key for event in events.order_by("occurred_at", "id")]


def days_of(app: App) -> list[tuple[str, int, int, int]]:
    """Return (day, sessions, events, seconds) of the app, days without anything left out."""
    rows = DailyActivity.objects.filter(app=app).order_by("on", "user_id")
    return [(row.on.isoformat(), row.sessions, row.events, row.seconds) for row in rows]
