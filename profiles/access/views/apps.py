"""An app's settings: general ones, the key and salt of its SDKs, pausing and archiving."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access import app_settings
from profiles.access.forms import AppForm, GraceForm, IconForm, NewAppForm, SaltForm
from profiles.access.models import App
from profiles.access.origin import client_address
from profiles.access.permissions import signed_in
from profiles.access.querysets import user_totals
from profiles.wording import Clock


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make an app, and lead to the lines that its SDK needs."""
    form = NewAppForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        app = app_settings.create(by=signed_in(request), address=client_address(request), **form.cleaned_data)
        return redirect("app_sdk", app.public_id)
    return render(request, "access/new_app.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def general(request: HttpRequest, app: App) -> HttpResponse:
    """Show and change what an app is called, keeps and allows."""
    form = AppForm(request.POST or None, instance=App.objects.get(pk=app.pk))
    if request.method == "POST" and form.is_valid():
        changed = app_settings.change(app, form.cleaned_data, by=signed_in(request), address=client_address(request))
        messages.success(request, "Saved." if changed else "Nothing was different.")
        return redirect("app_settings", app.public_id)
    context = {"app": app, "form": form, "icon_form": IconForm(), "tab": "general", "clock": _clock(app)}
    return render(request, "access/app_general.html", context)


@require_POST
def icon(request: HttpRequest, app: App) -> HttpResponse:
    """Take a picture as the app's icon, or take the icon away."""
    if "remove" in request.POST:
        app_settings.set_icon(app, None, by=signed_in(request), address=client_address(request))
        return redirect("app_settings", app.public_id)
    form = IconForm(request.POST, request.FILES)
    try:
        if form.is_valid():
            content = form.cleaned_data["icon"]
            app_settings.set_icon(app, content, by=signed_in(request), address=client_address(request))
            messages.success(request, "This is the app's icon now.")
        else:
            messages.error(request, str(form.errors["icon"][0]))
    except ValidationError as wrong:
        messages.error(request, wrong.messages[0])
    return redirect("app_settings", app.public_id)


@never_cache
@require_safe
def sdk(request: HttpRequest, app: App) -> HttpResponse:
    """Show what an SDK needs, whether the first request came, and the forms that replace key and salt."""
    return render(request, "access/app_sdk.html", _sdk_context(request, app))


def _sdk_context(request: HttpRequest, app: App) -> dict[str, Any]:
    return {
        "app": app,
        "server_url": request.build_absolute_uri("/").rstrip("/"),
        "has_data": user_totals(app).everybody > 0,
        "key_form": GraceForm(prefix="key"),
        "salt_form": SaltForm(prefix="salt", initial={"salt": app.salt}),
        "tab": "sdk",
        "clock": _clock(app),
    }


@require_safe
def light(request: HttpRequest, app: App) -> HttpResponse:
    """Answer with the light alone: green once the app has a user. It asks for itself until then."""
    context = {"app": app, "has_data": user_totals(app).everybody > 0}
    return render(request, "access/_light.html", context)


@require_POST
def rotate_key(request: HttpRequest, app: App) -> HttpResponse:
    """Replace the app key."""
    form = GraceForm(request.POST, prefix="key")
    if not form.is_valid():
        return render(request, "access/app_sdk.html", _sdk_context(request, app) | {"key_form": form}, status=400)
    grace = timedelta(days=form.cleaned_data["grace"])
    app_settings.rotate_key(app, grace=grace, by=signed_in(request), address=client_address(request))
    messages.success(request, "The app has a new key. Put it into the next version of the app.")
    return redirect("app_sdk", app.public_id)


@require_POST
def retire_key(request: HttpRequest, app: App) -> HttpResponse:
    """Let the replaced key open nothing any more."""
    app_settings.retire_key(app, by=signed_in(request), address=client_address(request))
    messages.success(request, "Only the present key opens the door now.")
    return redirect("app_sdk", app.public_id)


@require_POST
def set_salt(request: HttpRequest, app: App) -> HttpResponse:
    """Set, replace or remove the salt of checksums."""
    form = SaltForm(request.POST, prefix="salt")
    if not form.is_valid():
        return render(request, "access/app_sdk.html", _sdk_context(request, app) | {"salt_form": form}, status=400)
    grace = timedelta(days=form.cleaned_data["grace"])
    salt = form.cleaned_data["salt"]
    app_settings.set_salt(app, salt, grace=grace, by=signed_in(request), address=client_address(request))
    messages.success(request, "Requests need a checksum with this salt." if salt else "Requests need no checksum.")
    return redirect("app_sdk", app.public_id)


def _pausing(request: HttpRequest, app: App, *, to: bool) -> str:
    app_settings.pause(app, is_paused=to, by=signed_in(request), address=client_address(request))
    return "SDKs are told that the app takes no data." if to else "The app takes data again."


def _archiving(request: HttpRequest, app: App, *, to: bool) -> str:
    app_settings.archive(app, is_archived=to, by=signed_in(request), address=client_address(request))
    return "The app is archived: it takes no data, its pages can be read." if to else "The app is back."


_STATES: dict[str, tuple[Callable[..., str], bool]] = {
    "pause": (_pausing, True),
    "resume": (_pausing, False),
    "archive": (_archiving, True),
    "restore": (_archiving, False),
}


@require_POST
def set_state(request: HttpRequest, app: App) -> HttpResponse:
    """Pause, resume, archive or restore an app."""
    if request.POST.get("state") in _STATES:
        act, to = _STATES[request.POST["state"]]
        messages.success(request, act(request, app, to=to))
    return redirect("app_settings", app.public_id)


def _clock(app: App) -> Clock:
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
