"""The page about one user, and each of its boxes alone."""

import re
from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import urlencode

from django.contrib import messages
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access import audit
from profiles.access.models import App
from profiles.access.origin import client_address
from profiles.access.permissions import Role, has_role, signed_in
from profiles.activity.boxes import moment_text, read_cursor, read_moment
from profiles.activity.querysets import NEWS_COUNTED, count_since
from profiles.identity.previewing import preview
from profiles.identity.services import CannotMergeError, merge_by_hand
from profiles.identity.undoing import CannotUndoError, undo
from profiles.profile import boxes, notes as profile_notes
from profiles.profile.boxes import BOX_BY_NAME, Asked
from profiles.profile.choices import Choices, clock_choices, read_choices, zone_of
from profiles.profile.notes import NoteError
from profiles.profile.stream import Part, Stream, read_parts, read_stream
from profiles.users.boxes import is_online, platform_of
from profiles.users.models import AppUser, Merge
from profiles.users.querysets import find_user, survivor_of
from profiles.wording import Clock

_LONGEST_KEY = 200
_MERGE_ID = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def page(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Show a user with all boxes. Works as it stands; scripts only refresh parts of it."""
    user = find_user(app, uid)
    if user is None:
        survivor = survivor_of(app, uid)
        if survivor is not None:
            return redirect("profile:user", app.public_id, survivor.uid)
        return _no_such_user(request, app, uid)
    audit.record(request.user, app, audit.Action.VIEWED, f"user {user.uid}", address=client_address(request))
    asked = _asked(request, app, user)
    with timezone.override(asked.clock.zone):
        columns = boxes.draw_all(asked)
        return render(
            request,
            "profile/page.html",
            {
                "app": app,
                "app_user": user,
                "head": _head(asked),
                "clock": asked.clock,
                "choices": asked.choices,
                "clocks": clock_choices(asked.choices, app, user, asked.now),
                "left": columns["left"],
                "right": columns["right"],
            },
        )


def box(request: HttpRequest, app: App, uid: str, name: str) -> HttpResponse:
    """Show one box, as htmx puts it into the page; by itself, an address of it leads to the page."""
    chosen = BOX_BY_NAME.get(name)
    if chosen is None:
        raise Http404
    user = find_user(app, uid)
    if user is None:
        return _no_such_user(request, app, uid)
    if not request.headers.get("HX-Request"):
        address = reverse("profile:user", args=[app.public_id, uid])
        query = request.GET.urlencode()
        return redirect(f"{address}{'?' if query else ''}{query}#{chosen.name}")
    asked = _asked(request, app, user)
    with timezone.override(asked.clock.zone):
        drawn = boxes.draw(chosen, asked)
    response = HttpResponse(drawn.html)
    response["Vary"] = "HX-Request"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def undo_merge(request: HttpRequest, app: App, uid: str, merge_id: str) -> HttpResponse:
    """Ask whether a merge shall be undone, and undo it."""
    user = find_user(app, uid)
    if user is None or not _MERGE_ID.fullmatch(merge_id):
        raise Http404
    merge = get_object_or_404(Merge, user_id=user.id, id=int(merge_id))
    if request.method != "POST":
        return render(request, "profile/undo_merge.html", {"app": app, "app_user": user, "merge": merge})
    try:
        with transaction.atomic():
            undo(app=app, merge=merge, undone_by=request.user, now=timezone.now())
            audit.record(
                request.user, app, audit.Action.UNMERGED, f"user {uid}", {"absorbed": merge.absorbed_uid or ""}
            )
    except CannotUndoError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The merge is undone: both users are themselves again.")
    remaining = AppUser.objects.filter(app=app, id__in=[user.id, merge.absorbed_id])
    shown = remaining.filter(id=user.id).first() or remaining.first()
    return redirect("profile:user", app.public_id, shown.uid if shown else uid)


@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Find another user, show field by field what the two would become, and make them one."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    named = (request.POST if request.method == "POST" else request.GET).get("with", "").strip()[:_LONGEST_KEY]
    other = _named(app, named) if named else None
    context: dict[str, object] = {"app": app, "app_user": user, "named": named, "other": other}
    try:
        if named and other is None:
            raise CannotMergeError("No user has this id or device id.")
        if other is not None and request.method == "POST":
            with transaction.atomic():
                merge_by_hand(survivor=user, absorbed=other, merged_by=signed_in(request), now=timezone.now())
                detail = {"absorbed": other.uid}
                subject = f"user {user.uid}"
                audit.record(request.user, app, audit.Action.MERGED, subject, detail, address=client_address(request))
            messages.success(request, "The two are one now. Under Devices and tokens, this can be undone.")
            return redirect("profile:user", app.public_id, user.uid)
        context["fields"] = preview(user, other) if other is not None else None
    except CannotMergeError as error:
        context |= {"error": str(error), "other": None}
    return render(request, "profile/merge.html", context, status=422 if "error" in context else 200)


def _named(app: App, text: str) -> AppUser | None:
    if "\x00" in text:
        return None
    return find_user(app, text) or AppUser.objects.filter(app=app, device_id=text).first()


def stream(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Show everything that is known of a user in one order, newest first."""
    user = find_user(app, uid)
    if user is None:
        return _no_such_user(request, app, uid)
    audit.record(request.user, app, audit.Action.VIEWED, f"user {user.uid}", address=client_address(request))
    asked = _asked(request, app, user)
    parts = read_parts(request.GET.getlist("kind"))
    name = request.GET.get("event", "").replace("\x00", "").strip()[:_LONGEST_KEY]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{int(boxes.PAGE_SECONDS)}s"])
            found = read_stream(app, user, parts, name=name, before=read_cursor(request.GET.get("before", "")))
    except OperationalError:
        # An event that somebody with a long history did seldom is searched for in all of it.
        messages.error(request, "That took too long. Look without the event's name, or for fewer kinds.")
        found = Stream([], "")
    chosen = [("kind", part.value) for part in parts if len(parts) < len(Part)]
    kept = [
        *chosen,
        *([("event", name)] if name else []),
        *asked.choices.kept_fields,
    ]
    with timezone.override(asked.clock.zone):
        return render(
            request,
            "profile/stream.html",
            {
                "app": app,
                "app_user": user,
                "head": _head(asked),
                "clock": asked.clock,
                "parts": [(part, part in parts) for part in Part],
                "event": name,
                "choices": asked.choices,
                "beside_session": asked.choices.beside_page.replace("?", "&", 1),
                "stream": found,
                "is_first": "before" not in request.GET,
                "older": "?" + urlencode([*kept, ("before", found.next)]) if found.next else "",
                "newest": "?" + urlencode(kept),
            },
        )


@require_safe
def notes(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Show what people wrote about a user, with forms for those who may write."""
    user = find_user(app, uid)
    if user is None:
        return _no_such_user(request, app, uid)
    return _notes(request, app, user)


def _notes(request: HttpRequest, app: App, user: AppUser, *, written: str = "", error: str = "") -> HttpResponse:
    asked = _asked(request, app, user)
    context = {
        "app": app,
        "app_user": user,
        "head": _head(asked),
        "clock": asked.clock,
        "notes": profile_notes.notes_of(user.id)[: profile_notes.MOST_READ],
        "may_write": has_role(Role(app.viewer_role), Role.ANALYST),
        "is_admin": app.viewer_role == Role.ADMIN,
        "written": written,
        "error": error,
        "longest": profile_notes.LONGEST,
    }
    return render(request, "profile/notes.html", context, status=422 if error else 200)


@require_POST
def write_note(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Keep a note about a user; what cannot be kept stays in the form."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    text = request.POST.get("text", "")
    try:
        profile_notes.write(app, user, text, by=signed_in(request), now=timezone.now(), address=client_address(request))
    except NoteError as error:
        return _notes(request, app, user, written=text, error=str(error))
    return redirect("profile:notes", app.public_id, user.uid)


@require_POST
def change_note(request: HttpRequest, app: App, uid: str, note_id: int) -> HttpResponse:
    """Change one's own note, or delete it; an admin may delete any."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    note = get_object_or_404(profile_notes.notes_of(user.id), pk=note_id)
    by, address = signed_in(request), client_address(request)
    is_own = note.author_id == by.pk
    try:
        if "delete" in request.POST and (is_own or app.viewer_role == Role.ADMIN):
            profile_notes.delete(app, user, note, by=by, address=address)
        elif "delete" not in request.POST and is_own:
            text = request.POST.get("text", "")
            profile_notes.change(app, user, note, text, by=by, now=timezone.now(), address=address)
        else:
            messages.error(request, "That is somebody else's note.")
    except NoteError as error:
        messages.error(request, str(error))
    return redirect("profile:notes", app.public_id, user.uid)


def news(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Say how much is new of a user since the page was made, and who is online; what asks is a page that is open."""
    user = find_user(app, uid)
    now = timezone.now()
    since = read_moment(request.GET.get("since", ""))
    count = count_since(user.id, since) if user is not None and since is not None else 0
    context = {
        "count": count,
        "most": NEWS_COUNTED,
        "until": moment_text(now),
        "is_online": user is not None and is_online(user, now),
    }
    return render(request, "profile/_news.html", context)


@dataclass(frozen=True)
class Head:
    """What the head of the page says beside the name."""

    name: str
    initials_of: str
    platform: str
    is_online: bool
    list_url: str
    origin: str
    since: str
    """When the page was made, as the page asks for news with it."""


def _head(asked: Asked) -> Head:
    user = asked.user
    known_name = user.name or user.username or user.email or ""
    return Head(
        known_name or user.device_id,
        known_name,
        platform_of(user),
        is_online(user, asked.now),
        _list_url(asked.app, asked.choices),
        "?" + urlencode({"from": asked.choices.came_from, "at": asked.choices.list_position}),
        moment_text(asked.now),
    )


def _list_url(app: App, choices: Choices) -> str:
    address = reverse("directory:users", args=[app.public_id])
    return f"{address}?{choices.came_from}" if choices.came_from else address


def _asked(request: HttpRequest, app: App, user: AppUser) -> Asked:
    choices = read_choices(request.GET)
    zone: tzinfo = zone_of(choices, app, user)
    page_url = reverse("profile:user", args=[app.public_id, user.uid])
    return Asked(app, user, Clock(timezone.now(), zone), choices, page_url)


def _no_such_user(request: HttpRequest, app: App, uid: str) -> TemplateResponse:
    search = f"{reverse('directory:users', args=[app.public_id])}?{urlencode({'q': uid[:100]})}"
    context = {"app": app, "uid": uid[:100], "search_url": search}
    return TemplateResponse(request, "profile/no_such_user.html", context, status=404)
