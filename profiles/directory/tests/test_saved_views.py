"""What people keep: views, the one they begin with, columns and density. And the breakdown of what a list holds."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from profiles.access.models import App, AppTotals, AuditEntry, Membership
from profiles.directory.models import ListLayout, SavedView
from profiles.tests.factories import People, make_people, make_user

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    people = make_people()
    for number, country in enumerate(("DE", "DE", "TR", None)):
        make_user(people.app, f"device-{number}", seen_at=NOW, country=country, custom={"plan": "pro"})
    AppTotals.objects.create(app=people.app, shard=0, users=4, identified=0)
    return people


def _client(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]  # a fixture's person
    return client


@pytest.fixture
def alice(people: People) -> Client:
    return _client(people.alice)


@pytest.fixture
def bob(people: People) -> Client:
    return _client(people.bob)


def _url(app: App, name: str, *more: object) -> str:
    return reverse(f"directory:{name}", args=[app.public_id, *more])


def _labels(client: Client, app: App) -> list[str]:
    return [tab.label for tab in client.get(_url(app, "users")).context["tabs"]]


def test_a_view_is_its_owners_until_it_is_shared(alice: Client, bob: Client, people: People) -> None:
    app = people.app
    asked = {"name": " Big  in Germany ", "filter": "country:is:DE", "sort": "-sessions"}
    there = alice.post(_url(app, "save_view"), asked)["Location"]
    assert there == _url(app, "users") + "?filter=country:is:DE&sort=-sessions"
    response = alice.get(there)
    assert [tab.label for tab in response.context["tabs"] if tab.is_current] == ["Big in Germany"]
    assert "Big in Germany" not in _labels(bob, app)
    view = SavedView.objects.get()
    assert alice.post(_url(app, "view", view.pk), {"do": "share"}).status_code == 302
    assert "Big in Germany" in _labels(bob, app)
    assert "Big in Germany" not in _labels(_client(people.charlie), App.objects.exclude(pk=app.pk).get())
    assert AuditEntry.objects.filter(app=app, subject="view Big in Germany", detail={"shared": True}).exists()


def test_only_its_owner_changes_a_view_and_an_admin_may_delete_a_shared_one(
    alice: Client, bob: Client, people: People
) -> None:
    view = SavedView.objects.create(app=people.app, owner=people.bob, name="Mine", query="tab=anonymous")
    url = _url(people.app, "view", view.pk)
    assert alice.post(url, {"do": "delete"}).status_code == 404
    bob.post(url, {"do": "share"})
    view.refresh_from_db()
    assert not view.is_shared  # a viewer does not share
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    bob.post(url, {"do": "share"})
    alice.post(url, {"do": "rename", "name": "Hers"})
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("Mine", True)
    bob.post(url, {"do": "rename", "name": "Ours"})
    assert "Ours" in _labels(alice, people.app)
    alice.post(url, {"do": "delete"})
    assert not SavedView.objects.exists()


def test_the_list_begins_with_the_view_that_was_chosen(bob: Client, people: People) -> None:
    app = people.app
    assert bob.get(_url(app, "home"))["Location"] == _url(app, "users")
    bob.post(_url(app, "save_view"), {"name": "Turkey", "filter": "country:is:TR", "default": "1"})
    assert bob.get(_url(app, "home"))["Location"] == _url(app, "users") + "?filter=country:is:TR"
    view = SavedView.objects.get()
    bob.post(_url(app, "view", view.pk), {"do": "begin_not"})
    assert bob.get(_url(app, "home"))["Location"] == _url(app, "users")
    bob.post(_url(app, "view", view.pk), {"do": "begin"})
    bob.post(_url(app, "view", view.pk), {"do": "delete"})
    assert bob.get(_url(app, "home"))["Location"] == _url(app, "users")


@pytest.mark.parametrize(("name", "words"), [("", "Give the view a name"), ("x" * 81, "at most 80 characters")])
def test_a_name_that_is_none_is_refused_and_kept_in_the_form(
    bob: Client, people: People, name: str, words: str
) -> None:
    response = bob.post(_url(people.app, "save_view"), {"name": name, "tab": "anonymous"})
    assert response.status_code == 400
    assert words in response.content.decode()
    assert 'name="tab" value="anonymous"' in response.content.decode()


def _names(client: Client, app: App, query: str = "") -> list[str]:
    return [head.name for head in client.get(f"{_url(app, 'users')}?{query}").context["table"].heads]


def test_columns_are_picked_ordered_and_remembered_for_the_person(alice: Client, bob: Client, people: People) -> None:
    app = people.app
    default = _names(bob, app)
    url = _url(app, "columns")
    bob.post(url, {"columns": "name,sessions,last_seen", "do": "add:custom.plan"})
    assert _names(bob, app) == ["name", "sessions", "last_seen", "custom.plan"]
    bob.post(url, {"columns": "name,sessions,last_seen,custom.plan", "do": "up:custom.plan"})
    assert _names(bob, app) == ["name", "sessions", "custom.plan", "last_seen"]
    bob.post(url, {"columns": "name,sessions,custom.plan", "do": "remove:sessions"})
    assert _names(bob, app) == ["name", "custom.plan"]
    bob.post(url, {"columns": "name,custom.plan", "do": "type", "property": "a,b"})
    assert _names(bob, app) == ["name", "custom.plan", "custom.a,b"]
    assert _names(bob, app, "columns=country") == ["name", "country"]  # the address says otherwise
    assert _names(alice, app) == default
    bob.post(url, {"do": "density:compact"})
    assert "compact" in bob.get(_url(app, "users")).content.decode()
    bob.post(url, {"columns": "name,country", "density": "compact", "do": "reset"})
    assert _names(bob, app) == default
    assert ListLayout.objects.get(user=people.bob).density == "comfortable"


def test_the_panel_draws_the_list_again(bob: Client, people: People) -> None:
    response = bob.post(_url(people.app, "columns"), {"do": "add:country"}, headers={"HX-Request": "true"})
    page = response.content.decode()
    assert "<!doctype" not in page
    assert 'id="panel-loader"' in page
    headers = {"HX-Request": "true", "HX-Trigger": "panel-loader"}
    assert 'id="panel"' not in bob.get(_url(people.app, "users"), headers=headers).content.decode()
    assert 'id="panel"' in bob.get(_url(people.app, "users"), headers={"HX-Request": "true"}).content.decode()


def test_a_breakdown_counts_the_list_and_each_value_narrows_it(bob: Client, people: People) -> None:
    response = bob.get(_url(people.app, "breakdown"), {"by": "country"})
    rows = response.context["rows"]
    assert [(share.label, share.count) for share, _ in rows] == [("Germany", 2), ("Türkiye", 1), ("not set", 1)]
    assert "All 4 users were counted" in response.content.decode()
    for share, url in rows:
        assert bob.get(url).context["matches"].count == share.count
    response = bob.get(_url(people.app, "breakdown"), {"by": "custom.plan", "filter": "country:is:DE"})
    assert [(share.label, share.count) for share, _ in response.context["rows"]] == [("pro", 2)]
    assert "nothing to count" in bob.get(_url(people.app, "breakdown"), {"by": "sessions"}).content.decode()
    assert "There is no field" in bob.get(_url(people.app, "breakdown"), {"by": "x"}).content.decode()


def test_a_breakdown_says_when_it_looked_at_some_only(
    bob: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiles.directory.breakdown.LOOKED_AT", 2)
    page = bob.get(_url(people.app, "breakdown"), {"by": "country", "filter": "sessions:at_least:0"}).content.decode()
    assert "Of 2 users that were looked at" in page
