"""The orders of a list that were made fast, and those that are being made."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from profiles.access.models import App
from profiles.access.permissions import signed_in
from profiles.directory.sort_indexes import MOST_INDEXES, IndexRefusedError, ask_index, drop_index, indexes_of


@require_http_methods(["GET", "HEAD", "POST"])
def indexes(request: HttpRequest, app: App) -> HttpResponse:
    """Show them with their progress; want one, or remove one."""
    if request.method == "POST":
        column = request.POST.get("column", "").replace("\x00", "")
        try:
            if request.POST.get("do") == "remove":
                drop_index(signed_in(request), app, column)
            else:
                ask_index(signed_in(request), app, column)
        except IndexRefusedError as refusal:
            messages.error(request, f"{refusal}.")
        return redirect("directory:indexes", app.public_id)
    found = indexes_of(app)
    context = {
        "app": app,
        "indexes": found,
        "is_under_way": any(one.is_under_way for one in found),
        "most": MOST_INDEXES,
        "list_url": reverse("directory:users", args=[app.public_id]),
        "back_url": reverse("directory:users", args=[app.public_id]),
    }
    is_poll = request.headers.get("HX-Target") == "indexes"
    return render(request, "directory/_indexes.html" if is_poll else "directory/indexes.html", context)
