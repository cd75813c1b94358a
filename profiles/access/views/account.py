"""A person's own account: the API keys."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access import api_keys
from profiles.access.forms import ApiKeyForm
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
