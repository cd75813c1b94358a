"""What a role may not see is nowhere: no page, list, search, filter, order, file or raw request tells it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from ingest.models import IngestRequest
from ingest.tests.sending import apply_all, send
from profiles.access import masking
from profiles.access.models import App, AuditEntry, Membership
from profiles.directory.columns import find_sort
from profiles.profile.boxes import BOX_BY_NAME
from profiles.tests.factories import People, make_people, make_person
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unmasked() -> Iterator[None]:
    yield
    masking.end()


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DETAILS: dict[str, Any] = {
    "name": "Ayşe Yılmaz",
    "username": "ayse81",
    "email": "ayse@kahve.test",
    "phone": "+905551112233",
    "organization": "Fincan",
    "gender": "F",
    "byear": 1981,
    "picture": "https://pics.test/ayse.png",
    "custom": {"plan": "pro", "iban": "TR330006100519786457841326"},
}
SECRETS = ["Ayşe Yılmaz", "ayse81", "ayse@kahve", "905551112233", "Fincan", "pics.test", "TR3300061", "Bursa", "1981"]
EVERYTHING = {**dict.fromkeys(masking.FIELDS, "hidden"), "custom": "", "custom.iban": "hidden"}


@pytest.fixture
def people() -> People:
    people = make_people()
    send(people.app, "phone-of-ayse", 0, begin_session=1, user_details=DETAILS, country_code="TR", city="Bursa")
    former = {"email": "older-ayse@kahve.test", "username": "ayse-before"}
    send(people.app, "phone-of-ayse", 1, user_details=former)
    send(people.app, "phone-of-ayse", 2, user_details={"email": "ayse@kahve.test", "username": "ayse81"})
    send(people.app, "second-phone", 3, begin_session=1)
    apply_all()
    return people


def mask(people: People, levels: dict[str, str]) -> None:
    kept = {field: level for field, level in levels.items() if level}
    App.objects.filter(pk=people.app.pk).update(masks={"viewer": kept, "analyst": kept})


def everywhere(client: Client, people: People) -> str:
    """Return all that somebody can read of a user."""
    masking.end()
    uid = AppUser.objects.get(is_identified=True).uid
    base = f"/apps/{people.app.public_id}/"
    columns = "name,email,phone,organization,gender,birth_year,city,region,device_id,custom.iban,custom.plan"
    pages = [f"users/?columns={columns}", f"users/{uid}/", f"users/{uid}/custom-properties/"]
    pages += [f"users/{uid}/{name}/" for name in BOX_BY_NAME]
    read = [client.get(base + page, headers={"hx-request": "true"}).content.decode() for page in pages]
    read.append(client.get(f"{base}users/{uid}/").content.decode())
    for form in ("csv", "jsonl"):
        answer = client.post(f"{base}list/export/download/", {"everyone": "1", "columns": columns, "format": form})
        if getattr(answer, "streaming", False):
            read.append(b"".join(answer).decode())
    return "".join(read)


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_hidden_fields_are_nowhere(client: Client, people: People, role: str) -> None:
    client.force_login(people.alice)
    seen = everywhere(client, people)
    assert [secret for secret in [*SECRETS, "phone-of-ayse"] if secret not in seen] == [], "the test looks too little"
    mask(people, EVERYTHING)
    assert all(secret in everywhere(client, people) for secret in SECRETS), "an admin sees everything"
    Membership.objects.filter(user=people.bob).update(role=role)
    client.force_login(people.bob)
    seen = everywhere(client, people)
    assert [secret for secret in [*SECRETS, "phone-of-ayse", "older-ayse"] if secret in seen] == []
    assert "pro" in seen


def test_masked_fields_keep_their_beginning_and_are_revealed_with_a_note(client: Client, people: People) -> None:
    mask(people, {"name": "masked", "email": "masked", "phone": "hidden", "custom": "masked", "custom.plan": "hidden"})
    client.force_login(people.bob)
    seen = everywhere(client, people)
    assert "A•••" in seen
    assert "a•••@•••" in seen
    assert [secret for secret in ["Ayşe", "ayse@kahve", "90555", "TR33"] if secret in seen] == []
    masking.end()
    uid = AppUser.objects.get(is_identified=True).uid
    page = client.post(f"/apps/{people.app.public_id}/users/{uid}/reveal/").content.decode()
    assert [secret for secret in ["Ayşe Yılmaz", "ayse@kahve.test", "TR33"] if secret not in page] == []
    assert "90555" not in page
    assert ">pro<" not in page
    entry = AuditEntry.objects.get(action="revealed")
    assert (entry.actor_name, entry.subject) == ("bob", f"user {uid}")
    assert entry.detail == {"fields": "Name, E-mail, iban"}


@pytest.mark.parametrize("levels", [{"email": "hidden"}, {"username": "masked"}, {"custom.iban": "hidden"}])
@pytest.mark.parametrize("query", ["older-ayse", "ayse-before"])
def test_who_sees_not_all_finds_nobody_by_former_names(
    client: Client, people: People, query: str, levels: dict[str, str]
) -> None:
    """They stand together, and nothing says which of them was what."""
    address = f"/apps/{people.app.public_id}/users/?q={query}"
    client.force_login(people.bob)
    assert "/users/1/" in client.get(address).content.decode()
    mask(people, levels)
    assert "/users/1/" not in client.get(address).content.decode()


@pytest.mark.parametrize("query", ["q=ayse@kahve", "q=905551112233", "q=older-ayse", "q=phone-of-ayse", "q=Fincan"])
def test_search_does_not_find_by_what_is_masked(client: Client, people: People, query: str) -> None:
    client.force_login(people.bob)
    address = f"/apps/{people.app.public_id}/users/?{query}"
    masking.end()
    uid = AppUser.objects.get(is_identified=True).uid
    link = f"/users/{uid}/"
    assert link in client.get(address).content.decode()
    mask(people, EVERYTHING)
    assert link not in client.get(address).content.decode()
    assert link in client.get(f"/apps/{people.app.public_id}/users/").content.decode()


def test_search_by_what_is_shown_still_finds(client: Client, people: People) -> None:
    mask(people, {"email": "hidden"})
    client.force_login(people.bob)
    assert "/users/1/" in client.get(f"/apps/{people.app.public_id}/users/?q=fincan+yılmaz").content.decode()


@pytest.mark.parametrize("field", ["email:is:ayse@kahve.test", "custom.iban:is_set", "birth_year:equals:1981"])
def test_a_filter_by_what_is_masked_is_refused(client: Client, people: People, field: str) -> None:
    client.force_login(people.bob)
    mask(people, EVERYTHING)
    page = client.get(f"/apps/{people.app.public_id}/users/?filter={field}").content.decode()
    assert "Your role does not see" in page


def test_no_order_by_what_is_masked() -> None:
    with masking.seeing(masking.Masks({"name": "masked"})):
        assert find_sort("name") is None
    assert find_sort("name") is not None


def test_raw_requests_say_nothing_to_whom_something_is_masked() -> None:
    people = make_people()
    send(people.app, "phone", 0, user_details={"name": "Ada"})
    apply_all()
    with masking.seeing(masking.Masks({"name": "masked"})):
        assert bytes(IngestRequest.objects.get().body) == b""
    assert b"Ada" in bytes(IngestRequest.objects.get().body)


def test_the_next_request_in_a_thread_begins_without_masks(client: Client, people: People) -> None:
    mask(people, EVERYTHING)
    client.force_login(people.bob)
    client.get(people.app.get_absolute_url())
    assert masking.current()
    client.get("/account/keys/")
    assert not masking.current()


def test_alice_sets_masks(client: Client, people: People) -> None:
    client.force_login(people.alice)
    address = f"/apps/{people.app.public_id}/settings/masking/"
    form = {"viewer-email": "hidden", "analyst-name": "masked", "viewer-custom-hidden": "iban\n\n  tax id "}
    assert "Saved" in client.post(address, form, follow=True).content.decode()
    people.app.refresh_from_db()
    viewer = {"email": "hidden", "custom.iban": "hidden", "custom.tax id": "hidden"}
    assert people.app.masks == {"viewer": viewer, "analyst": {"name": "masked"}}
    page = client.get(address).content.decode()
    assert "iban" in page
    assert client.post(address, {"viewer-email": "nonsense"}).status_code == 200
    people.app.refresh_from_db()
    assert people.app.masks["viewer"] == viewer
    assert AuditEntry.objects.filter(action="app_changed").count() == 1


def test_who_is_in_two_roles_of_two_apps_sees_each_as_its_own(client: Client, people: People) -> None:
    mask(people, EVERYTHING)
    dora = make_person("dora")
    Membership.objects.create(user=dora, app=people.app, role="viewer")
    client.force_login(dora)
    assert "Fincan" not in everywhere(client, people)
    Membership.objects.filter(user=dora).update(role="admin")
    assert "Fincan" in everywhere(client, people)
