"""The same users everywhere: in the list, its count, the queryset that others act on, and the file."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from redis.exceptions import RedisError

from profiles.access.models import App, AppTotals, AuditEntry, Membership
from profiles.directory.audience import Audience, count_users, users_of
from profiles.directory.export import harmless
from profiles.directory.filters.tree import FilterError
from profiles.tests.factories import People, make_event, make_people, make_user
from profiles.users.models import AppUser

NOW = datetime.now(tz=UTC).replace(microsecond=0)

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    people = make_people()
    for n in range(9):
        user = make_user(
            people.app,
            f"device-{n}",
            seen_at=NOW - timedelta(hours=n),
            is_identified=n % 3 != 0,
            name=f"Elif {n}" if n % 3 else None,
            platform="iOS" if n % 2 else "Android",
            custom={"plan": ["pro", 7, "=1+1"][n % 3], "big": 10**30} if n != 4 else {},
            activity={"sessions_count": n},
        )
        for _ in range(n % 4):
            make_event(user, "buy", NOW - timedelta(days=1))
    AppTotals.objects.create(app=people.app, shard=0, users=9, identified=6)
    return people


@pytest.fixture
def alice(people: People) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def _address(app: App, name: str) -> str:
    return reverse(f"directory:{name}", args=[app.public_id])


def _file(client: Client, app: App, query: str) -> str:
    response: Any = client.post(_address(app, "download"), QueryDict(query).dict() | {"everyone": "1"})
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "tab=identified",
        "q=elif&sort=name",
        "filter=platform:is:iOS&sort=-sessions",
        "tab=identified&filter=or(event:did:buy:2:30,custom.plan:is:pro)&sort=-engagement&columns=name,custom.plan",
        "filter=custom.plan:is:pro&sort=-custom.plan",
    ],
)
def test_list_count_export_and_queryset_agree(alice: Client, people: People, query: str) -> None:
    listed = alice.get(f"{_address(people.app, 'users')}?{query}").context
    audience = Audience.read(QueryDict(f"{query}&everyone=1"))
    meant = set(users_of(people.app, audience).values_list("uid", flat=True))
    assert meant
    if "engagement" not in query:
        assert {row.user.uid for row in listed["rows"]} == meant
    assert listed["matches"].count == count_users(people.app, audience) == len(meant)
    assert f"{len(meant)} " in alice.get(f"{_address(people.app, 'export')}?{query}&everyone=1").context["words"]
    if "engagement" not in query:
        lines = [json.loads(line) for line in _file(alice, people.app, f"{query}&format=jsonl").splitlines()]
        assert [line["uid"] for line in lines] == [row.user.uid for row in listed["rows"]]


def test_custom_columns_sort_texts_then_numbers_and_unknown_last(alice: Client, people: People) -> None:
    for sign, expected in (("", ["=1+1", "pro", 7, None]), ("-", [7, "pro", "=1+1", None])):
        address = f"{_address(people.app, 'users')}?columns=name,custom.plan&sort={sign}custom.plan"
        values = [row.user.custom.get("plan") for row in alice.get(address).context["rows"]]
        assert list(dict.fromkeys(values)) == expected


def test_picked_users_are_those_and_nobody_of_another_app(alice: Client, people: People) -> None:
    stranger = make_user(App.objects.exclude(pk=people.app.pk).get(), "other", seen_at=NOW, uid="zz")
    picked = [user.uid for user in AppUser.objects.filter(app=people.app, name__in=["Elif 1", "Elif 5"])]
    data = {"user": [*picked, stranger.uid], "format": "csv", "columns": "name,sessions", "sort": "-sessions"}
    response: Any = alice.post(_address(people.app, "download"), data)
    rows = list(csv.reader(StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0] == ["User id", "Name", "E-mail", "Sessions"]
    assert [row[1] for row in rows[1:]] == ["Elif 5", "Elif 1"]
    assert AuditEntry.objects.filter(action=AuditEntry.Action.EXPORTED, detail__users=2).exists()


@pytest.mark.parametrize("query", ["", "user=", "everyone=1&filter=platform:larger:1", "everyone=1&filter=platform"])
def test_nobody_and_an_unreadable_filter_never_mean_everybody(alice: Client, people: People, query: str) -> None:
    with pytest.raises(FilterError):
        Audience.read(QueryDict(query))
    assert alice.get(f"{_address(people.app, 'export')}?{query}").status_code == 400
    assert alice.post(_address(people.app, "download"), QueryDict(query).dict()).status_code == 400


def test_formulas_become_harmless(alice: Client, people: People) -> None:
    assert "'=1+1" in _file(alice, people.app, "columns=name,custom.plan&format=csv")
    assert harmless("@SUM(A1)") == "'@SUM(A1)"
    assert harmless("+905551234567") == "+905551234567"
    assert harmless("-2+3") == "'-2+3"
    assert harmless("Elif") == "Elif"


def test_only_analysts_export(people: People) -> None:
    for person, expected in ((people.bob, 403), (people.charlie, 404)):
        client = Client()
        client.force_login(person)
        assert client.get(_address(people.app, "export") + "?everyone=1").status_code == expected
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    client.force_login(people.bob)
    assert client.get(_address(people.app, "export") + "?everyone=1").status_code == 200


def test_an_export_does_not_need_the_broker(people: People, alice: Client, settings: Any) -> None:
    redis = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": redis, "LOCATION": "unix:///nowhere/valkey.sock"}}
    with pytest.raises(RedisError):
        cache.get("anything")
    token = "0123456789abcdef"
    assert _file(alice, people.app, f"format=csv&token={token}").count("\n") >= 9
    assert alice.get(_address(people.app, "export_progress"), {"token": token}).status_code == 200
