"""Which personal fields each role sees."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from profiles.access import app_settings
from profiles.access.forms import MasksForm
from profiles.access.models import App
from profiles.access.origin import client_address
from profiles.access.permissions import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
def masks(request: HttpRequest, app: App) -> HttpResponse:
    """Show and change what viewers and analysts see of personal fields."""
    form = MasksForm(request.POST or None, masks=app.masks)
    if request.method == "POST" and form.is_valid():
        changed = app_settings.change(
            app, {"masks": form.masks()}, by=signed_in(request), address=client_address(request)
        )
        messages.success(request, "Saved; it holds from the next page on." if changed else "Nothing was different.")
        return redirect("app_masks", app.public_id)
    return render(request, "access/masks.html", {"app": app, "form": form, "tab": "masks"})
