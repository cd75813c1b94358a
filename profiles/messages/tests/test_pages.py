"""Pages of messages: who may see them, what they cost, what is composed, and the users behind each number."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import AuditEntry, Membership
from profiles.directory.audience import Audience, users_of
from profiles.directory.filters import tree
from profiles.messages import opening, services
from profiles.messages.content import from_json
from profiles.messages.models import Delivery, Message, PushCredential, PushSettings
from profiles.messages.opening import Opened
from profiles.messages.standin.accounts import AppleAccount, FirebaseAccount
from profiles.messages.tests.making import Ready, give_token, work
from profiles.tests.factories import make_crash, make_crash_group, make_funnel, make_person, make_user
from profiles.users.models import AppUser, DeviceToken, Identity, UserActivity

pytestmark = pytest.mark.django_db

FORM = {
    "everyone": "1",
    "title": "Kahve?",
    "body": "Merhaba {name|dostum}",
    "when": "now",
    "valid_hours": "24",
    "sound": "default",
    "variants-TOTAL_FORMS": "0",
    "variants-INITIAL_FORMS": "0",
}


@pytest.fixture
def alice(ready: Ready, client: Client) -> Client:
    """The browser of an analyst of the app."""
    person = make_person("alice")
    Membership.objects.create(user=person, app=ready.app, role=Membership.Role.ANALYST)
    client.force_login(person)
    return client


def address(ready: Ready, rest: str = "") -> str:
    return f"/apps/{ready.app.public_id}/messages/{rest}"


def texts_behind(html: str, ready: Ready) -> dict[str, set[str]]:
    """Return the device ids behind each number of a message's page, by its label."""
    found = {}
    for url, label in re.findall(r'<li><b><a href="([^"]+)">[^<]+</a></b><span>([^<·]+)', html):
        query = QueryDict(urlsplit(url.replace("&amp;", "&")).query, mutable=True)
        query["everyone"] = "1"
        found[label.strip()] = {user.device_id for user in users_of(ready.app, Audience.read(query))}
    return found


def test_a_message_is_composed_sent_and_read(ready: Ready, alice: Client) -> None:
    opener, sleeper, dead, refused, _ = (make_user(ready.app, name) for name in "abcde")
    tokens = {user.device_id: give_token(user) for user in (opener, sleeper)}
    give_token(dead, start="dead")
    give_token(refused, "fcm")
    AppUser.objects.filter(pk=refused.pk).update(consent={"push": False})

    answer = alice.post(address(ready, "new/"), FORM | {"do": "send", "button1_title": "Go", "button1_link": "k://x"})
    message = Message.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, message.get_absolute_url())
    work()
    now = timezone.now()
    token = tokens["a"]
    opening.note([Opened(ready.app.pk, opener.id, token.original_user_id, message.public_id, 1, now)], shard=1)

    html = alice.get(message.get_absolute_url()).content.decode()
    assert texts_behind(html, ready) == {
        "sent": {"a", "b"},
        "opened": {"a"},
        "failed": {"c"},
        "left out": {"d"},
    }
    assert "The app was removed from the device" in html
    assert "“Go”" in html
    listed = alice.get(address(ready)).content.decode()
    assert "Kahve?" in listed
    assert "50%" in listed
    assert AuditEntry.objects.filter(action=AuditEntry.Action.MESSAGED, subject=f"message {message.public_id}").exists()


