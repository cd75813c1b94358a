"""The audit log: what is written, that it stays, who reads it."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from profiles.access import audit
from profiles.access.audit import Action, Search, entries_of, read_page
from profiles.access.models import AuditEntry
from profiles.access.origin import client_address
from profiles.tests.factories import PASSWORD, People, make_people, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def deeds() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("actor_name", "action"))


def test_an_entry_keeps_what_it_says(people: People) -> None:
    audit.record(people.alice, people.app, Action.EDITED, "user 3f", {"property": "custom.plan"}, address="::1")
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.actor_name, entry.app) == (people.alice.pk, "alice", people.app)
    assert (entry.deed, entry.subject, entry.detail, entry.address) == (
        "Edited",
        "user 3f",
        {"property": "custom.plan"},
        "::1",
    )


def test_the_system_and_strangers_have_names_too(people: People) -> None:
    audit.record(None, people.app, Action.DELETED)
    audit.record(AnonymousUser(), None, Action.SIGN_IN_FAILED)
    audit.record("x\0" * 200, None, Action.SIGN_IN_FAILED, "s" * 500)
    assert deeds() == [("system", "deleted"), ("", "sign_in_failed"), ("x" * 150, "sign_in_failed")]


def test_nobody_changes_or_deletes_an_entry(people: People) -> None:
    audit.record(people.alice, people.app, Action.EXPORTED)
    entry = AuditEntry.objects.get()
    for change in (
        lambda: AuditEntry.objects.update(actor_name="bob"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: entry.save(),
        lambda: entry.delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert deeds() == [("alice", "exported")]


def test_an_entry_outlives_its_person_and_its_app(people: People) -> None:
    audit.record(people.alice, people.app, Action.EXPORTED)
    people.app.delete()
    people.alice.delete()
    assert deeds() == [("alice", "exported")]


def test_signing_in_and_out_is_recorded(client: Client, people: People) -> None:
    client.post(reverse("login"), {"username": "bob", "password": "wrong"})
    client.post(reverse("login"), {"username": "my secret password", "password": "bob"})
    client.post(reverse("login"), {"username": "bob", "password": PASSWORD})
    client.post(reverse("logout"))
    assert deeds() == [
        ("bob", "sign_in_failed"),
        ("somebody unknown", "sign_in_failed"),
        ("bob", "signed_in"),
        ("bob", "signed_out"),
    ]
    assert set(AuditEntry.objects.values_list("address", flat=True)) == {"127.0.0.1"}


def test_a_lock_out_is_recorded(client: Client, people: People) -> None:
    for _ in range(10):
        answer = client.post(reverse("login"), {"username": "bob", "password": "wrong"})
    assert answer.status_code == 429
    assert ("bob", "locked_out") in deeds()


def test_admins_read_the_log_of_their_app_only(people: People) -> None:
    audit.record(people.alice, people.app, Action.EXPORTED, "users of a filter")
    audit.record(people.charlie, None, Action.SIGNED_IN)
    address = reverse("app_audit", args=[people.app.public_id])
    page = signed_in(people.alice).get(address).content.decode()
    assert "users of a filter" in page
    assert "charlie" not in page
    assert signed_in(people.bob).get(address).status_code == 403
    assert signed_in(people.charlie).get(address).status_code == 404


def test_superusers_read_the_log_of_the_instance(people: People) -> None:
    audit.record(people.charlie, None, Action.SIGNED_IN)
    assert signed_in(people.alice).get("/audit/").status_code == 403
    assert "charlie" in signed_in(make_person("root", is_superuser=True)).get("/audit/").content.decode()


def test_texts_of_strangers_are_only_texts(people: People) -> None:
    hostile = "<script>alert(1)</script>"
    audit.record(hostile, people.app, Action.EDITED, hostile, {hostile: hostile})
    page = signed_in(people.alice).get(reverse("app_audit", args=[people.app.public_id])).content.decode()
    assert "<script>alert" not in page


def test_it_is_searched_and_paged_by_key(people: People) -> None:
    for number in range(7):
        audit.record(people.alice, people.app, Action.VIEWED, f"user {number}")
        audit.record(people.bob, people.app, Action.EXPORTED)

    def page(**said: str) -> tuple[list[str], Search]:
        search = Search.read(RequestFactory().get("/", said).GET)
        found = read_page(entries_of(people.app), search, size=3)
        return [entry.subject for entry in found.entries], Search.read(RequestFactory().get("/" + found.older).GET)

    first, older = page(action="viewed")
    assert first == ["user 6", "user 5", "user 4"]
    second, older = page(action="viewed", before=str(older.before))
    assert second == ["user 3", "user 2", "user 1"]
    third, none = page(action="viewed", before=str(older.before))
    assert (third, none.before) == (["user 0"], None)
    middle = read_page(entries_of(people.app), Search(action="viewed", before=older.before), 3).newer
    assert page(action="viewed", after=middle.rpartition("=")[2])[0] == second
    assert page(actor="alice", subject="user 2")[0] == ["user 2"]
    assert page(actor="ali")[0] == []
    assert len(page(action="no such", before="x", after="-1")[0]) == 3


def test_queries_do_not_grow(people: People, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    alice = signed_in(people.alice)
    address = reverse("app_audit", args=[people.app.public_id])
    alice.get(address)
    for number in range(60):
        audit.record(people.alice, people.app, Action.VIEWED, f"user {number}")
    with django_assert_num_queries(10):
        alice.get(address)


@pytest.mark.parametrize(
    ("is_behind", "proxies", "forwarded", "address"),
    [
        (False, 1, "6.6.6.6", "127.0.0.1"),
        (True, 1, "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        (True, 2, "6.6.6.6, 9.9.9.9, 10.0.0.1", "9.9.9.9"),
        (True, 2, "9.9.9.9", "9.9.9.9"),
        (True, 1, "[2001:db8::1]:443", "2001:db8::1"),
        (True, 1, "9.9.9.9:80", "9.9.9.9"),
        (True, 1, "9.9.9.9, unknown", "127.0.0.1"),
        (True, 0, "6.6.6.6", "127.0.0.1"),
        (True, 3, "1.1.1.1, 6.6.6.6, 9.9.9.9, 10.0.0.2, 10.0.0.1", "9.9.9.9"),
        (True, 1, "", "127.0.0.1"),
    ],
)
def test_only_our_proxies_are_believed(
    settings: Settings, is_behind: bool, proxies: int, forwarded: str, address: str
) -> None:
    settings.IS_BEHIND_PROXY, settings.PROXIES = is_behind, proxies
    request = RequestFactory().get("/", headers={"x-forwarded-for": forwarded})
    assert client_address(request) == address
