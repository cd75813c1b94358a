"""Sign-in, the way to the last app, the theme."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from profiles.access.permissions import LAST_APP, visible_apps

YEAR_SECONDS = 365 * 24 * 3600
THEMES = ["system", "light", "dark"]


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Go to the app that was looked at last, else to the first; say so when there is none to see."""
    last = request.session.get(LAST_APP)
    apps = visible_apps(request.user)
    app = (apps.filter(public_id=last).first() if last else None) or apps.first()
    if app is None:
        return render(request, "access/no_apps.html", status=200)
    return redirect("directory:home", app.public_id)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Turn to the next theme, for pages without JavaScript; with it, the page does this by itself."""
    now = request.COOKIES.get("theme", "system")
    turned = THEMES[(THEMES.index(now) + 1) % len(THEMES)] if now in THEMES else "light"
    there = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure()):
        there = "/"
    response = HttpResponseRedirect(there)
    response.set_cookie("theme", turned, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
    return response
