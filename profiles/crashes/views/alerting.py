"""Where an app's alerts go: a page for its admins."""

import secrets

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from profiles.access import audit
from profiles.access.models import App
from profiles.crashes import alerts
from profiles.crashes.forms import ChannelForm
from profiles.crashes.models import AlertChannel, AlertDelivery
from profiles.crashes.tasks import tell_alerts
from profiles.crashes.views.finding import clock_of
from profiles.crashes.webhooks import SIGNATURE_HEADER

DELIVERIES_SHOWN = 20
MOST_CHANNELS = 20
SECRET_BYTES = 24


def channels(request: HttpRequest, app: App) -> HttpResponse:
    """Show the app's channels and what was sent lately; add one."""
    form = ChannelForm(request.POST if request.method == "POST" else None, initial={"kind": AlertChannel.Kind.WEBHOOK})
    if request.method == "POST" and AlertChannel.objects.filter(app=app).count() >= MOST_CHANNELS:
        form.add_error(None, f"An app has {MOST_CHANNELS} at most.")
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            channel = form.save(commit=False)
            channel.app, channel.created_at = app, timezone.now()
            channel.base_url = request.build_absolute_uri("/").rstrip("/")
            channel.secret = secrets.token_hex(SECRET_BYTES)
            channel.save()
            _record(request, app, channel, "added")
        messages.success(request, "Added. Send a test to see that it arrives.")
        return redirect("crashes:alerts", app.public_id)
    context = {
        "app": app,
        "clock": clock_of(app),
        "form": form,
        "channels": AlertChannel.objects.filter(app=app).order_by("id"),
        "deliveries": AlertDelivery.objects.filter(channel__app=app)
        .select_related("channel")
        .order_by("-id")[:DELIVERIES_SHOWN],
        "has_mail": bool(settings.EMAIL_HOST),
        "signature_header": SIGNATURE_HEADER,
    }
    return render(request, "crashes/alerts.html", context)


@require_POST
def change_channel(request: HttpRequest, app: App, channel_id: int) -> HttpResponse:
    """Send a test to a channel, give it a new secret, or delete it."""
    channel = get_object_or_404(AlertChannel, app=app, pk=channel_id)
    channel.app = app
    action = request.POST.get("action", "")
    with transaction.atomic():
        if action == "test":
            alerts.send_test(channel, timezone.now())
            transaction.on_commit(tell_alerts.delay)
            messages.success(request, "A test is on its way. Load the page again to see whether it arrived.")
        elif action == "secret":
            channel.secret = secrets.token_hex(SECRET_BYTES)
            channel.save(update_fields=["secret"])
            _record(request, app, channel, "new secret")
            messages.success(request, "From now on it is signed with the new secret.")
        elif action == "delete":
            _record(request, app, channel, "deleted")
            channel.delete()
            messages.success(request, "Deleted. What still waited for it is not sent.")
        else:
            messages.error(request, "Nothing was changed.")
    return redirect("crashes:alerts", app.public_id)


def _record(request: HttpRequest, app: App, channel: AlertChannel, what: str) -> None:
    host = channel.target if channel.kind == AlertChannel.Kind.EMAIL else channel.target.partition("?")[0]
    audit.record(request.user, app, audit.Action.APP_CHANGED, f"crash alerts {what}", {channel.kind: host[:200]})
