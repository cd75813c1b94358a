"""What an app's settings do to its requests: two keys and salts for a time, archive, places that are not kept."""

import hashlib
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from ingest import app_keys
from ingest.tests.sending import SUCCESS, apply_all, send, user_of
from profiles.access.models import App
from profiles.access.services import create_app

pytestmark = pytest.mark.django_db

PAUSED = (400, b'{"result":"App is currently not accepting data"}')
LATER = timedelta(hours=1)


@pytest.fixture
def app() -> App:
    return create_app(name="Kahve")


def said(client: Client, key: str, salt: str = "") -> tuple[int, bytes]:
    """Ask at the door, signed with a salt, and return what it says."""
    app_keys.forget()
    query = urlencode({"app_key": key, "device_id": "d"})
    if salt:
        query += "&checksum256=" + hashlib.sha256((query + salt).encode()).hexdigest()
    answer = client.get(f"/i?{query}")
    return answer.status_code, answer.content


def test_the_previous_key_opens_for_a_time(client: Client, app: App) -> None:
    App.objects.update(previous_key="old", previous_key_until=timezone.now() + LATER)
    assert said(client, app.key) == said(client, "old") == (200, SUCCESS)
    App.objects.update(previous_key_until=timezone.now() - LATER)
    assert said(client, app.key) == (200, SUCCESS)
    assert said(client, "old") == (400, b'{"result":"App does not exist"}')


def test_the_previous_salt_signs_for_a_time(client: Client, app: App) -> None:
    App.objects.update(salt="new", previous_salt="old", previous_salt_until=timezone.now() + LATER)
    assert said(client, app.key, "new") == said(client, app.key, "old") == (200, SUCCESS)
    assert b"does not match" in said(client, app.key, "other")[1]
    App.objects.update(previous_salt_until=timezone.now() - LATER)
    assert b"does not match" in said(client, app.key, "old")[1]


def test_a_first_salt_is_not_asked_for_at_once(client: Client, app: App) -> None:
    App.objects.update(salt="new", previous_salt="", previous_salt_until=timezone.now() + LATER)
    assert said(client, app.key) == said(client, app.key, "new") == (200, SUCCESS)
    App.objects.update(previous_salt_until=timezone.now() - LATER)
    assert b"does not have checksum" in said(client, app.key)[1]


@pytest.mark.parametrize("state", [{"archived_at": timezone.now()}, {"erasing": "reset"}, {"is_paused": True}])
def test_an_app_that_takes_no_data(client: Client, app: App, state: dict[str, object]) -> None:
    App.objects.update(**state)
    assert said(client, app.key) == PAUSED


@pytest.mark.parametrize("keeps_country", [True, False])
@pytest.mark.parametrize("keeps_city", [True, False])
def test_places_are_kept_as_the_app_wants(app: App, keeps_country: bool, keeps_city: bool) -> None:
    App.objects.update(keeps_country=keeps_country, keeps_city=keeps_city)
    send(app, "d", begin_session=1, country_code="TR", city="Izmir", location="38.4,27.1")
    apply_all()
    user = user_of(app, "d")
    assert user.country == ("TR" if keeps_country else None)
    assert user.city == ("Izmir" if keeps_city else None)
    assert (user.latitude is not None) == keeps_city
