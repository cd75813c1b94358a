"""API keys: what they open, until when, and the page on which people keep their own."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from profiles.access import api_keys
from profiles.access.models import ApiKey, AuditEntry
from profiles.access.permissions import Role
from profiles.tests.factories import People, make_app, make_people

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def people() -> People:
    return make_people()


def opened_by(text: str) -> ApiKey:
    key = api_keys.authenticate(text)
    assert key is not None
    return key


def test_a_key_has_the_rights_of_its_person(people: People) -> None:
    key = opened_by(api_keys.create(user=people.bob, may_write=True))
    assert api_keys.get_app_or_404(key, people.app.public_id).viewer_role == Role.VIEWER
    with pytest.raises(PermissionDenied):
        api_keys.get_app_or_404(key, people.app.public_id, Role.ADMIN)
    strange = opened_by(api_keys.create(user=people.charlie))
    with pytest.raises(Http404):
        api_keys.get_app_or_404(strange, people.app.public_id)


def test_a_key_of_one_app_opens_no_other(people: People) -> None:
    other = make_app("Other", owner=people.alice)
    key = opened_by(api_keys.create(user=people.alice, app=other))
    assert api_keys.get_app_or_404(key, other.public_id) == other
    with pytest.raises(Http404):
        api_keys.get_app_or_404(key, people.app.public_id)


def test_a_key_that_reads_does_not_write(people: People) -> None:
    key = opened_by(api_keys.create(user=people.alice))
    with pytest.raises(PermissionDenied):
        api_keys.get_app_or_404(key, people.app.public_id, Role.VIEWER, writes=True)


@pytest.mark.parametrize("text", ["", "x", "\x00" * 40, "f" * 40, "\ud800" * 40, "ü" * 40])
def test_what_is_no_key_opens_nothing(people: People, text: str) -> None:
    api_keys.create(user=people.alice)
    assert api_keys.authenticate(text) is None


def test_expired_revoked_and_orphaned_keys_open_nothing(people: People) -> None:
    with time_machine.travel(NOW):
        text = api_keys.create(user=people.alice, expires_at=NOW + timedelta(days=1))
        assert api_keys.authenticate(text)
    with time_machine.travel(NOW + timedelta(days=1)):
        assert api_keys.authenticate(text) is None
    text = api_keys.create(user=people.alice)
    api_keys.revoke(opened_by(text), by=people.alice)
    assert api_keys.authenticate(text) is None
    text = api_keys.create(user=people.bob)
    people.bob.is_active = False
    people.bob.save()
    assert api_keys.authenticate(text) is None


def test_use_is_noted_once_a_minute(people: People, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    text = api_keys.create(user=people.alice)
    with time_machine.travel(NOW, tick=False) as clock:
        for queries in (2, 1):
            with django_assert_num_queries(queries):
                opened_by(text)
        clock.shift(timedelta(seconds=61))
        with django_assert_num_queries(2):
            opened_by(text)
        assert ApiKey.objects.get().last_used_at == datetime.now(tz=UTC)


def test_the_command_makes_keys_with_all_rights_or_to_read(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_api_key", "alice")
    assert opened_by(capsys.readouterr().out.strip()).may_write
    call_command("create_api_key", "alice", "--read-only")
    assert not opened_by(capsys.readouterr().out.strip()).may_write


def test_one_makes_a_key_sees_it_once_and_revokes_it(client: Client, people: People) -> None:
    client.force_login(people.alice)
    form = {"name": "Nightly <b>report</b>", "app": people.app.pk, "days": "30"}
    page = client.post("/account/keys/", form).content.decode()
    found = re.search(r"<code>([0-9a-f]{40})</code>", page)
    assert found
    assert "Nightly &lt;b&gt;" in page
    key = opened_by(found[1])
    assert (key.user, key.app, key.may_write) == (people.alice, people.app, False)
    assert key.expires_at
    assert found[1] not in client.get("/account/keys/").content.decode()
    client.post(f"/account/keys/{key.pk}/revoke/")
    assert api_keys.authenticate(found[1]) is None
    subjects = AuditEntry.objects.filter(action="api_keys_changed").values_list("subject", flat=True)
    assert sorted(subjects) == [f"key {key.prefix} created", f"key {key.prefix} revoked"]


def test_nobody_makes_a_key_for_an_app_of_others_or_revokes_their_keys(client: Client, people: People) -> None:
    api_keys.create(user=people.alice)
    key = ApiKey.objects.get()
    client.force_login(people.charlie)
    assert client.post(f"/account/keys/{key.pk}/revoke/").status_code == 404
    page = client.post("/account/keys/", {"name": "x", "app": people.app.pk})
    assert "Select a valid choice" in page.content.decode()
    assert people.app.name not in page.content.decode()
    assert list(ApiKey.objects.all()) == [key]
