"""Alerts: noted in the transaction of what they are about, told to the app's channels later, with retries.

An alert waits in CrashAlert until it was spread over the channels; what a channel is to be sent waits in AlertDelivery
until it arrived or was given up. A worker that is killed loses neither: at worst something is sent twice.
"""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse

from profiles.access.models import App
from profiles.crashes import webhooks
from profiles.crashes.models import AlertChannel, AlertDelivery, CrashAlert, CrashGroup
from profiles.crashes.webhooks import WebhookError

Reason = CrashAlert.Reason

# How long after each failed attempt the next one is made; after the last, it is given up.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (10, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 24 * 3600)
)
# An attempt whose worker was killed is made again after this time; longer than any attempt takes.
LEASE: Final = timedelta(minutes=2)
# A flood of new crashes comes as one message a minute.
QUIET: Final = timedelta(minutes=1)
ALERTS_AT_ONCE: Final = 1000
CRASHES_NAMED: Final = 20
TITLE_SHOWN: Final = 300
KEPT_DAYS: Final = 30

_NOTE = """
INSERT INTO profiles_crashalert (app_id, group_id, reason, app_version, times, at, is_told)
SELECT g.app_id, g.id, %s, g.latest_version, 0, %s, false FROM profiles_crashgroup g WHERE g.id = ANY(%s::bigint[])
ORDER BY g.id
"""


def note(reason: CrashAlert.Reason, group_ids: Collection[int], now: datetime) -> None:
    """Note what happened to groups, in the caller's transaction. One statement, none for no group."""
    if group_ids:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [reason, now, sorted(group_ids)])


# --- From alerts to deliveries ------------------------------------------------------------------


def spread(now: datetime) -> int:
    """Make deliveries of the alerts that wait; return how many alerts that were."""
    told = 0
    for app_id in CrashAlert.objects.filter(is_told=False).order_by().values_list("app_id", flat=True).distinct():
        told += _spread_of_app(app_id, now)
    return told


@transaction.atomic
def _spread_of_app(app_id: int, now: datetime) -> int:
    channels = list(AlertChannel.objects.select_for_update().filter(app=app_id).order_by("id"))
    recent = AlertDelivery.objects.filter(channel__in=channels, created_at__gt=now - QUIET)
    if channels and recent.exclude(content__has_key="is_test").exists():
        return 0
    alerts = list(
        CrashAlert.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(app=app_id, is_told=False)
        .select_related("group__merged_into", "app")
        .order_by("id")[:ALERTS_AT_ONCE]
    )
    CrashAlert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(is_told=True)
    for channel in channels:
        wanted = [alert for alert in alerts if _wants(channel, alert)]
        if wanted:
            AlertDelivery.objects.create(
                channel=channel, content=content_of(wanted[0].app, channel, wanted), due_at=now, created_at=now
            )
    return len(alerts)


def _wants(channel: AlertChannel, alert: CrashAlert) -> bool:
    group = alert.group.merged_into or alert.group
    if group.state == CrashGroup.State.HIDDEN or (channel.is_fatal_only and not group.is_fatal):
        return False
    if alert.reason == Reason.NEW:
        # What was merged into a known crash meanwhile is not new.
        return channel.on_new and alert.group.merged_into_id is None
    return channel.on_reoccurred if alert.reason == Reason.REOCCURRED else channel.on_spiking


def content_of(app: App, channel: AlertChannel, alerts: Collection[CrashAlert]) -> dict[str, Any]:
    """Return what a message says: the first CRASHES_NAMED crashes, and how many there are."""
    return {
        "app": {"id": app.public_id, "name": app.name},
        "total": len(alerts),
        "crashes": [_crash_of(app, channel, alert) for alert in list(alerts)[:CRASHES_NAMED]],
    }


