"""An app's settings: each change is audited, keys and salts take over with a time of grace, the light turns green."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings

from ingest import app_keys
from profiles.access.models import App, AppTotals, AuditEntry, Membership
from profiles.tests.factories import People, make_people

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS: dict[str, Any] = {
    "name": "Kahve",
    "timezone": "UTC",
    "keeps_country": "on",
    "keeps_city": "on",
    "late_data": "drop",
}


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def alice(client: Client, people: People) -> Client:
    client.force_login(people.alice)
    return client


def door(key: str) -> app_keys.KnownApp | None:
    app_keys.forget()
    return app_keys.find(key)


def address(people: People, rest: str = "") -> str:
    return f"/apps/{people.app.public_id}/settings/{rest}"


def test_a_superuser_makes_an_app_and_gets_the_lines_for_its_sdk(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    assert "New app" in client.get("/").content.decode()
    answer = client.post("/apps/new/", {"name": "Yeni", "timezone": "Europe/Istanbul"}, follow=True)
    app = App.objects.get()
    page = answer.content.decode()
    assert app.key in page
    for kit in ("Android", "iOS", "Web", "Flutter", "React Native", "Node.js"):
        assert f"<summary>{kit}</summary>" in page
    assert "Waiting for the first request" in page
    assert Membership.objects.get().role == "admin"
    assert AuditEntry.objects.get(action="app_created").app_id == app.id


def test_a_key_that_another_app_has_or_had_is_refused(client: Client, people: People) -> None:
    App.objects.filter(pk=people.app.pk).update(previous_key="former-key", previous_key_until=NOW)
    client.force_login(User.objects.create_superuser("root"))
    for key in (people.app.key, "former-key", "short", "with space in it"):
        page = client.post("/apps/new/", {"name": "Yeni", "timezone": "UTC", "key": key}).content.decode()
        assert "form-error" in page
    client.post("/apps/new/", {"name": "Moved", "timezone": "UTC", "key": "key-of-countly"})
    assert door("key-of-countly")


def test_settings_are_changed_and_told_apart_in_the_log(alice: Client, people: People) -> None:
    form = SETTINGS | {"name": "Çay", "timezone": "Asia/Kathmandu", "events_kept_days": "90", "requests_per_second": 5}
    del form["keeps_city"]
    assert "Saved" in alice.post(address(people), form, follow=True).content.decode()
    people.app.refresh_from_db()
    assert (people.app.name, people.app.events_kept_days, people.app.keeps_city) == ("Çay", 90, False)
    detail = AuditEntry.objects.get(action="app_changed").detail
    assert detail["keeps city"] == "yes → no"
    assert detail["events kept days"] == "none → 90"
    assert "late data" not in detail
    assert "different" in alice.post(address(people), form, follow=True).content.decode()
    assert AuditEntry.objects.filter(action="app_changed").count() == 1


@pytest.mark.parametrize("wrong", [{"timezone": "Mars/Base"}, {"events_kept_days": "0"}, {"name": ""}])
def test_what_makes_no_sense_is_refused(alice: Client, people: People, wrong: dict[str, str]) -> None:
    assert "form-error" in alice.post(address(people), SETTINGS | wrong).content.decode()
    assert not AuditEntry.objects.filter(action="app_changed").exists()


def test_a_replaced_key_opens_the_door_until_its_time(alice: Client, people: People) -> None:
    old = people.app.key
    with time_machine.travel(NOW, tick=False):
        alice.post(address(people, "sdk/key/"), {"key-grace": "7"})
    people.app.refresh_from_db()
    assert people.app.key != old
    with time_machine.travel(NOW + timedelta(days=6)):
        assert door(old) == door(people.app.key)
        assert old[:12] in alice.get(address(people, "sdk/")).content.decode()
    with time_machine.travel(NOW + timedelta(days=8)):
        assert door(old) is None
    with time_machine.travel(NOW + timedelta(days=6)):
        alice.post(address(people, "sdk/old-key/"))
        assert door(old) is None
    assert old not in str(list(AuditEntry.objects.values_list("subject", "detail")))


def test_a_key_replaced_at_once_opens_nothing_more(alice: Client, people: People) -> None:
    alice.post(address(people, "sdk/key/"), {"key-grace": "0"})
    assert door(people.app.key) is None
    assert alice.post(address(people, "sdk/key/"), {"key-grace": "5"}).status_code == 400


def test_a_first_salt_is_asked_for_after_the_grace(alice: Client, people: People) -> None:
    with time_machine.travel(NOW, tick=False):
        alice.post(address(people, "sdk/salt/"), {"salt-salt": "pepper", "salt-grace": "30"})
        known = door(people.app.key)
        assert known
        assert known.salts == ()
    with time_machine.travel(NOW + timedelta(days=31)):
        known = door(people.app.key)
        assert known
        assert known.salts == ("pepper",)
        alice.force_login(people.alice)
        alice.post(address(people, "sdk/salt/"), {"salt-salt": "chili", "salt-grace": "1"})
        known = door(people.app.key)
        assert known
        assert known.salts == ("chili", "pepper")
        alice.post(address(people, "sdk/salt/"), {"salt-salt": "", "salt-grace": "30"})
        known = door(people.app.key)
        assert known
        assert known.salts == ()
    assert "pepper" not in str(list(AuditEntry.objects.values_list("subject", "detail")))


@pytest.mark.parametrize(("close", "open_"), [("pause", "resume"), ("archive", "restore")])
def test_paused_and_archived_apps_take_no_data(alice: Client, people: People, close: str, open_: str) -> None:
    for state, is_closed in ((close, True), (open_, False)):
        alice.post(address(people, "state/"), {"state": state})
        known = door(people.app.key)
        assert known
        assert known.is_paused is is_closed
        assert alice.get(people.app.get_absolute_url()).status_code == 200
        assert alice.get(address(people)).status_code == 200
    assert AuditEntry.objects.filter(action="app_changed").count() == 2


def test_an_icon_is_drawn_shown_and_taken_away(
    alice: Client, people: People, settings: Settings, tmp_path: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    png = io.BytesIO()
    Image.new("RGB", (300, 300), "red").save(png, "PNG")
    svg = SimpleUploadedFile("icon.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    assert "no PNG" in alice.post(address(people, "icon/"), {"icon": svg}, follow=True).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(address(people, "icon/"), {"icon": SimpleUploadedFile("a.png", png.getvalue())})
    people.app.refresh_from_db()
    url = people.app.icon_url
    assert url
    assert url in alice.get(people.app.get_absolute_url()).content.decode()
    assert alice.get(url)["Content-Type"] == "image/jpeg"
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(address(people, "icon/"), {"remove": "1"})
    assert alice.get(url).status_code == 404


def test_the_light_turns_green_with_the_first_user(client: Client, people: People) -> None:
    client.force_login(people.bob)
    light = f"/apps/{people.app.public_id}/light/"
    assert "hx-trigger" in client.get(light).content.decode()
    AppTotals.objects.create(app=people.app, shard=0, users=1, identified=0)
    page = client.get(light).content.decode()
    assert "is-on" in page
    assert "hx-trigger" not in page
