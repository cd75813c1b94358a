"""The columns' picker: which columns a list has, in which order, how much room a row takes."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods
from django_htmx.middleware import HtmxDetails

from profiles.access.models import App
from profiles.access.permissions import signed_in
from profiles.directory.columns import CUSTOM_SECTION, all_columns, chosen_columns, find_column
from profiles.directory.filters.fields import CUSTOM
from profiles.directory.reading import known, read_list
from profiles.directory.saved_views import keep_layout
from profiles.directory.state import MOST_COLUMNS, Density, ListState
from profiles.directory.suggestions import property_names


@require_http_methods(["GET", "HEAD", "POST"])
def pick(request: HttpRequest, app: App) -> HttpResponse:
    """Show the picker; a button of it changes the list, and is remembered for the person."""
    said = request.POST or request.GET
    state = read_list(said).state.first_page()
    htmx = HtmxDetails(request)
    is_fragment = bool(htmx) and not htmx.history_restore_request
    picker_url = reverse("directory:columns", args=[app.public_id])
    if request.method == "POST":
        state = known(_changed(state, request.POST.get("do", ""), request.POST.get("property", ""))).state
        keep_layout(signed_in(request), app, state)
        if not is_fragment:
            return redirect(f"{picker_url}?{state.query_string()}")
    chosen = chosen_columns(state.columns)
    names = {column.name for column in chosen}
    others = sorted((c for c in all_columns() if c.name not in names), key=lambda column: column.section)
    groups = [
        (section, [(column.name, column.label) for column in members])
        for section, members in groupby(others, key=lambda column: column.section)
    ]
    custom = [(CUSTOM + name, name) for name in property_names(app) if CUSTOM + name not in names]
    if custom:
        groups.append((CUSTOM_SECTION, custom))
    list_url = reverse("directory:users", args=[app.public_id])
    context = {
        "app": app,
        "state": state,
        "first": chosen[0],
        "chosen": chosen[1:],
        "groups": groups,
        "densities": list(Density),
        "picker_url": picker_url,
        "list_query": state.query_string() or "tab=all",
        "list_url": list_url,
        "back_url": f"{list_url}?{state.query_string()}",
        "has_changed": request.method == "POST",
    }
    template = "directory/_columns.html" if is_fragment else "directory/columns.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _changed(state: ListState, do: str, typed: str) -> ListState:
    """Return the list after one button: "add:name", "remove:…", "up:…", "down:…", "density:…", "reset"."""
    verb, _, name = do.partition(":")
    names = [column.name for column in chosen_columns(state.columns)][1:]
    if verb == "type":
        verb, name = "add", CUSTOM + typed.strip().replace("\x00", "")
    if verb == "add" and find_column(name) and name not in names and len(names) < MOST_COLUMNS - 1:
        names.append(name)
    elif verb == "remove" and name in names and len(names) > 1:
        names.remove(name)
    elif verb in {"up", "down"} and name in names:
        at = names.index(name)
        there = max(0, at - 1) if verb == "up" else min(len(names) - 1, at + 1)
        names.insert(there, names.pop(at))
    elif verb == "density" and name in set(Density):
        return state.changed(density=Density(name))
    elif verb == "reset":
        return state.changed(columns=(), density=Density.COMFORTABLE)
    return state.changed(columns=("name", *names))
