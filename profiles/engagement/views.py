"""How the scores of an app are spread: a page, and the small chart that the user list asks for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from profiles.access.models import App
from profiles.engagement.distribution import spread_of
from profiles.engagement.score import RULE
from profiles.wording import Clock


@require_safe
def distribution(request: HttpRequest, app: App) -> HttpResponse:
    """Show how the scores are spread. Answers htmx with the chart alone."""
    clock = Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
    context = {"app": app, "clock": clock, "spread": spread_of(app, clock.now), "rule": RULE}
    is_fragment = bool(htmx := HtmxDetails(request)) and not htmx.history_restore_request
    response = render(request, "engagement/_chart.html" if is_fragment else "engagement/distribution.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
