"""The list of messages, the page that composes one, and a message's own page with what became of it."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages as notices
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access.models import App
from profiles.access.permissions import Role, has_role, signed_in
from profiles.directory.audience import EVERYONE, Audience
from profiles.directory.filters.tree import FilterError
from profiles.messages import (
    accounts,
    composing,
    content as contents,
    forms,
    pages,
    personalisation,
    querysets,
    services,
)
from profiles.messages.content import ContentError
from profiles.messages.models import Message, PushCredential, PushSettings
from profiles.messages.services import Draft, MessageError
from profiles.wording import Clock

Started = (Message.State.SENDING, Message.State.SENT, Message.State.CANCELLED, Message.State.FAILED)


@require_safe
def message_list(request: HttpRequest, app: App) -> HttpResponse:
    """List the app's messages, newest first, or its tests."""
    is_test = request.GET.get("tab") == "tests"
    before = Message.objects.filter(app=app, public_id=request.GET.get("before", "")).first()
    place = (before.created_at, before.pk) if before else None
    found = list(querysets.messages_of(app, is_test=is_test, before=place)[: querysets.PAGE_SIZE + 1])
    shown = found[: querysets.PAGE_SIZE]
    counts = querysets.counts_of(shown)
    rows = [(one, pages.results_of(app, one, counts[one.pk]), _tone(one)) for one in shown]
    context = {
        "app": app,
        "clock": _clock(app),
        "rows": rows,
        "is_test": is_test,
        "older": shown[-1].public_id if len(found) > len(shown) else "",
        "is_first_page": before is None,
        "may_write": _may_write(app),
        "has_credentials": PushCredential.objects.filter(app=app).exists(),
    }
    return render(request, "messages/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, app: App) -> HttpResponse:
    """Compose a message to the users of the address's audience; without one, to everybody."""
    parameters = request.POST if request.method == "POST" else request.GET
    if request.method != "POST" and not parameters:
        parameters = QueryDict(f"{EVERYONE}=1")
    return _compose(request, app, parameters, None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, app: App, message_id: str) -> HttpResponse:
    """Change a message that has not begun."""
    found = _message_or_404(app, message_id)
    if found.state not in {Message.State.DRAFT, Message.State.WAITING, Message.State.SCHEDULED}:
        notices.error(request, "It has begun: it can no longer be changed.")
        return redirect(found)
    return _compose(request, app, request.POST if request.method == "POST" else composing.fields_of(found), found)


def _compose(request: HttpRequest, app: App, parameters: QueryDict, message: Message | None) -> HttpResponse:
    try:
        audience = Audience.read(parameters)
    except FilterError as error:
        return render(request, "messages/compose.html", {"app": app, "error": str(error)}, status=400)
    is_post = request.method == "POST"
    do = request.POST.get("do", "")
    if is_post:
        form = forms.MessageForm(request.POST)
        others = forms.variants(request.POST, more=int(do == "language"))
    else:
        form = forms.MessageForm(initial=forms.initial_of(message) if message else None)
        others = forms.variants(content=contents.from_json(message.content) if message else None)
    if is_post and do == "language":
        form = forms.MessageForm(initial=request.POST.dict())
    elif is_post and (draft := _draft(form, others, audience)) is not None:
        answer = _act(request, app, do, draft, message, form)
        if answer is not None:
            return answer
    context = _compose_context(app, audience, form, others) | {
        "message": message,
        "preview": _preview(app, request.POST, audience) if is_post else None,
    }
    return render(request, "messages/compose.html", context)


def _compose_context(app: App, audience: Audience, form: Any, others: Any) -> dict[str, Any]:
    picked = audience.picked
    return {
        "app": app,
        "clock": _clock(app),
        "audience": audience,
        "audience_query": urlencode(audience.fields()),
        "words": audience.in_words(app),
        "form": form,
        "variants": others,
        "most_variants": forms.SHOWN_VARIANTS,
        "sample": picked[0] if len(picked) == 1 else "",
        "details": personalisation.DETAILS,
        "needs_approval": composing.has_second_eyes(app),
        "has_credentials": PushCredential.objects.filter(app=app).exists(),
        "cap": composing.cap_of(app.pk),
    }


def _draft(form: forms.MessageForm, others: Any, audience: Audience) -> Draft | None:
    """Return what was written, or leave in the form what is wrong with it."""
    is_right = form.is_valid()
    if not (others.is_valid() and is_right):
        return None
    try:
        content = forms.read_content(form, others)
    except ContentError as error:
        form.add_error(None, str(error))
        return None
    said = form.cleaned_data
    return Draft(content, audience, Message.When(said["when"]), said["wall_clock"], said["valid_hours"])


def _act(
    request: HttpRequest, app: App, do: str, draft: Draft, message: Message | None, form: forms.MessageForm
) -> HttpResponse | None:
    """Do what the button says; None: stay on the page."""
    person, now = signed_in(request), datetime.now(tz=UTC)
    if do == "test":
        _test(request, app, draft, form)
        return None
    if do not in {"save", "send"}:
        return None
    try:
        saved = services.save_draft(app, draft, person, now, message)
        if do == "send":
            saved = services.submit(saved, person, now)
    except MessageError as error:
        form.add_error(None, str(error))
        return None
    if do == "save":
        notices.success(request, "The draft is saved.")
    return redirect(saved)


def _test(request: HttpRequest, app: App, draft: Draft, form: forms.MessageForm) -> None:
    """Send a test to the user who is named, else to the one whom the preview shows; stay on the page."""
    wanted = request.POST.get("sample", "").strip()
    user = querysets.sample_of(app, draft.audience, wanted)
    if user is None or (wanted and wanted not in {user.uid, user.device_id}):
        form.add_error(None, f"There is no user “{wanted[:60]}” to test with")
        return
    try:
        whom = Draft(draft.content, Audience(picked=(user.uid,)), valid_hours=draft.valid_hours)
        services.send_test(app, whom, signed_in(request), datetime.now(tz=UTC))
    except MessageError as error:
        form.add_error(None, str(error))
        return
    notices.success(request, f"A test is on its way to the newest device of {user.display_name}.")


@require_POST
def preview(request: HttpRequest, app: App) -> HttpResponse:
    """Show what is being written as a user would read it, and what is wrong with it."""
    try:
        audience = Audience.read(request.POST)
    except FilterError:
        audience = Audience()
    context = {"app": app, "preview": _preview(app, request.POST, audience)}
    return render(request, "messages/_preview.html", context)


def _preview(app: App, posted: QueryDict, audience: Audience) -> dict[str, Any]:
    form, others = forms.MessageForm(posted), forms.variants(posted)
    form.fields["wall_clock"].required = False
    wanted = posted.get("sample", "").strip()
    user = querysets.sample_of(app, audience, wanted)
    is_unknown = bool(wanted) and (user is None or wanted not in {user.uid, user.device_id})
    errors: list[str] = []
    form.is_valid()
    if others.is_valid() and not set(form.errors) - {"wall_clock"}:
        try:
            content = forms.read_content(form, others)
        except ContentError as error:
            errors = [str(error)]
        else:
            locales = [text.locale for text in content.texts]
            asked = posted.get("preview_locale", "")
            shown = pages.preview(content, None if is_unknown else user, asked)
            return {"shown": shown, "locales": locales, "asked": asked, "unknown": wanted if is_unknown else ""}
    if not errors and form.cleaned_data.get("body"):
        errors = [str(error) for field in form.errors.values() for error in field]
    return {"errors": errors}


@require_safe
def ladder(request: HttpRequest, app: App) -> HttpResponse:
    """Count who of an audience can be reached: a part of the composing page, asked for by itself."""
    try:
        audience = Audience.read(request.GET)
    except FilterError as error:
        return render(request, "messages/_ladder.html", {"app": app, "error": str(error)})
    counted = querysets.ladder_of(app, audience)
    page = pages.ladder_page(app, audience, counted) if counted else None
    context = {"app": app, "page": page, "all_url": pages.list_url(app, audience)}
    return render(request, "messages/_ladder.html", context)


@require_safe
def message(request: HttpRequest, app: App, message_id: str) -> HttpResponse:
    """Show a message, how far it is and what came of it; htmx asks for the results alone."""
    found = _message_or_404(app, message_id)
    found.app = app
    counts = querysets.counts_of([found])[found.pk]
    audience_words, audience_url = _audience(app, found)
    context = {
        "app": app,
        "clock": _clock(app),
        "message": found,
        "tone": _tone(found),
        "results": pages.results_of(app, found, counts) if found.state in Started else None,
        "is_live": found.state in {Message.State.SENDING, Message.State.SCHEDULED},
        "may_write": _may_write(app),
        "is_author": found.created_by_id == signed_in(request).pk,
        "audience_words": audience_words,
        "audience_url": audience_url,
    }
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        response = render(request, "messages/_results.html", context | {"is_fragment": True})
    else:
        content = contents.from_json(found.content)
        context |= {"content": content, "preview": {"shown": pages.preview(content, None), "locales": []}}
        response = render(request, "messages/message.html", context)
    response["Vary"] = "HX-Request"
    return response


@require_POST
def act(request: HttpRequest, app: App, message_id: str) -> HttpResponse:
    """Do something with a message: send, approve, stop, go on, duplicate, delete."""
    found = _message_or_404(app, message_id)
    person, now = signed_in(request), datetime.now(tz=UTC)
    try:
        match request.POST.get("do", ""):
            case "send":
                services.submit(found, person, now)
            case "approve":
                services.approve(found, person, now)
            case "stop":
                services.stop(found, person, now)
            case "go_on":
                services.go_on(found, person)
            case "duplicate":
                return redirect("messages:edit", app.public_id, services.duplicate(found, person, now).public_id)
            case "delete":
                services.delete_draft(found)
                return redirect("messages:list", app.public_id)
            case _:
                raise Http404
    except MessageError as error:
        notices.error(request, f"{error}.")
    return redirect(found)


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, app: App) -> HttpResponse:
    """Change caps and approval; look at the credentials and check them."""
    stored = PushSettings.objects.filter(app=app).first() or PushSettings(app=app)
    form = forms.SettingsForm(request.POST if "save" in request.POST else None, instance=stored)
    if request.method == "POST":
        if "check" in request.POST:
            credential = PushCredential.objects.filter(app=app, kind=request.POST["check"]).first()
            if credential is None:
                raise Http404
            fault = accounts.check(credential)
            if fault:
                notices.error(request, f"{credential.get_kind_display()}: {fault}.")
            else:
                notices.success(request, f"{credential.get_kind_display()}: the provider knows it.")
            return redirect("messages:settings", app.public_id)
        if form.is_valid():
            services.change_settings(app, signed_in(request), form.save(commit=False))
            notices.success(request, "Saved.")
            return redirect("messages:settings", app.public_id)
    context = {
        "app": app,
        "tab": "push",
        "clock": _clock(app),
        "form": form,
        "credentials": list(PushCredential.objects.filter(app=app).order_by("kind")),
    }
    return render(request, "messages/settings.html", context)


def _audience(app: App, message: Message) -> tuple[str, str]:
    """Say whom a message is for, and where they are listed, as far as that can still be read."""
    try:
        audience = composing.audience_of(message)
    except FilterError:
        return "users of a filter that cannot be read any more", ""
    if len(audience.picked) == 1:
        url = reverse("profile:user", args=[app.public_id, audience.picked[0]])
        return f"one user, {audience.picked[0]}", url
    return audience.in_words(app), pages.list_url(app, audience)


def _message_or_404(app: App, message_id: str) -> Message:
    found = Message.objects.filter(app=app, public_id=message_id).first()
    if found is None:
        raise Http404
    return found


def _tone(message: Message) -> str:
    return pages.TONES[Message.State(message.state)]


def _may_write(app: App) -> bool:
    return has_role(Role(app.viewer_role), Role.ANALYST)


def _clock(app: App) -> Clock:
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
