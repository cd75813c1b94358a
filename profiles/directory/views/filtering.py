"""The filter's form: which field, which question, which value. A page of its own, or a panel above the list."""

import json
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from profiles.access.models import App
from profiles.directory.audience import read_state
from profiles.directory.condition_form import APPLY, boxes, field_groups, read_form
from profiles.directory.filters.tree import FilterError


@require_safe
def edit(request: HttpRequest, app: App) -> HttpResponse:
    """Ask for a condition; once it can be applied, go to the list that it narrows."""
    form = read_form(read_state(request.GET).first_page(), request.GET)
    list_url = reverse("directory:users", args=[app.public_id])
    error = form.error
    is_fragment = bool(htmx := HtmxDetails(request)) and not htmx.history_restore_request
    if APPLY in request.GET and not error:
        try:
            return _go(f"{list_url}?{form.applied().query_string()}", is_fragment=is_fragment)
        except FilterError as fault:
            error = str(fault)
    form_url = reverse("directory:filter", args=[app.public_id])
    shown = boxes(app, form)
    context = {
        "app": app,
        "form": form,
        "error": error,
        "groups": [] if form.field else field_groups(app),
        "boxes": shown,
        "offering": [box.name for box in shown if box.type == "text" and not box.is_choice],
        "form_url": form_url,
        "form_query": urlencode(form.fields()),
        "back_url": f"{list_url}?{form.state.query_string()}",
    }
    template = "directory/_filter.html" if is_fragment else "directory/filter.html"
    response = render(request, template, context, status=400 if error and not is_fragment else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _go(url: str, *, is_fragment: bool) -> HttpResponse:
    if not is_fragment:
        return redirect(url)
    there = {"path": url, "target": "#results", "swap": "morph:outerHTML"}
    return HttpResponse(headers={"HX-Location": json.dumps(there)})
