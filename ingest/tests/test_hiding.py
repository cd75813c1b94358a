"""Bots and colleagues: hidden by rule or by hand, out of every count, visible when asked for."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from ingest.hiding import rule_that_hides
from ingest.tests.sending import apply_all, send, user_of
from ingest.wire.request import RawRequest, SdkRequest, parse
from profiles.access.models import App, AuditEntry, HiddenUser
from profiles.access.querysets import user_totals
from profiles.directory.audience import Audience, count_users, users_of
from profiles.funnels.models import Funnel
from profiles.funnels.report import count_ends
from profiles.funnels.services import StepInput, create_funnel, refresh_stale
from profiles.privacy import hiding
from profiles.tests.factories import People, make_people

pytestmark = pytest.mark.django_db


def request_of(**parameters: str) -> SdkRequest:
    raw = RawRequest(
        query=b"",
        body=urlencode({"app_key": "k", "device_id": "phone-7", **parameters}).encode(),
        content_type="application/x-www-form-urlencoded",
        ip="203.0.113.9",
        user_agent="",
        received_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    parsed = parse(raw)
    assert isinstance(parsed, SdkRequest)
    return parsed


@pytest.mark.parametrize(
    ("kind", "value", "is_hidden"),
    [
        ("user_agent", "headlesschrome", True),
        ("user_agent", "Firefox", False),
        ("device_id", "phone-7", True),
        ("device_id", "phone", False),
        ("device_id", "phone-*", True),
        ("device_id", "tablet-*", False),
        ("ip_range", "203.0.113.0/24", True),
        ("ip_range", "203.0.113.9", True),
        ("ip_range", "10.0.0.0/8", False),
        ("ip_range", "2001:db8::/32", False),
        ("ip_range", "nonsense", False),
        ("property", "email=QA@kahve.test", True),
        ("property", "internal=true", True),
        ("property", "internal=false", False),
        ("property", "missing=", False),
        ("property", "phone=none", False),
        ("unknown", "x", False),
        ("user_agent", "", False),
    ],
)
def test_rules(kind: str, value: str, is_hidden: bool) -> None:
    request = request_of(user_details='{"email": "qa@kahve.test", "phone": null, "custom": {"internal": true}}')
    rules = [{"kind": kind, "value": value}]
    found = rule_that_hides(rules, request, user_agent="Mozilla/5.0 HeadlessChrome/120", ip="203.0.113.9")
    assert bool(found) is is_hidden


@pytest.fixture
def people() -> People:
    return make_people()


def make_users(people: People) -> None:
    app = people.app
    create_funnel(Funnel(app=app, name="Buys"), [StepInput("a"), StepInput("b")])
    for device in ("real", "qa-phone", "anonymous-bot"):
        details: dict[str, Any] = {} if device == "anonymous-bot" else {"user_details": {"name": device}}
        send(app, device, 0, begin_session=1, events=[{"key": "a"}, {"key": "b"}], **details)
    apply_all()
    refresh_stale()


def test_a_rule_hides_who_sends_something_and_every_count_leaves_them_out(client: Client, people: People) -> None:
    rules = [{"kind": "device_id", "value": "qa-*"}, {"kind": "device_id", "value": "anonymous-bot"}]
    App.objects.filter(pk=people.app.pk).update(hiding_rules=rules)
    make_users(people)
    app = App.objects.get(pk=people.app.pk)
    totals = user_totals(app)
    assert (totals.identified, totals.anonymous, totals.hidden) == (1, 0, 2)
    assert [user.device_id for user in users_of(app, Audience())] == ["real"]
    assert count_users(app, Audience(search="qa-phone")) == 0
    assert count_ends([Funnel.objects.select_related("app").get()])[Funnel.objects.get().pk] == (1, 1)
    client.force_login(people.bob)
    address = f"/apps/{app.public_id}/users/"
    page = client.get(address).content.decode()
    assert "2 hidden" in page
    assert "qa-phone" not in page
    assert "real" in page
    page = client.get(f"{address}?filter=hidden:yes").content.decode()
    assert "qa-phone" in page
    assert ">real<" not in page
    assert HiddenUser.objects.get(user_id=user_of(app, "qa-phone").id).reason == "device id: qa-*"


def test_a_hidden_user_who_is_identified_later_stays_out_of_the_right_half(people: People) -> None:
    make_users(people)
    hiding.hide(people.app.pk, [user_of(people.app, "anonymous-bot").id], reason="x", now=datetime.now(tz=UTC))
    app = App.objects.get(pk=people.app.pk)
    assert (user_totals(app).identified, user_totals(app).anonymous) == (2, 0)
    send(app, "anonymous-bot", 5, user_details={"name": "Bot"})
    apply_all()
    assert (user_totals(app).identified, user_totals(app).anonymous) == (2, 0)


def test_bob_may_not_and_an_analyst_may_hide_and_show_by_hand(client: Client, people: People) -> None:
    make_users(people)
    user = user_of(people.app, "qa-phone")
    address = f"/apps/{people.app.public_id}/list/hide/"
    client.force_login(people.bob)
    assert client.post(address, {"user": user.uid, "now": "hidden"}).status_code == 403
    client.force_login(people.alice)
    assert "Hide 1 user" in client.get(address, {"user": user.uid}).content.decode()
    client.post(address, {"user": user.uid, "now": "hidden"})
    app = App.objects.get(pk=people.app.pk)
    assert (app.hides_users, user_totals(app).identified, user_totals(app).hidden) == (True, 1, 1)
    assert AuditEntry.objects.get(action="hidden").subject == f"user {user.uid}"
    assert client.get(f"/apps/{app.public_id}/users/{user.uid}/").status_code == 200
    client.post(address, {"everyone": "1", "filter": "hidden:yes", "now": "shown"})
    app.refresh_from_db()
    assert (app.hides_users, user_totals(app).identified) == (False, 2)
    assert client.post(address, {"now": "hidden"}).status_code == 400


def test_rules_are_written_on_their_page(client: Client, people: People) -> None:
    client.force_login(people.alice)
    address = f"/apps/{people.app.public_id}/settings/hiding/"
    bad = client.post(address, {"ip_range": "10.0.0.0/33", "property": "internal"}).content.decode()
    assert bad.count("form-error") == 2
    client.post(address, {"user_agent": "Headless\n\n bot ", "ip_range": "10.0.0.0/8"})
    assert App.objects.get(pk=people.app.pk).hiding_rules == [
        {"kind": "user_agent", "value": "Headless"},
        {"kind": "user_agent", "value": "bot"},
        {"kind": "ip_range", "value": "10.0.0.0/8"},
    ]
    assert "10.0.0.0/8" in client.get(address).content.decode()
