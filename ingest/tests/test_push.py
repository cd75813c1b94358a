"""The round trip of a push message: a token as an SDK sends it, the message, and what comes back when it is opened."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from ingest.tests.sending import START, apply_all, send, user_of
from profiles.access.models import App
from profiles.messages import composing, letters
from profiles.messages.content import Button, Content, Text, to_json
from profiles.messages.lanes import Claimed
from profiles.messages.models import Delivery, Message, MessageTotal, PushCredential
from profiles.privacy.forgetting import forget
from profiles.tests.factories import make_app
from profiles.users.models import DeviceToken

pytestmark = pytest.mark.django_db

CONTENT = Content(
    (
        Text(
            "Kahve?", "Merhaba {name|there}", buttons=(Button("Order", "kahve://order"), Button("Later", "kahve://no"))
        ),
    ),
    link="https://example.com/today",
    media="https://example.com/cup.png",
    badge=3,
    data={"campaign": "autumn"},
)


@pytest.fixture
def app() -> App:
    app = make_app("Kahve")
    for kind in ("apns", "fcm"):
        PushCredential.objects.create(app=app, kind=kind, sealed=b"", changed_at=START)
    return app


def composed(app: App, at: float = 100.0) -> Message:
    """Compose a message to everybody, as of a time of the SDKs' clock."""
    now = START + timedelta(seconds=at)
    message = Message.objects.create(
        app=app,
        state=Message.State.SENDING,
        content=to_json(CONTENT),
        audience=[["everyone", "1"]],
        created_at=now,
        created_by="author",
    )
    composing.compose_batch(message.pk, now)
    return message


def opens(app: App, device: str, at: float, message: Message | str, button: Any = 0) -> None:
    public_id = message if isinstance(message, str) else message.public_id
    segmentation = {"i": public_id, "b": button, "p": "a"}
    send(app, device, at, events=[{"key": "[CLY]_push_action", "count": 1, "segmentation": segmentation}])
    apply_all()


def counted(message: Message) -> dict[tuple[str, str], int]:
    rows = MessageTotal.objects.filter(message=message, outcome="opened").values_list("provider", "reason", "count")
    return {(provider, button): count for provider, button, count in rows if count}


def test_from_the_token_to_the_button(app: App) -> None:
    send(app, "phone", 0, begin_session=1, user_details={"name": "Elif"})
    send(app, "phone", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE", locale="tr_TR")
    send(app, "ipad", 2, token_session=1, ios_token="b" * 64, test_mode=1, locale="de")
    apply_all()
    message = composed(app)
    assert Delivery.objects.filter(message=message).count() == 2

    for one in Delivery.objects.filter(message=message).order_by("provider"):
        claimed = Claimed(one.user_id, one.token_key, one.provider, one.composed_at, one.expires_at, 0)
        ((letter,), _) = letters.write(message, CONTENT, [claimed], START)
        said = letter.post.payload
        if one.provider == "apns":
            # As CountlyPushNotifications and the notification service extension read it.
            assert said["aps"]["alert"] == {"title": "Kahve?", "body": "Merhaba there"}
            assert said["aps"]["mutable-content"] == 1
            assert said["aps"]["badge"] == 3
            assert said["c"] == {
                "i": message.public_id,
                "l": "https://example.com/today",
                "a": "https://example.com/cup.png",
                "b": [{"t": "Order", "l": "kahve://order"}, {"t": "Later", "l": "kahve://no"}],
            }
            assert (letter.post.environment, said["campaign"]) == ("development", "autumn")
        else:
            # As CountlyPush.decodeMessage reads it: texts by name.
            assert all(isinstance(value, str) for value in said.values())
            assert json.loads(said.pop("c.b")) == [
                {"t": "Order", "l": "kahve://order"},
                {"t": "Later", "l": "kahve://no"},
            ]
            assert said == {
                "c.i": message.public_id,
                "title": "Kahve?",
                "message": "Merhaba Elif",
                "sound": "default",
                "badge": "3",
                "c.l": "https://example.com/today",
                "c.m": "https://example.com/cup.png",
                "campaign": "autumn",
            }

    opens(app, "phone", 200, message, "1")  # Android's buttons are texts
    opens(app, "ipad", 210, message, 2)  # iOS's are numbers

    assert counted(message) == {("fcm", "1"): 1, ("apns", "2"): 1}
    delivery = Delivery.objects.get(message=message, provider="fcm")
    assert (delivery.opened_at, delivery.button) == (START + timedelta(seconds=200), 1)


def test_the_first_time_counts_whichever_comes_first(app: App) -> None:
    send(app, "phone", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE")
    apply_all()
    message = composed(app)

    opens(app, "phone", 300, message, 2)
    opens(app, "phone", 250, message, 0)
    opens(app, "phone", 280, message, 1)

    assert counted(message) == {("fcm", "0"): 1}
    assert Delivery.objects.get(message=message).opened_at == START + timedelta(seconds=250)


def test_of_two_devices_the_one_that_speaks_has_opened_it(app: App) -> None:
    for device in ("old", "new"):
        send(app, device, 1, token_session=1, android_token=f"tok-{device}", token_provider="FIREBASE")
    send(app, "new", 2, old_device_id="old")
    apply_all()
    message = composed(app)

    opens(app, "new", 300, message)

    opened = Delivery.objects.get(message=message, opened_at__isnull=False)
    token = DeviceToken.objects.get(token="tok-new")
    assert opened.token_key == token.token_key


def test_what_a_merged_user_got_is_the_survivors(app: App) -> None:
    send(app, "old", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE")
    apply_all()
    message = composed(app, at=100)
    send(app, "new", 200, old_device_id="old")
    opens(app, "new", 300, message)

    assert counted(message) == {("fcm", "0"): 1}
    survivor = user_of(app, "new")
    assert not Delivery.objects.filter(user_id=survivor.id).exists()

    forget(app, [survivor.id], START + timedelta(days=1))
    assert not Delivery.objects.exists()
    assert not DeviceToken.objects.exists()


def test_messages_of_others_and_of_nobody_are_passed_over(app: App) -> None:
    other = make_app("Other")
    PushCredential.objects.create(app=other, kind="fcm", sealed=b"", changed_at=START)
    send(other, "phone", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE")
    send(app, "phone", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE")
    apply_all()
    message = composed(other)

    opens(app, "phone", 300, message)
    opens(app, "phone", 301, "0123456789abcdef01234567")

    assert counted(message) == {}


def test_an_openings_failure_is_not_half_written(app: App) -> None:
    send(app, "phone", 1, token_session=1, android_token="tok-1", token_provider="FIREBASE")
    apply_all()
    message = composed(app)
    with mock.patch("profiles.messages.totals.add", side_effect=ValueError("broken")):
        opens(app, "phone", 300, message)

    assert Delivery.objects.get(message=message).opened_at is None
