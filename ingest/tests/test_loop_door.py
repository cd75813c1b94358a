"""What is taken on the event loop is what the view would take, and nothing else."""

import hashlib
from collections.abc import Iterator
from unittest import mock
from urllib.parse import urlencode

import pytest
from django.db import DataError

from ingest import app_keys, inbox, loop_door, pressure
from ingest.inbox import Arrival
from ingest.loop_door import LoopDoor
from ingest.models import InboxRequest
from ingest.tests.sending import START, apply_all, event_keys_of, user_of
from profiles.access.models import App
from profiles.access.services import create_app

pytestmark = pytest.mark.django_db

STAMP = int(START.timestamp() * 1000)
FORM = {b"content-type": b"application/x-www-form-urlencoded", b"user-agent": b"Phone\0"}


@pytest.fixture
def app() -> App:
    return create_app(name="Kahve")


@pytest.fixture(autouse=True)
def _remembered(app: App) -> Iterator[None]:
    app_keys.forget()
    app_keys.find(app.key)
    pressure.forget()
    pressure.current()
    with mock.patch.object(loop_door, "wake"):
        yield


def take(body: str, path: bytes = b"/i", query: bytes = b"") -> Arrival | None:
    return LoopDoor().take(path, query, FORM, body.encode(), "10.0.0.7")


def test_it_takes_and_stores_what_is_in_order(app: App) -> None:
    body = urlencode({"app_key": app.key, "device_id": "d", "timestamp": STAMP, "events": '[{"key":"x"}]'})
    arrival = take(body)
    assert arrival is not None
    assert (arrival.ip, arrival.user_agent) == ("10.0.0.7", "Phone")
    assert LoopDoor().store([arrival]) == [True]
    apply_all()
    assert event_keys_of(app, user_of(app, "d")) == ["x"]


@pytest.mark.parametrize(
    "changes",
    [
        {"app_key": ""},
        {"app_key": "nobody's"},
        {"device_id": ""},
        {"device_id": "00000000-0000-0000-0000-000000000000"},
        {"device_id": "undefined"},
        {"app_id": "short"},
        {"callback": "f"},
    ],
)
def test_it_leaves_refusals_to_the_view(app: App, changes: dict[str, str]) -> None:
    assert take(urlencode({"app_key": app.key, "device_id": "d"} | changes)) is None


def test_it_leaves_other_paths(app: App) -> None:
    assert take(urlencode({"app_key": app.key, "device_id": "d"}), b"/o/sdk") is None


def test_it_leaves_paused_and_forgotten_apps(app: App) -> None:
    body = urlencode({"app_key": app.key, "device_id": "d"})
    app_keys.forget()
    assert take(body) is None
    App.objects.filter(id=app.id).update(is_paused=True)
    app_keys.find(app.key)
    assert take(body) is None


def test_it_checks_signatures(app: App) -> None:
    App.objects.filter(id=app.id).update(salt="pepper")
    app_keys.forget()
    app_keys.find(app.key)
    body = urlencode({"app_key": app.key, "device_id": "d"})
    signature = hashlib.sha256((body + "pepper").encode()).hexdigest()
    assert take(body) is None
    assert take(body + "&checksum256=" + "0" * 64) is None
    assert take(body + "&checksum256=" + signature) is not None


def test_it_leaves_all_when_it_does_not_know_whether_there_is_room(app: App) -> None:
    pressure.forget()
    assert take(urlencode({"app_key": app.key, "device_id": "d"})) is None


def test_one_bad_value_costs_nobody_else(app: App) -> None:
    arrivals = [take(urlencode({"app_key": app.key, "device_id": name})) for name in ("a", "b")]
    taken = [arrival for arrival in arrivals if arrival is not None]
    real = inbox.append

    def append(given: list[Arrival]) -> None:
        if taken[0] in given:
            raise DataError
        real(given)

    with mock.patch.object(inbox, "append", append):
        assert LoopDoor().store(taken) == [False, True]
    assert InboxRequest.objects.count() == 1
