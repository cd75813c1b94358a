"""The breakdown of a list by one field: bars above it, each a condition to add."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from profiles.access import masking
from profiles.access.models import App
from profiles.directory.audience import Audience, read_state
from profiles.directory.breakdown import break_down
from profiles.directory.filters.fields import CUSTOM, find_field
from profiles.directory.filters.tree import FilterError
from profiles.directory.standard import TEXTS
from profiles.directory.suggestions import property_names

BY, DEFAULT = "by", "country"
UNCOUNTED = frozenset({"name", "username", "email", "phone", "device_id"})  # nearly everybody's own


@require_safe
def breakdown(request: HttpRequest, app: App) -> HttpResponse:
    """Show the values of a field among the users of the list."""
    state = read_state(request.GET).first_page()
    by, error = request.GET.get(BY, "") or DEFAULT, ""
    result = field = None
    try:
        field = find_field(by)
        result = break_down(app, Audience.of(state), field)
    except FilterError as fault:
        error = str(fault)
    list_url = reverse("directory:users", args=[app.public_id])
    rows = []
    for share in result.shares if result else ():
        narrowed = state.filtered(state.filter.with_condition(share.condition))
        rows.append((share, f"{list_url}?{narrowed.query_string()}"))
    htmx = HtmxDetails(request)
    is_fragment = bool(htmx) and not htmx.history_restore_request
    seen = [
        (text.name, text.label) for text in TEXTS if text.name not in UNCOUNTED and masking.current().shows(text.name)
    ]
    context = {
        "app": app,
        "state": state,
        "by": by,
        "label": field.label if field else by,
        "result": result,
        "rows": rows,
        "error": error,
        "fields": seen,
        "properties": [(CUSTOM + name, name) for name in property_names(app)],
        "breakdown_url": reverse("directory:breakdown", args=[app.public_id]),
        "back_url": f"{list_url}?{urlencode(state.fields())}",
        "audience": Audience.of(state).in_words(app),
    }
    template = "directory/_breakdown.html" if is_fragment else "directory/breakdown.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
