"""What people do with a group: its state, merging and splitting, comments. Each goes back to the group's page."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from profiles.access import audit
from profiles.access.models import App, Membership
from profiles.access.permissions import has_role, signed_in
from profiles.crashes import handling, merging, querysets
from profiles.crashes.forms import HIDE, REOPEN, RESOLVE, CommentForm, StateForm
from profiles.crashes.models import CrashGroup
from profiles.crashes.state import LONGEST_SEARCH
from profiles.crashes.views.finding import clock_of, group_or_404

MERGED = "with"


@require_POST
def change_state(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Resolve, hide or reopen a group."""
    found = _standing(app, group_id)
    form = StateForm(request.POST)
    if form.is_valid():
        with transaction.atomic():
            said = _apply(found, form.cleaned_data["action"], form.cleaned_data["version"])
            _record(request, app, found, form.cleaned_data["action"])
        messages.success(request, said)
    else:
        messages.error(request, "Nothing was changed: that is not something to do with a crash.")
    return _back(app, found)


def _apply(found: CrashGroup, action: str, version: str) -> str:
    if action == RESOLVE:
        handling.resolve(group=found, version=version)
        if found.resolved_version:
            return f"Resolved. A crash in a version newer than {found.resolved_version} brings it back."
        return "Resolved. A crash in any named version brings it back."
    if action == HIDE:
        handling.hide(group=found)
        return "Hidden from the list and from profiles. It goes on counting."
    if action == REOPEN:
        handling.reopen(group=found)
    return "Open again."


def merge(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Offer other groups, the likely ones first; merge those that are chosen."""
    found = _standing(app, group_id)
    if request.method == "POST":
        ids = request.POST.getlist(MERGED)[: merging.MOST_MEMBERS]
        others = list(CrashGroup.objects.filter(app=app, public_id__in=ids).order_by("id"))
        try:
            with transaction.atomic():
                merging.merge(group=found, others=others)
                _record(request, app, found, "merge", merged=[other.public_id for other in others])
        except merging.MergeError as error:
            messages.error(request, str(error))
            return redirect("crashes:merge", app.public_id, found.public_id)
        messages.success(request, "Merged. It can be taken back: split a crash off again below.")
        return _back(app, found)
    search = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST_SEARCH]
    context = {
        "app": app,
        "group": found,
        "clock": clock_of(app),
        "search": search,
        "candidates": querysets.read_mergeable(found, search),
    }
    return render(request, "crashes/merge.html", context)


@require_POST
def split(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Take a group out of those that this one stands for."""
    found = _standing(app, group_id)
    member = group_or_404(app, request.POST.get("member", ""))
    try:
        with transaction.atomic():
            merging.split(group=found, member=member)
            _record(request, app, found, "split", split=member.public_id)
        messages.success(request, "Split off: it is in the list again, by itself.")
    except merging.MergeError as error:
        messages.error(request, str(error))
    return _back(app, found)


@require_POST
def comment(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Say something of a group."""
    found = _standing(app, group_id)
    form = CommentForm(request.POST)
    if form.is_valid():
        handling.add_comment(group=found, author=signed_in(request), text=form.cleaned_data["text"], now=timezone.now())
    else:
        messages.error(request, f"A comment has 1 to {handling.LONGEST_COMMENT} characters.")
    return _back(app, found, "comments")


@require_POST
def change_comment(request: HttpRequest, app: App, group_id: str, comment_id: int) -> HttpResponse:
    """Change or delete what one said; an admin of the app may delete what others said."""
    found = _standing(app, group_id)
    said = querysets.comments_of(merging.member_ids(found)).filter(pk=comment_id).first()
    if said is None:
        raise Http404
    is_own = said.author_id == signed_in(request).pk
    if "delete" in request.POST:
        if not is_own and not has_role(Membership.Role(app.viewer_role), Membership.Role.ADMIN):
            raise PermissionDenied
        with transaction.atomic():
            handling.delete_comment(comment=said)
            _record(request, app, found, "comment deleted", author=said.author_name)
        return _back(app, found, "comments")
    if not is_own:
        raise PermissionDenied
    form = CommentForm(request.POST)
    if form.is_valid():
        handling.edit_comment(comment=said, text=form.cleaned_data["text"], now=timezone.now())
    else:
        messages.error(request, f"A comment has 1 to {handling.LONGEST_COMMENT} characters.")
    return _back(app, found, "comments")


def _standing(app: App, group_id: str) -> CrashGroup:
    """Return the group, or the one that stands for it: whoever looked at an old page means that one."""
    found = group_or_404(app, group_id)
    standing = found.merged_into or found
    standing.app = app
    return standing


def _record(request: HttpRequest, app: App, group: CrashGroup, what: str, **detail: object) -> None:
    audit.record(request.user, app, audit.Action.EDITED, f"crash {group.public_id}", {"what": what, **detail})


def _back(app: App, group: CrashGroup, anchor: str = "") -> HttpResponse:
    target = redirect("crashes:group", app.public_id, group.public_id)
    if anchor:
        target["Location"] += f"#{anchor}"
    return target