def test_everything_of_the_form_is_in_the_content_and_back(ready: Ready, alice: Client) -> None:
    more: dict[str, Any] = {
        "do": "save",
        "link": "https://example.com/a",
        "picture": "https://example.com/a.png",
        "badge": "3",
        "values": "campaign=autumn\nplan = pro",
        "button1_title": "Order",
        "button1_link": "kahve://order",
        "button2_title": "Later",
        "button2_link": "kahve://later",
        "when": "local",
        "wall_clock": "2030-05-01T09:30",
        "valid_hours": "72",
        "variants-TOTAL_FORMS": "1",
        "variants-0-locale": "tr",
        "variants-0-title": "",
        "variants-0-body": "Selam",
        "variants-0-button1": "Ismarla",
        "variants-0-button2": "",
    }
    assert alice.post(address(ready, "new/"), FORM | more).status_code == 302

    message = Message.objects.get()
    content = from_json(message.content)
    assert content.data == {"campaign": "autumn", "plan": "pro"}
    assert (content.badge, content.link, content.media) == (3, "https://example.com/a", "https://example.com/a.png")
    assert [(text.locale, text.body, [b.title for b in text.buttons]) for text in content.texts] == [
        ("", "Merhaba {name|dostum}", ["Order", "Later"]),
        ("tr", "Selam", ["Ismarla"]),
    ]
    assert content.texts[1].buttons[0].link == "kahve://order"
    assert message.starts_at == datetime(2030, 4, 30, 19, 30, tzinfo=UTC)  # where the day begins first

    page = alice.get(address(ready, f"{message.public_id}/edit/")).content.decode()
    for value in ("kahve://later", "Ismarla", "2030-05-01T09:30", "campaign=autumn", "https://example.com/a.png"):
        assert value in page
    assert alice.post(address(ready, f"{message.public_id}/act/"), {"do": "send"}).status_code == 302
    message.refresh_from_db()
    assert message.state == Message.State.SCHEDULED


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"body": ""}, "This field is required"),
        ({"body": "Hello {nme}"}, "no profile field"),
        ({"link": "javascript:alert(1)"}, "cannot begin with javascript"),
        ({"picture": "http://example.com/x.png"}, "cannot begin with http"),
        ({"button1_title": "Go"}, "Say what the button"),
        ({"button2_title": "Go", "button2_link": "a://b"}, "no first"),
        ({"values": "no sign"}, "no name=value"),
        ({"when": "at"}, "Say when"),
        ({"variants-TOTAL_FORMS": "1", "variants-0-body": "Selam"}, "Say the language"),
        ({"variants-TOTAL_FORMS": "1", "variants-0-locale": "§", "variants-0-body": "Selam"}, "no locale"),
    ],
    ids=str,
)
def test_it_rejects_what_could_not_be_sent(ready: Ready, alice: Client, wrong: dict[str, str], said: str) -> None:
    answer = alice.post(address(ready, "new/"), FORM | {"do": "send"} | wrong)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Message.objects.exists()


def test_an_audience_that_cannot_be_read_is_nobody(ready: Ready, alice: Client) -> None:
    assert alice.get(address(ready, "new/?everyone=1&filter=nothing:is:x")).status_code == 400
    assert alice.post(address(ready, "new/"), FORM | {"do": "send", "filter": "nothing:is:x"}).status_code == 400
    assert not Message.objects.exists()


def test_a_language_is_added_without_losing_what_was_written(ready: Ready, alice: Client) -> None:
    page = alice.post(address(ready, "new/"), FORM | {"do": "language", "title": "Kept"}).content.decode()

    assert 'value="Kept"' in page
    assert 'name="variants-0-locale"' in page
    assert not Message.objects.exists()


def test_the_preview_is_of_a_real_user_in_their_language(ready: Ready, alice: Client) -> None:
    make_user(ready.app, "phone", name="Elif <b>", locale="tr_TR", is_identified=True)
    more = {
        "variants-TOTAL_FORMS": "1",
        "variants-0-locale": "tr",
        "variants-0-title": "Kahve",
        "variants-0-body": "Selam {name|sen}",
    }

    shown = alice.post(address(ready, "preview/"), FORM | more).content.decode()
    assert "Selam Elif &lt;b&gt;" in shown
    assert (
        "Merhaba Elif"
        in alice.post(address(ready, "preview/"), FORM | more | {"preview_locale": "de"}).content.decode()
    )
    nobody = alice.post(address(ready, "preview/"), FORM | {"sample": "somebody"}).content.decode()
    assert "There is no user" in nobody
    assert "Merhaba dostum" in nobody
    assert "no profile field" in alice.post(address(ready, "preview/"), FORM | {"body": "{x}"}).content.decode()


def test_the_ladder_opens_the_users_that_it_drops(ready: Ready, alice: Client) -> None:
    apple, google, refused, _ = (make_user(ready.app, name, name="Elif") for name in ("a", "g", "r", "n"))
    make_user(ready.app, "other")
    give_token(apple)
    give_token(google, "fcm")
    give_token(refused)
    AppUser.objects.filter(pk=refused.pk).update(consent={"push": False})

    html = alice.get(address(ready, "ladder/?everyone=1&filter=name:is:Elif")).content.decode()

    assert re.findall(r"<b>(?:<a[^>]*>)?(\d+)", html) == ["4", "3", "2", "1", "1"]
    behind = []
    for url in re.findall(r'href="([^"]+)"', html):
        query = {name: values[0] for name, values in parse_qs(urlsplit(url.replace("&amp;", "&")).query).items()}
        meant = Audience(filter=tree.read(query["filter"]))
        behind.append({user.device_id for user in users_of(ready.app, meant)})
    assert behind == [{"a", "g", "r", "n"}, {"n"}, {"r"}, {"a"}, {"g"}]


