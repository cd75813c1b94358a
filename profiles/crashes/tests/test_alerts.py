"""Alerts from the crash that causes them to the server or the mailbox that is told."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from django.urls import reverse

from profiles.access.models import App
from profiles.crashes import alerts, handling, merging, spikes, webhooks
from profiles.crashes.models import AlertChannel, AlertDelivery, CrashAlert, CrashGroup
from profiles.crashes.services import record
from profiles.crashes.tests.conftest import NOW, NPE, OTHER, Make
from profiles.crashes.webhooks import WebhookError
from profiles.tests.factories import make_people

Sent = list[tuple[str, dict[str, Any], dict[str, str]]]
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def channel(app: App) -> AlertChannel:
    return AlertChannel.objects.create(
        app=app,
        kind=AlertChannel.Kind.WEBHOOK,
        target="https://hooks.example/x",
        secret="s",
        base_url="https://profiles.example",
        created_at=NOW,
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    posts: Sent = []

    def post(address: str, body: bytes, headers: dict[str, str], **_: Any) -> int:
        posts.append((address, json.loads(body), headers))
        return 200

    monkeypatch.setattr(webhooks, "post", post)
    return posts


def tell(at: Any = LATER) -> None:
    alerts.spread(at)
    while alerts.deliver_next(at):
        pass


def test_a_new_crash_is_told_once(channel: AlertChannel, occurrence: Make, sent: Sent) -> None:
    record([occurrence()])
    record([occurrence()])
    tell()
    tell(LATER + timedelta(hours=1))
    [(address, content, headers)] = sent
    group = CrashGroup.objects.get()
    assert address == channel.target
    assert content["total"] == 1
    crash = content["crashes"][0]
    assert (crash["reason"], crash["title"], crash["occurrences"]) == ("new", group.title, 2)
    assert crash["url"] == f"https://profiles.example{group.get_absolute_url()}"
    body = json.dumps(content, ensure_ascii=False).encode()
    assert headers["X-Signature"] == webhooks.sign("s", body, int(LATER.timestamp()))
    assert AlertDelivery.objects.get().state == AlertDelivery.State.DELIVERED


def test_a_resolved_crash_that_comes_back_is_told(channel: AlertChannel, occurrence: Make, sent: Sent) -> None:
    record([occurrence()])
    tell()
    handling.resolve(group=CrashGroup.objects.get())
    record([occurrence(version="1.0")])
    tell(LATER + timedelta(minutes=2))
    assert len(sent) == 1
    record([occurrence(version="2.0")])
    tell(LATER + timedelta(minutes=4))
    assert [content["crashes"][0]["reason"] for _, content, _ in sent] == ["new", "reoccurred"]
    assert sent[1][1]["crashes"][0]["app_version"] == "2.0"


def test_a_flood_comes_in_one_message_a_minute(channel: AlertChannel, occurrence: Make, sent: Sent) -> None:
    record([occurrence(f"E: x\n\tat com.shop.A.f{n}(A.kt:1)") for n in range(30)])
    tell()
    record([occurrence(OTHER)])
    tell(LATER + timedelta(seconds=20))
    assert [(content["total"], len(content["crashes"])) for _, content, _ in sent] == [(30, alerts.CRASHES_NAMED)]
    tell(LATER + timedelta(seconds=70))
    assert [content["total"] for _, content, _ in sent] == [30, 1]


def test_what_nobody_wants_is_not_told(channel: AlertChannel, occurrence: Make, sent: Sent) -> None:
    AlertChannel.objects.update(is_fatal_only=True)
    record([occurrence(is_fatal=False), occurrence(OTHER)])
    handling.hide(group=CrashGroup.objects.get(is_fatal=True))
    tell()
    assert sent == []
    assert not CrashAlert.objects.filter(is_told=False).exists()


def test_failures_are_tried_again_with_growing_pauses_then_given_up(
    channel: AlertChannel, occurrence: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def fail(*_: Any, **__: Any) -> int:
        attempts.append(1)
        raise WebhookError("hooks.example answered 503")

    monkeypatch.setattr(webhooks, "post", fail)
    record([occurrence()])
    now = LATER
    tell(now)
    for pause in alerts.PAUSES:
        delivery = AlertDelivery.objects.get()
        assert (delivery.state, delivery.error) == (AlertDelivery.State.WAITING, "hooks.example answered 503")
        tell(now + pause - timedelta(seconds=1))
        assert AlertDelivery.objects.get().attempts == delivery.attempts
        now += pause
        tell(now)
    assert AlertDelivery.objects.get().state == AlertDelivery.State.FAILED
    assert len(attempts) == len(alerts.PAUSES) + 1


def test_a_killed_worker_loses_nothing(
    channel: AlertChannel, occurrence: Make, monkeypatch: pytest.MonkeyPatch, sent: Sent
) -> None:
    record([occurrence()])
    alerts.spread(LATER)
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "_send", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            alerts.deliver_next(LATER)
    assert not alerts.deliver_next(LATER + timedelta(seconds=1))
    assert alerts.deliver_next(LATER + alerts.LEASE)
    assert len(sent) == 1


def test_mail(app: App, occurrence: Make, settings: LazySettings) -> None:
    settings.EMAIL_HOST = "localhost"
    AlertChannel.objects.create(
        app=app, kind="email", target="a@example.com, b@example.com", base_url="https://p.example", created_at=NOW
    )
    record([occurrence("E: <b>\nSubject: x\n\tat com.shop.A.f(A.kt:1)", version="2.1")])
    tell()
    [message] = mail.outbox
    assert message.to == ["a@example.com", "b@example.com"]
    assert "\n" not in message.subject
    assert "New crash in version 2.1" in message.body
    assert CrashGroup.objects.get().get_absolute_url() in message.body


def test_mail_without_a_server_says_so(app: App, occurrence: Make) -> None:
    AlertChannel.objects.create(app=app, kind="email", target="a@example.com", base_url="", created_at=NOW)
    record([occurrence()])
    tell()
    assert "EMAIL_HOST" in AlertDelivery.objects.get().error


class TestSpikes:
    @pytest.mark.parametrize(
        ("last_hour", "usual", "expected"), [(19, 0, False), (20, 0, True), (50, 7 * 24 * 11, False)]
    )
    def test_the_rule(self, last_hour: int, usual: int, *, expected: bool) -> None:
        assert spikes.is_spike(last_hour, usual) is expected

    def test_a_spike_is_noted_once_a_day_over_all_members(
        self, channel: AlertChannel, occurrence: Make, sent: Sent
    ) -> None:
        record([occurrence(at=NOW - timedelta(days=2)), occurrence(OTHER, at=NOW - timedelta(days=2))])
        first, second = CrashGroup.objects.order_by("id")
        merging.merge(group=first, others=[second])
        tell(NOW - timedelta(days=1))
        minutes = [NOW - timedelta(minutes=n) for n in range(12)]
        record([occurrence(error, at=at, of=UUID(int=7)) for at in minutes for error in (NPE, OTHER)])
        assert spikes.note_spikes(NOW) == 1
        assert spikes.note_spikes(NOW + timedelta(minutes=5)) == 0
        tell()
        assert (sent[-1][1]["crashes"][0]["reason"], sent[-1][1]["crashes"][0]["last_hour"]) == ("spiking", 24)


class TestPage:
    def test_an_admin_adds_tests_and_deletes(
        self,
        client: Client,
        db: None,
        sent: Sent,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        people = make_people()
        client.force_login(people.alice)
        url = reverse("crashes:alerts", args=[people.app.public_id])
        told = {"kind": "webhook", "target": "https://hooks.example/a", "on_new": "on"}
        assert client.post(url, told).status_code == 302
        channel = AlertChannel.objects.get()
        assert (channel.on_new, channel.on_spiking, channel.base_url) == (True, False, "http://testserver")
        assert len(channel.secret) == 48

        asked = []
        monkeypatch.setattr("profiles.crashes.views.alerting.tell_alerts.delay", lambda: asked.append(1))
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("crashes:change_channel", args=[people.app.public_id, channel.pk]), {"action": "test"})
        assert asked == [1]
        assert alerts.deliver_next(channel.created_at + timedelta(hours=1))
        assert sent[0][1]["is_test"] is True
        assert "delivered" in client.get(url).content.decode()

        client.post(reverse("crashes:change_channel", args=[people.app.public_id, channel.pk]), {"action": "delete"})
        assert not AlertChannel.objects.exists()

    @pytest.mark.parametrize(
        ("kind", "target"), [("webhook", "ftp://x.example"), ("email", "nobody"), ("email", "a@b.c, x")]
    )
    def test_it_rejects_wrong_addresses(self, client: Client, db: None, kind: str, target: str) -> None:
        people = make_people()
        client.force_login(people.alice)
        response = client.post(reverse("crashes:alerts", args=[people.app.public_id]), {"kind": kind, "target": target})
        assert response.status_code == 200
        assert not AlertChannel.objects.exists()

    def test_bob_sees_no_secrets(self, client: Client, db: None) -> None:
        people = make_people()
        client.force_login(people.bob)
        assert client.get(reverse("crashes:alerts", args=[people.app.public_id])).status_code == 403
