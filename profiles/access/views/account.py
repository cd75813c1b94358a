"""A person's own account: the API keys, the second factor."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import segno
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access import api_keys, second_factor, totp
from profiles.access.forms import ApiKeyForm, CodeForm
from profiles.access.origin import client_address
from profiles.access.permissions import signed_in, visible_apps
from profiles.wording import Clock


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Lead to the first page of the account."""
    return redirect("api_keys")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """Show one's API keys; make one, and show it this once."""
    user, new_key = signed_in(request), ""
    form = ApiKeyForm(request.POST or None, apps=visible_apps(user))
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["days"]
        new_key = api_keys.create(
            user=user,
            name=form.cleaned_data["name"],
            app=form.cleaned_data["app"],
            may_write=form.cleaned_data["may_write"],
            expires_at=datetime.now(tz=UTC) + timedelta(days=days) if days else None,
            address=client_address(request),
        )
        form = ApiKeyForm(apps=visible_apps(user))
    now = datetime.now(tz=UTC)
    context = {
        "form": form,
        "new_key": new_key,
        "keys": [(key, key.is_valid(now)) for key in api_keys.keys_of(user)],
        "clock": Clock(now, ZoneInfo("UTC")),
        "tab": "keys",
    }
    return render(request, "account/keys.html", context)


@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Revoke one of one's own keys."""
    user: User = signed_in(request)
    key = get_object_or_404(api_keys.keys_of(user), pk=key_id)
    api_keys.revoke(key, by=user, address=client_address(request))
    messages.success(request, f"The key {key.prefix}… opens nothing any more.")
    return redirect("api_keys")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def two_factor(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app, or give it up; recovery codes are shown this once."""
    user, now, address = signed_in(request), datetime.now(tz=UTC), client_address(request)
    context: dict[str, Any] = {"tab": "two-factor", "clock": Clock(now, ZoneInfo("UTC"))}
    form = CodeForm(request.POST or None)
    factor = second_factor.of(user)
    if factor is None and request.method == "POST" and form.is_valid():
        codes = second_factor.confirm(user, form.cleaned_data["code"].strip(), now, address=address)
        if codes is not None:
            return render(request, "account/two_factor.html", context | {"codes": codes})
        form.add_error("code", "That is not the code that the app shows now.")
    elif factor is not None and request.method == "POST" and form.is_valid():
        if second_factor.is_right(user, form.cleaned_data["code"], now, address=address):
            second_factor.give_up(user, by=user, address=address)
            messages.success(request, "Your password alone signs you in again.")
            return redirect("two_factor")
        form.add_error("code", "That code is wrong, or was used already.")
    if factor is None:
        secret = second_factor.begin(user)
        account = f"{user.get_username()}@{request.get_host()}"
        context |= {"secret": secret} | _drawn(totp.address(secret, account=account, issuer="Countly Profiles"))
    return render(request, "account/two_factor.html", context | {"form": form, "factor": factor})


def _drawn(text: str) -> dict[str, Any]:
    """Return a QR code as the path of an SVG, and its side in modules, quiet zone included."""
    rows = list(segno.make(text, micro=False).matrix_iter(border=4))
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return {"qr_path": path, "qr_side": len(rows)}
