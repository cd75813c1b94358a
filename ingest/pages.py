"""The inbox for superusers: what waits, what was refused and why, and applying that again after a fault was mended."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from ingest import inbox, refused
from ingest.wake import wake
from profiles.access import audit
from profiles.access.origin import client_address
from profiles.wording import Clock, age, grouped


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what waits and what was refused."""
    waiting, seconds = inbox.backlog()
    chosen = request.GET.get("reason", "").replace("\0", "")
    context = {
        "waiting": waiting,
        "oldest": age(timedelta(seconds=seconds)),
        "reasons": refused.reasons(),
        "chosen": chosen,
        "requests": refused.newest(chosen),
        "kept_days": settings.REQUESTS_KEPT_DAYS,
        "clock": Clock(datetime.now(tz=UTC), ZoneInfo("UTC")),
    }
    return render(request, "ingest/inbox.html", context)


@require_POST
def apply_again(request: HttpRequest) -> HttpResponse:
    """Put the refused requests of a reason back into the inbox; they are applied at once, or refused anew."""
    reason = request.POST.get("reason", "").replace("\0", "")
    if not reason:
        return redirect("inbox")
    since = datetime.now(tz=UTC) - timedelta(days=settings.REQUESTS_KEPT_DAYS + 1)
    with transaction.atomic():
        count = inbox.resubmit_refused(since, reason)
        detail = {"reason": reason, "requests": count}
        audit.record(
            request.user, None, audit.Action.REPLAYED, "refused requests", detail, address=client_address(request)
        )
        transaction.on_commit(wake)
    messages.success(request, f"{grouped(count)} put back; they are being applied.")
    return redirect("inbox")