def test_a_test_goes_to_the_newest_device_and_stays_on_the_page(ready: Ready, alice: Client) -> None:
    user = make_user(ready.app, "phone", name="Elif")
    give_token(user, last_registered_at=timezone.now() - timedelta(days=9))
    newest = give_token(user, "fcm")

    page = alice.post(address(ready, "new/"), FORM | {"do": "test", "sample": "phone"}).content.decode()
    work()

    assert "newest device of Elif" in page
    assert ready.accepted() == [newest.token]
    assert "Kahve?" in alice.get(address(ready, "?tab=tests")).content.decode()
    assert "Kahve?" not in alice.get(address(ready)).content.decode()
    wrong = alice.post(address(ready, "new/"), FORM | {"do": "test", "sample": "nobody"}).content.decode()
    assert "There is no user" in wrong


def test_stopped_gone_on_with_duplicated_deleted(ready: Ready, alice: Client) -> None:
    give_token(make_user(ready.app, "phone"))
    message = ready.send()

    def do(what: str, one: Message = message) -> str:
        alice.post(address(ready, f"{one.public_id}/act/"), {"do": what})
        found = Message.objects.filter(pk=one.pk).first()
        return str(found.state) if found else "gone"

    assert do("stop") == "cancelled"
    assert do("go_on") == "sending"
    work()
    assert do("stop") == "sent"
    alice.post(address(ready, f"{message.public_id}/act/"), {"do": "duplicate"})
    copy = Message.objects.latest("pk")
    assert (copy.state, copy.content) == ("draft", message.content)
    assert do("delete", copy) == "gone"
    assert do("delete") == "sent"
    assert alice.post(address(ready, f"{message.public_id}/act/"), {"do": "x"}).status_code == 404


def test_who_reads_may_not_write(ready: Ready, client: Client) -> None:
    message = ready.send()
    bob, charlie = make_person("bob"), make_person("charlie")
    Membership.objects.create(user=bob, app=ready.app, role=Membership.Role.VIEWER)
    client.force_login(bob)
    assert client.get(message.get_absolute_url()).status_code == 200
    assert client.post(address(ready, f"{message.public_id}/act/"), {"do": "stop"}).status_code == 403
    assert client.get(address(ready, "new/")).status_code == 403
    client.force_login(charlie)
    assert client.get(message.get_absolute_url()).status_code == 404