def _crash_of(app: App, channel: AlertChannel, alert: CrashAlert) -> dict[str, Any]:
    group = alert.group.merged_into or alert.group
    return {
        "reason": alert.reason,
        "at": alert.at.isoformat(),
        "id": group.public_id,
        "title": group.title[:TITLE_SHOWN],
        "culprit": group.culprit[:TITLE_SHOWN],
        "platform": group.platform,
        "fatal": group.is_fatal,
        "app_version": alert.app_version,
        "occurrences": group.occurrences_count,
        "users": group.users_count,
        **({"last_hour": alert.times} if alert.reason == Reason.SPIKING else {}),
        "url": channel.base_url + reverse("crashes:group", args=[app.public_id, group.public_id]),
    }


def send_test(channel: AlertChannel, now: datetime) -> AlertDelivery:
    """Put a message that says it is a test into the outbox."""
    app = channel.app
    crash = {
        "reason": Reason.NEW,
        "at": now.isoformat(),
        "id": "",
        "title": "This is a test: no crash happened",
        "culprit": "",
        "platform": "",
        "fatal": False,
        "app_version": "",
        "occurrences": 0,
        "users": 0,
        "url": channel.base_url + reverse("crashes:list", args=[app.public_id]),
    }
    content = {"is_test": True, "app": {"id": app.public_id, "name": app.name}, "total": 1, "crashes": [crash]}
    return AlertDelivery.objects.create(channel=channel, content=content, due_at=now, created_at=now)


# --- Deliveries ---------------------------------------------------------------------------------


def deliver_next(now: datetime) -> bool:
    """Attempt the delivery that is due the longest; return whether there was one.

    The attempt is counted, and the next one made due, before anything is sent: no transaction stays open meanwhile.
    """
    with transaction.atomic():
        due = (
            AlertDelivery.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state=AlertDelivery.State.WAITING, due_at__lte=now)
            .select_related("channel__app")
            .order_by("due_at")
            .first()
        )
        if due is None:
            return False
        due.attempts += 1
        due.due_at = now + LEASE
        due.save(update_fields=["attempts", "due_at"])
    try:
        _send(due, now)
    except (WebhookError, OSError) as error:
        _failed(due, str(error) or type(error).__name__, now)
    else:
        due.state, due.settled_at, due.error = AlertDelivery.State.DELIVERED, now, ""
        due.save(update_fields=["state", "settled_at", "error"])
    return True


def _failed(delivery: AlertDelivery, error: str, now: datetime) -> None:
    delivery.error = error[:500]
    if delivery.attempts > len(PAUSES):
        delivery.state, delivery.settled_at = AlertDelivery.State.FAILED, now
    else:
        delivery.due_at = now + PAUSES[delivery.attempts - 1]
    delivery.save(update_fields=["error", "state", "settled_at", "due_at"])


def _send(delivery: AlertDelivery, now: datetime) -> None:
    channel = delivery.channel
    if channel.kind == AlertChannel.Kind.EMAIL:
        _send_email(delivery)
        return
    body = json.dumps({"delivery": delivery.pk, **delivery.content}, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Countly-Profiles",
        webhooks.SIGNATURE_HEADER: webhooks.sign(channel.secret, body, int(now.timestamp())),
    }
    webhooks.post(channel.target, body, headers, may_be_private=settings.ALERTS_TO_PRIVATE_NETWORKS)


def _send_email(delivery: AlertDelivery) -> None:
    if not settings.EMAIL_HOST:
        raise WebhookError("This server has no mail server: EMAIL_HOST is not set.")
    content = delivery.content
    first = content["crashes"][0]
    label = dict(Reason.choices)[first["reason"]]
    subject = f"[{content['app']['name']}] {label}: {first['title']}"
    if content["total"] > 1:
        subject = f"[{content['app']['name']}] {content['total']} crash alerts, first: {first['title']}"
    message = EmailMessage(
        subject=" ".join(subject.split())[:200],
        body=render_to_string("crashes/alert.txt", {"content": content, "labels": dict(Reason.choices)}),
        to=[address.strip() for address in delivery.channel.target.split(",")],
    )
    message.send()


def forget_old(now: datetime) -> None:
    """Delete deliveries that were settled KEPT_DAYS ago."""
    settled = ~Q(state=AlertDelivery.State.WAITING)
    AlertDelivery.objects.filter(settled, created_at__lt=now - timedelta(days=KEPT_DAYS)).delete()
