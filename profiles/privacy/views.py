"""A person's data as a file; pages of deletions: what would go, the typed confirmation, how far it is, the receipt."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access import app_settings, audit, masking
from profiles.access.models import App, AppErasure
from profiles.access.origin import client_address
from profiles.access.permissions import signed_in
from profiles.access.querysets import user_totals
from profiles.directory.audience import Audience, count_users, counted_in_words, users_of
from profiles.directory.filters.tree import FilterError
from profiles.privacy import app_erasure, erasures, hiding, person_export
from profiles.privacy.forms import HidingRulesForm
from profiles.privacy.models import Erasure
from profiles.users.querysets import find_user
from profiles.users.values import plain_text
from profiles.wording import Clock, grouped

Kind = AppErasure.Kind

RECEIPTS_SHOWN = 50


@require_POST
def export_person(request: HttpRequest, app: App, uid: str) -> StreamingHttpResponse:
    """Answer with everything that is held on a user. It stands in the audit log before the first byte leaves."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    address = client_address(request)
    audit.record(request.user, app, audit.Action.EXPORTED, f"user {user.uid}", {"what": "everything"}, address=address)
    return StreamingHttpResponse(
        person_export.stream(app, user, datetime.now(tz=UTC)),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="user-{user.uid}.zip"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@never_cache
@require_POST
def reveal(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Show the masked fields of one user, this once, and note that. What is hidden from the role stays hidden."""
    masks = masking.current()
    covered = find_user(app, uid)
    with masking.seeing(masks.only_hidden()):
        user = find_user(app, uid)
    if covered is None or user is None:
        raise Http404
    fields = [
        (label, _joined(getattr(user, column) for column in columns if hasattr(user, column)))
        for field, (label, columns) in masking.FIELDS.items()
        if masks.level(field) == masking.MASKED and field != masking.CUSTOM
    ]
    fields += [(name, plain_text(value)) for name, value in user.custom.items() if covered.custom.get(name) != value]
    if fields:
        detail = {"fields": ", ".join(label for label, _ in fields)}
        audit.record(request.user, app, audit.Action.REVEALED, f"user {uid}", detail, address=client_address(request))
    return render(request, "privacy/revealed.html", {"app": app, "app_user": user, "fields": fields})


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values if value is not None)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, app: App) -> HttpResponse:
    """Say what is held on some users, table by table, and delete it when the confirmation is typed."""
    parameters = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {"app": app, "tab": "privacy"}
    try:
        audience = Audience.read(parameters)
    except FilterError as error:
        return render(request, "privacy/delete.html", context | {"error": str(error)}, status=400)
    count = count_users(app, audience)
    expected = _confirmation(app, audience, count)
    # What was read on the page is what is confirmed, although somebody may have come since.
    read = parameters.get("expected", expected)
    if request.method == "POST" and read and parameters.get("typed", "").strip() == read:
        erasure = erasures.ask(
            app, audience, by=signed_in(request), now=datetime.now(tz=UTC), address=client_address(request)
        )
        return redirect(erasure)
    context |= {
        "audience": audience,
        "words": counted_in_words(app, count, audience),
        "count": count,
        "expected": expected,
        "is_mistyped": request.method == "POST",
        "held": erasures.held_on(app, audience),
        "back_url": reverse("directory:users", args=[app.public_id]),
    }
    return render(request, "privacy/delete.html", context)


def _confirmation(app: App, audience: Audience, count: int) -> str:
    """Return what has to be typed: a user's device id, or how many they are."""
    if len(audience.picked) == 1:
        return users_of(app, audience).values_list("device_id", flat=True).first() or ""
    return f"delete {count} users" if count else ""


@require_safe
def overview(request: HttpRequest, app: App) -> HttpResponse:
    """List the deletions of an app, the last one first."""
    found = list(Erasure.objects.filter(app=app).order_by("-id")[:RECEIPTS_SHOWN])
    context = {"app": app, "tab": "privacy", "erasures": found, "clock": _clock(app)}
    return render(request, "privacy/overview.html", context)


@require_safe
def erasure(request: HttpRequest, app: App, erasure_id: int) -> HttpResponse:
    """Show how far a deletion is, then its receipt; htmx asks for the middle of the page alone."""
    found = get_object_or_404(Erasure.objects.filter(app=app), pk=erasure_id)
    found.app = app
    context = {"app": app, "tab": "privacy", "erasure": found, "clock": _clock(app)}
    template = "privacy/_erasure.html" if request.headers.get("HX-Request") else "privacy/erasure.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def hide(request: HttpRequest, app: App) -> HttpResponse:
    """Hide users from lists and counts, or show them again, when that is confirmed."""
    parameters = request.POST if request.method == "POST" else request.GET
    back_url = reverse("directory:users", args=[app.public_id])
    try:
        audience = Audience.read(parameters)
        if request.method == "POST":
            is_hidden = request.POST.get("now") == "hidden"
            by, now = signed_in(request), datetime.now(tz=UTC)
            count = hiding.change(app, audience, is_hidden=is_hidden, by=by, now=now, address=client_address(request))
            messages.success(request, f"{grouped(count)} hidden." if is_hidden else f"{grouped(count)} shown again.")
            return redirect(back_url)
    except (FilterError, hiding.TooManyError) as wrong:
        error = str(wrong) or f"at most {grouped(hiding.MOST_AT_ONCE)} users can be hidden or shown at once"
        return render(request, "privacy/hide.html", {"app": app, "error": error}, status=400)
    count = count_users(app, audience)
    context = {"app": app, "audience": audience, "count": count, "words": counted_in_words(app, count, audience)}
    return render(request, "privacy/hide.html", context | {"back_url": back_url})


@require_http_methods(["GET", "HEAD", "POST"])
def hiding_rules(request: HttpRequest, app: App) -> HttpResponse:
    """Show and change by what rules users are hidden when something of theirs comes."""
    form = HidingRulesForm(request.POST or None, rules=app.hiding_rules)
    if request.method == "POST" and form.is_valid():
        by, address = signed_in(request), client_address(request)
        app_settings.change(app, {"hiding_rules": form.rules()}, by=by, address=address)
        messages.success(request, "Saved; the rules hold for what comes from now on.")
        return redirect("privacy:hiding_rules", app.public_id)
    context = {"app": app, "form": form, "tab": "hiding", "hidden": user_totals(app).hidden}
    return render(request, "privacy/hiding_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def erase_app(request: HttpRequest, app: App) -> HttpResponse:
    """Reset or delete an app when its name is typed; the demo app goes with one click."""
    kind = Kind.RESET if (request.POST or request.GET).get("kind") == Kind.RESET else Kind.DELETE
    is_meant = request.POST.get("typed", "").strip() == app.name or (app.is_demo and kind is Kind.DELETE)
    if request.method == "POST" and is_meant:
        now = datetime.now(tz=UTC)
        with suppress(app_erasure.ErasingAlreadyError):  # asked twice is asked once
            app_erasure.ask(app, kind, by=signed_in(request), now=now, address=client_address(request))
        return redirect("app_erasures")
    context = {
        "app": app,
        "tab": "general",
        "kind": kind,
        "is_mistyped": request.method == "POST",
        "users": user_totals(app).everybody,
    }
    return render(request, "privacy/erase_app.html", context)


@require_safe
def app_erasures(request: HttpRequest) -> HttpResponse:
    """Show how far resets and deletions of apps are, and receipts: those one asked for, to superusers all."""
    user = signed_in(request)
    found = AppErasure.objects.order_by("-id")
    if not user.is_superuser:
        found = found.filter(asked_by=user.get_username())
    erasures_shown = list(found[:RECEIPTS_SHOWN])
    context = {
        "erasures": erasures_shown,
        "is_waiting": any(one.finished_at is None for one in erasures_shown),
        "clock": Clock(datetime.now(tz=UTC), ZoneInfo("UTC")),
    }
    template = "privacy/_app_erasures.html" if request.headers.get("HX-Request") else "privacy/app_erasures.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response


def _clock(app: App) -> Clock:
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
