"""Members of an app and the links that invite them; what whoever opens such a link sees."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from profiles.access import members
from profiles.access.forms import InvitationForm, NewPersonForm
from profiles.access.models import App
from profiles.access.origin import client_address
from profiles.access.permissions import Role, signed_in
from profiles.wording import Clock

_LAST_ADMIN = "An app has to keep one admin: make somebody else admin first."
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest, app: App) -> HttpResponse:
    """Show who belongs to the app; invite somebody, and show the link this once."""
    form = InvitationForm(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        token = members.invite(
            app,
            role=Role(form.cleaned_data["role"]),
            note=form.cleaned_data["note"],
            by=signed_in(request),
            now=datetime.now(tz=UTC),
            address=client_address(request),
        )
        link, form = _link(request, token), InvitationForm()
    return _page(request, app, form, link)


def _link(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[token]))


def _page(request: HttpRequest, app: App, form: InvitationForm, link: str) -> HttpResponse:
    now = datetime.now(tz=UTC)
    context: dict[str, Any] = {
        "app": app,
        "form": form,
        "link": link,
        "members": members.members_of(app),
        "invitations": [(one, one.is_open(now)) for one in members.invitations_of(app)],
        "roles": Role.choices,
        "clock": Clock(now, ZoneInfo(app.timezone)),
        "tab": "members",
    }
    return render(request, "access/members.html", context)


@require_POST
def change_member(request: HttpRequest, app: App, member_id: int) -> HttpResponse:
    """Give a member another role, or take them out of the app."""
    member = get_object_or_404(members.members_of(app), pk=member_id)
    member.app = app
    by, address = signed_in(request), client_address(request)
    try:
        if "remove" in request.POST:
            members.remove(member, by=by, address=address)
            messages.success(request, f"{member.user.get_username()} is no member any more.")
        elif request.POST.get("role") in Role.values:
            members.change_role(member, Role(request.POST["role"]), by=by, address=address)
            messages.success(request, f"{member.user.get_username()} is {member.role} now.")
    except members.LastAdminError:
        messages.error(request, _LAST_ADMIN)
    return redirect(
        "/" if member.user_id == by.pk and not by.is_superuser else reverse("members", args=[app.public_id])
    )


@never_cache
@require_POST
def change_invitation(request: HttpRequest, app: App, invitation_id: int) -> HttpResponse:
    """Give an invitation a new link, shown this once, or take it back."""
    invitation = get_object_or_404(members.invitations_of(app), pk=invitation_id)
    invitation.app = app
    by, now, address = signed_in(request), datetime.now(tz=UTC), client_address(request)
    if "renew" in request.POST:
        token = members.renew(invitation, by=by, now=now, address=address)
        return _page(request, app, InvitationForm(), _link(request, token))
    members.revoke(invitation, by=by, now=now, address=address)
    messages.success(request, "The link opens nothing any more.")
    return redirect("members", app.public_id)


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to whoever has its link; join with one's account, or make one."""
    now, address = datetime.now(tz=UTC), client_address(request)
    found = members.find(token, now)
    if found is None:
        return render(request, "access/invitation_over.html", status=410)
    if isinstance(request.user, User):
        if request.method == "POST":
            app = members.accept(token, request.user, now, address=address)
            return redirect(app) if app is not None else redirect(request.path)
        return render(request, "access/invitation.html", {"invitation": found})
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            user = form.save()
            app = members.accept(token, user, now, address=address)
            if app is None:  # somebody else was faster
                transaction.set_rollback(True)
        if app is None:
            return redirect(request.path)
        login(request, user, backend=_BACKEND)
        return redirect(app)
    return render(request, "access/invitation.html", {"invitation": found, "form": form})
