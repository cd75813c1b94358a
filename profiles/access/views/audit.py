"""The audit log's pages: an app's for its admins, the instance's for superusers."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from profiles.access import audit
from profiles.access.models import App, AuditEntry
from profiles.wording import Clock


@require_safe
def of_app(request: HttpRequest, app: App) -> HttpResponse:
    """Show what was done in one app."""
    return _page(request, audit.entries_of(app), app)


@require_safe
def of_instance(request: HttpRequest) -> HttpResponse:
    """Show what belongs to no app: sign-ins, accounts, apps that are no more."""
    return _page(request, audit.entries_of_instance(), None)


def _page(request: HttpRequest, entries: QuerySet[AuditEntry], app: App | None) -> HttpResponse:
    search = audit.Search.read(request.GET)
    page = audit.read_page(entries, search)
    context: dict[str, Any] = {
        "app": app,
        "clock": Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone if app else "UTC")),
        "search": search,
        "page": page,
        "actions": audit.Action.choices,
        "tab": "audit",
    }
    return render(request, "access/audit.html", context)