def test_pages_cost_the_same_for_many(
    ready: Ready, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        give_token(make_user(ready.app, f"p{number}"))
    for _ in range(40):
        message = ready.send()
    work(60)
    alice.get(address(ready))
    with django_assert_max_num_queries(16):
        html = alice.get(address(ready)).content.decode()
    assert html.count("row-link") == 30
    older = re.search(r'href="(\?before=[^"]+)"', html)
    assert older
    assert alice.get(address(ready, older[1])).content.decode().count("row-link") == 10
    with django_assert_max_num_queries(16):
        alice.get(message.get_absolute_url())
    with django_assert_max_num_queries(6):
        alice.get(message.get_absolute_url(), headers={"HX-Request": "true"})


def test_settings_are_the_admins(ready: Ready, alice: Client) -> None:
    url = f"/apps/{ready.app.public_id}/settings/push/"
    assert alice.get(url).status_code == 403
    Membership.objects.filter(app=ready.app).update(role=Membership.Role.ADMIN)
    shown = alice.get(url).content.decode()
    assert "com.example.kahve" in shown
    assert "PRIVATE KEY" not in shown

    alice.post(url, {"save": "1", "needs_approval": "on", "cap_messages": "2", "cap_days": "7"})
    alice.post(url, {"check": "apns"})

    stored = PushSettings.objects.get(app=ready.app)
    assert (stored.needs_approval, stored.cap_messages, stored.cap_days) == (True, 2, 7)
    assert ready.standin.book.refused["BadDeviceToken"] == 1


def test_credentials_are_tried_before_they_are_stored(
    ready: Ready, client: Client, apple: AppleAccount, firebase: FirebaseAccount
) -> None:
    client.force_login(make_person("root", is_superuser=True, is_staff=True))
    url = "/admin/profiles/pushcredential/add/"
    PushCredential.objects.all().delete()
    good = {"app": ready.app.pk, "kind": "apns", "secret": apple.key.private, "topic": apple.topic}
    good |= {"key_id": apple.key_id, "team_id": apple.team_id}

    assert b"bundle id" in client.post(url, good | {"topic": "?"}).content
    assert b"may not send to this bundle id" in client.post(url, good | {"topic": "com.example.tea"}).content
    assert b"not the JSON file" in client.post(url, good | {"kind": "fcm"}).content
    assert not PushCredential.objects.exists()
    for _ in range(2):  # the second takes the place of the first
        answer = client.post(url, good)
        assert answer.status_code == 302, answer.context["errors"]
    elsewhere = json.loads(firebase.as_json()) | {"token_uri": "https://evil.example/token"}
    fcm = {"app": ready.app.pk, "kind": "fcm", "secret": json.dumps(elsewhere)}
    assert b"evil.example" in client.post(url, fcm).content
    assert client.post(url, fcm | {"secret": firebase.as_json()}).status_code == 302

    stored = PushCredential.objects.get(kind="apns")
    assert (PushCredential.objects.count(), stored.fault) == (2, "")
    page = client.get(f"/admin/profiles/pushcredential/{stored.pk}/change/").content.decode()
    assert "PRIVATE" not in page
    assert bytes(stored.sealed).decode() not in page
    out = StringIO()
    call_command("push_check", ready.app.public_id, stdout=out)
    assert out.getvalue().count(": right") == 2
    ready.standin.book.behaviour.revoked_keys.add(apple.key_id)
    with pytest.raises(CommandError, match="1 of 2"):
        call_command("push_check", stdout=out)


def test_merged_users_are_behind_the_numbers_of_the_survivor(ready: Ready) -> None:
    old, new = make_user(ready.app, "old"), make_user(ready.app, "new")
    give_token(old)
    message = ready.send()
    work()
    until = timezone.now() + timedelta(minutes=1)
    Identity.objects.create(device_key=old.id, until=until, user_id=new.id, app=ready.app, device_id="old", merge_id=1)
    DeviceToken.objects.all().delete()
    UserActivity.objects.filter(pk=old.pk).delete()
    AppUser.objects.filter(pk=old.pk).delete()
    later = make_user(ready.app, "old")  # who used the device afterwards
    assert later.id == old.id

    sent = Audience(filter=tree.read(f"message:sent:{message.public_id}"))
    unopened = Audience(filter=tree.read(f"message:not_opened:{message.public_id}"))
    assert [user.device_id for user in users_of(ready.app, sent)] == ["new"]
    assert [user.device_id for user in users_of(ready.app, unopened)] == ["new"]
    other = Audience(filter=tree.read("message:sent:" + "0" * 24))
    assert not users_of(ready.app, other).exists()


def test_a_user_can_be_written_to_alone(ready: Ready, alice: Client) -> None:
    one, _ = make_user(ready.app, "one"), make_user(ready.app, "two")
    tokens = [give_token(user) for user in AppUser.objects.filter(app=ready.app).order_by("device_id")]

    assert "selected" in alice.get(address(ready, f"new/?user={one.uid}")).content.decode()
    form = {name: value for name, value in FORM.items() if name != "everyone"}
    alice.post(address(ready, "new/"), form | {"do": "send", "user": one.uid})
    work()

    assert ready.accepted() == [tokens[0].token]
    assert Delivery.objects.count() == 1


def test_what_does_not_exist_cannot_be_approved(ready: Ready) -> None:
    message = ready.send()
    with pytest.raises(services.MessageError):
        services.approve(message, ready.author, timezone.now())


def test_a_users_page_shows_their_messages(ready: Ready, alice: Client) -> None:
    user = make_user(ready.app, "phone", name="Elif")
    token = give_token(user)
    give_token(user, start="dead")
    message = ready.send()
    work()
    opening.note([Opened(ready.app.pk, user.id, token.original_user_id, message.public_id, 0, timezone.now())], shard=1)

    page = alice.get(f"/apps/{ready.app.public_id}/users/{user.uid}/").content.decode()

    box = page[page.index('id="messages-heading"') :]
    assert message.get_absolute_url() in box
    assert "opened" in box
    assert "The app was removed from the device" in box
    assert f"/messages/new/?user={user.uid}" in box


def test_crashes_and_funnels_lead_to_a_message_for_their_users(ready: Ready, alice: Client, client: Client) -> None:
    user = make_user(ready.app, "phone")
    now = timezone.now()
    group = make_crash_group(ready.app, "Boom", now)
    make_crash(user, group, now)
    funnel = make_funnel(ready.app, "Buys", "look", "buy")
    base = f"/apps/{ready.app.public_id}"

    crash = alice.get(f"{base}/crashes/{group.public_id}/").content.decode()
    link = re.search(r'href="([^"]+messages/new/[^"]+)"', crash)
    assert link
    composed = alice.get(link[1].replace("&amp;", "&")).content.decode()
    assert "Boom" in composed[composed.index('id="whom"') :][:300]
    listed = alice.get(f"{base}/users/").content.decode()
    assert f"{base}/messages/new/" in listed

    report = alice.get(f"{base}/funnels/{funnel.public_id}/").content.decode()
    assert report.count("messages/new/?everyone=1&amp;filter=funnel") == 3
    Membership.objects.filter(app=ready.app).update(role=Membership.Role.VIEWER)
    assert "messages/new/" not in alice.get(f"{base}/crashes/{group.public_id}/").content.decode()
