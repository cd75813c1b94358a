"""The list of funnels, a funnel's report, and the page that defines one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from profiles.access.models import App, Membership
from profiles.access.permissions import has_role, role_in
from profiles.activity import staleness
from profiles.activity.models import Stale
from profiles.funnels import counting, querysets, services
from profiles.funnels.forms import (
    LEAST_STEPS,
    FunnelForm,
    StepFormSet,
    moved,
    step_initial,
    written_steps,
)
from profiles.funnels.models import MAX_STEPS, Funnel
from profiles.funnels.pages import ReportQuery, report_page
from profiles.funnels.services import StepInput
from profiles.funnels.words import event_name, options_text
from profiles.wording import Clock

BLANK_ROWS = 3  # of a new funnel


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the computation over all history is; shown while it goes on."""

    users: int
    total: int

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, self.users / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """A funnel as the list shows it."""

    name: str
    description: str
    url: str
    move_url: str
    steps: list[str]
    options: str
    entered: int | None
    completed: int | None
    conversion: float | None
    progress: Progress | None
    is_counting: bool
    """The numbers are still being counted."""


@require_safe
def funnels(request: HttpRequest, app: App) -> HttpResponse:
    """List the app's funnels with their conversion."""
    clock = _clock(app)
    total = querysets.users_of(app)
    found = list(querysets.funnels_of([app.pk]))
    ends = counting.ends_counted(found, clock.now)
    rows = [_row(funnel, ends[funnel.pk], total) for funnel in found]
    context = {
        "app": app,
        "clock": clock,
        "rows": rows,
        "behind_since": staleness.behind_since(Stale.Kind.FUNNELS, clock.now),
        "is_computing": any(row.progress or row.is_counting for row in rows),
        "may_edit": _may_edit(request, app),
    }
    return _answer(request, context, "funnels/list.html", "funnels/_rows.html")


@require_safe
def funnel(request: HttpRequest, app: App, funnel_id: str) -> HttpResponse:
    """Show how many users reach each step, in some days, of some users. Answers htmx with the report alone."""
    found = _funnel_or_404(app, funnel_id)
    clock = _clock(app)
    context = {
        "app": app,
        "clock": clock,
        "funnel": found,
        "page": report_page(found, ReportQuery.read(request.GET, clock.today), clock),
        "progress": _progress(found, querysets.users_of(app)),
        "behind_since": staleness.behind_since(Stale.Kind.FUNNELS, clock.now),
        "may_edit": _may_edit(request, app),
    }
    return _answer(request, context, "funnels/funnel.html", "funnels/_report.html")


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, app: App) -> HttpResponse:
    """Define a new funnel."""
    return _define(request, app, Funnel(app=app, name=""))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, app: App, funnel_id: str) -> HttpResponse:
    """Change a funnel; one that counts otherwise afterwards is computed again."""
    return _define(request, app, _funnel_or_404(app, funnel_id))


@require_POST
def duplicate(request: HttpRequest, app: App, funnel_id: str) -> HttpResponse:
    """Make another funnel of the same definition, and open it to be changed."""
    found = _funnel_or_404(app, funnel_id)
    copy = Funnel(
        app=app,
        name=f"{found.name[:110]} (copy)",
        description=found.description,
        window_seconds=found.window_seconds,
        is_same_session=found.is_same_session,
        position=found.position,
    )
    services.create_funnel(copy, [StepInput(step.event_key, step.filters) for step in found.steps.all()])
    messages.success(request, f"“{copy.name}” was made from “{found.name}”.")
    return redirect("funnels:edit", app.public_id, copy.public_id)


@require_POST
def move(request: HttpRequest, app: App, funnel_id: str) -> HttpResponse:
    """Put a funnel one place up or down in the list."""
    found = _funnel_or_404(app, funnel_id)
    order = list(querysets.funnels_of([app.pk]).values_list("public_id", flat=True))
    services.move_funnel(found, order.index(funnel_id) + (1 if request.POST.get("to") == "down" else -1))
    return redirect("funnels:list", app.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, app: App, funnel_id: str) -> HttpResponse:
    """Ask, then delete a funnel."""
    found = _funnel_or_404(app, funnel_id)
    if request.method != "POST":
        return render(request, "funnels/delete.html", {"app": app, "funnel": found})
    found.delete()
    messages.success(request, f"“{found.name}” was deleted.")
    return redirect("funnels:list", app.public_id)


def _define(request: HttpRequest, app: App, subject: Funnel) -> HttpResponse:
    is_new = subject._state.adding  # noqa: SLF001 (documented, in spite of its name)
    stored = [] if is_new else list(subject.steps.all())
    form = FunnelForm(request.POST or None, instance=subject)
    if request.method != "POST":
        rows = [step_initial(step) for step in stored]
        steps = StepFormSet(initial=_with_blanks(rows, BLANK_ROWS if is_new else 1))
    elif "move" in request.POST:
        written = request.POST.dict() | {"is_same_session": "is_same_session" in request.POST}
        form = FunnelForm(instance=subject, initial=written)
        steps = StepFormSet(initial=_with_blanks(moved(written_steps(request.POST), request.POST["move"]), 1))
    else:
        steps = StepFormSet(request.POST)
        if form.is_valid() and steps.is_valid():
            if is_new:
                services.create_funnel(subject, steps.steps)
            else:
                services.change_funnel(subject, steps.steps)
            messages.success(request, f"“{subject.name}” was saved.")
            return redirect(reverse("funnels:funnel", args=[app.public_id, subject.public_id]))
    context = {
        "app": app,
        "funnel": None if is_new else subject,
        "form": form,
        "steps": steps,
        "suggestions": querysets.event_key_suggestions(app),
        "least_steps": LEAST_STEPS,
        "most_steps": MAX_STEPS,
    }
    is_refused = form.is_bound and not (form.is_valid() and steps.is_valid())
    return render(request, "funnels/define.html", context, status=422 if is_refused else 200)


def _with_blanks(rows: Sequence[dict[str, Any]], blanks: int) -> list[dict[str, Any]]:
    return [*rows, *({} for _ in range(blanks))][:MAX_STEPS]


def _funnel_or_404(app: App, funnel_id: str) -> Funnel:
    found = querysets.funnels_of([app.pk]).filter(public_id=funnel_id).first()
    if found is None:
        raise Http404
    return found


def _row(funnel: Funnel, ends: tuple[int, int] | None, total: int) -> FunnelRow:
    rule = querysets.rule_of(funnel)
    entered, completed = ends or (None, None)
    return FunnelRow(
        name=funnel.name,
        description=funnel.description,
        url=funnel.get_absolute_url(),
        move_url=reverse("funnels:move", args=[funnel.app.public_id, funnel.public_id]),
        steps=[event_name(step.event_key) for step in rule.steps],
        options=options_text(rule),
        entered=entered,
        completed=completed,
        conversion=completed / entered if entered and completed is not None else None,
        progress=_progress(funnel, total),
        is_counting=ends is None,
    )


def _progress(funnel: Funnel, total: int) -> Progress | None:
    return None if funnel.computed_revision == funnel.revision else Progress(funnel.computed_users, total)


def _may_edit(request: HttpRequest, app: App) -> bool:
    return has_role(role_in(request.user, app), Membership.Role.ANALYST)


def _clock(app: App) -> Clock:
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))


def _answer(request: HttpRequest, context: dict[str, Any], page: str, fragment: str) -> HttpResponse:
    htmx: Any = getattr(request, "htmx", None)
    is_fragment = bool(htmx) and not htmx.history_restore_request
    response = render(request, fragment if is_fragment else page, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
