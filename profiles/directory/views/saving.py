"""Saved views: keeping the list as it stands, and what one has kept. And the way in, to the view one begins with."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe
from django_htmx.middleware import HtmxDetails

from profiles.access.models import App
from profiles.access.origin import client_address
from profiles.access.permissions import Role, has_role, signed_in
from profiles.directory.audience import read_state
from profiles.directory.models import LONGEST_VIEW_NAME
from profiles.directory.saved_views import (
    Kept,
    ViewError,
    default_query,
    delete_view,
    find_view,
    rename_view,
    save_view,
    set_default,
    share_view,
)


@require_safe
def home(request: HttpRequest, app: App) -> HttpResponse:
    """Go to the list as the person begins it: with their default view, else with all users."""
    query = default_query(signed_in(request), app)
    url = reverse("directory:users", args=[app.public_id])
    return redirect(f"{url}?{query}" if query else url)


@require_safe
def views(request: HttpRequest, app: App) -> HttpResponse:
    """Show what is kept, and the form that keeps the list of the address."""
    return _page(request, app, request.GET.get("name", ""), "")


@require_POST
def save(request: HttpRequest, app: App) -> HttpResponse:
    """Keep the list of the form, and go there."""
    state = read_state(request.POST)
    try:
        view = save_view(
            signed_in(request),
            app,
            state,
            name=request.POST.get("name", ""),
            is_shared="shared" in request.POST,
            is_default="default" in request.POST,
            address=client_address(request),
        )
    except ViewError as error:
        return _page(request, app, request.POST.get("name", ""), str(error))
    messages.success(request, f"The view “{view.name}” is kept.")
    return redirect(f"{reverse('directory:users', args=[app.public_id])}?{view.query}")


@require_POST
def change(request: HttpRequest, app: App, view_id: int) -> HttpResponse:
    """Rename, share, delete a view, or begin with it."""
    user = signed_in(request)
    view = find_view(user, app, view_id)
    if view is None:
        raise Http404
    try:
        match request.POST.get("do", ""):
            case "rename":
                rename_view(user, app, view_id, request.POST.get("name", ""))
            case "share" | "unshare" as done:
                share_view(user, app, view_id, is_shared=done == "share")
            case "delete":
                delete_view(user, app, view_id)
                messages.success(request, f"The view “{view.name}” is deleted.")
            case "begin" | "begin_not" as done:
                set_default(user, app, view if done == "begin" else None)
            case _:
                raise Http404
    except ViewError as error:
        messages.error(request, f"{error}.")
    return redirect("directory:views", app.public_id)


def _page(request: HttpRequest, app: App, name: str, error: str) -> HttpResponse:
    state = read_state(request.POST or request.GET).first_page()
    user = signed_in(request)
    kept = Kept.of(user, app)
    role = Role(app.viewer_role)
    htmx = HtmxDetails(request)
    is_fragment = bool(htmx) and not htmx.history_restore_request
    list_url = reverse("directory:users", args=[app.public_id])
    context = {
        "app": app,
        "kept": kept,
        "me": user,
        "state": state,
        "name": name,
        "error": error,
        "longest": LONGEST_VIEW_NAME,
        "may_share": has_role(role, Role.ANALYST),
        "is_admin": has_role(role, Role.ADMIN),
        "list_url": list_url,
        "back_url": f"{list_url}?{urlencode(state.fields())}",
        "views_url": reverse("directory:views", args=[app.public_id]),
    }
    template = "directory/_save_view.html" if is_fragment else "directory/views.html"
    response = render(request, template, context, status=400 if error else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response
