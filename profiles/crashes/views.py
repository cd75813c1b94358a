"""The crash list and the page of one crash group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from profiles.access.models import App, Membership
from profiles.access.permissions import has_role, role_in
from profiles.crashes import crash_free, handling, querysets
from profiles.crashes.facts import custom_distributions, custom_of, distributions, facts_of
from profiles.crashes.forms import HIDE, REOPEN, RESOLVE, StateForm
from profiles.crashes.models import Crash, CrashGroup
from profiles.crashes.querysets import Overview, Position
from profiles.crashes.reading_order import in_reading_order
from profiles.crashes.state import DEFAULT_SORT, ListState, Tab
from profiles.crashes.tables import heads
from profiles.crashes.traces.reading import read_trace
from profiles.users.models import AppUser
from profiles.wording import Clock, day, grouped

LOG_LINES_SHOWN = 500
CHART_HEIGHT = 64
CHART_STEP = 10  # of which a bar takes 7


@dataclass(frozen=True, slots=True)
class TabLink:
    """A tab with the number of groups that it holds."""

    label: str
    count: int
    url: str
    is_current: bool


def groups(request: HttpRequest, app: App) -> HttpResponse:
    """List the app's crash groups. Answers htmx with the results alone."""
    state = ListState.read(request.GET)
    if not querysets.is_readable(state):
        state = state.first_page(sort=state.sort if state.sort_name in querysets.SORTS else DEFAULT_SORT)
    clock = _clock(app)
    overview = querysets.read_overview(app)
    page = querysets.read_groups(app, state, clock)
    list_url = reverse("crashes:list", args=[app.public_id])
    found = querysets.read_overview(app, state.search) if state.search else overview
    matching = found.count(state)
    context: dict[str, Any] = {
        "app": app,
        "clock": clock,
        "state": state,
        "overview": overview,
        "tabs": _tabs(state, found),
        "heads": heads(state),
        "rows": page.rows,
        "previous": "?" + state.first_page(before=page.previous).query_string() if page.previous else None,
        "next": "?" + state.first_page(after=page.next).query_string() if page.next else None,
        "matching": matching,
        "list_url": list_url,
        "announcement": f"{grouped(matching)} crash groups",
        "crash_free": crash_free.over_all(crash_free.read_days(app, clock.today)),
        "crash_free_days": crash_free.DAYS_SHOWN,
    }
    htmx: Any = getattr(request, "htmx", None)
    is_fragment = bool(htmx) and not htmx.history_restore_request
    response = render(request, "crashes/_fragment.html" if is_fragment else "crashes/list.html", context)
    patch_vary_headers(response, ["HX-Request"])
    if is_fragment:
        query = state.query_string()
        response["HX-Push-Url"] = f"{list_url}?{query}" if query else list_url
    return response


def _tabs(state: ListState, overview: Overview) -> list[TabLink]:
    return [
        TabLink(tab.label, overview.count(state, tab), "?" + state.first_page(tab=tab).query_string(), tab is state.tab)
        for tab in Tab
    ]


def group(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Show one group: its trace, what surrounded it, how often, and whom it hit."""
    found = _group_or_404(app, group_id)
    clock = _clock(app)
    shown = querysets.read_occurrence(found, querysets.read_occurrence_position(request.GET.get("occurrence", "")))
    if shown is None:
        shown = querysets.read_occurrence(found, None)
    occurrences = querysets.read_occurrences(
        found,
        querysets.read_occurrence_position(request.GET.get("older", "")),
        querysets.read_occurrence_position(request.GET.get("newer", "")),
    )
    hit = querysets.read_hit_users(found, querysets.read_user_position(request.GET.get("users", "")))
    facts = querysets.read_facts(found)
    days = querysets.days_of(found, clock.today)
    names = querysets.read_users(_user_ids(shown, occurrences.crashes))
    position = Position(shown.occurred_at, shown.id).encode() if shown else ""
    context: dict[str, Any] = {
        "app": app,
        "clock": clock,
        "group": found,
        "may_change": has_role(role_in(request.user, app), Membership.Role.ANALYST),
        "bars": _bars(days, clock),
        "days_label": f"{grouped(sum(days))} in the last {len(days)} days",
        "first_day": day(clock.today - timedelta(days=len(days) - 1), clock),
        "shown": shown,
        "shown_user": names.get(shown.user_id) if shown else None,
        "is_newest": "occurrence" not in request.GET,
        "occurrences": [_occurrence_row(crash, names, position) for crash in occurrences.crashes],
        "newer": f"?newer={occurrences.newer.encode()}#occurrences" if occurrences.newer else None,
        "older": f"?older={occurrences.older.encode()}#occurrences" if occurrences.older else None,
        "hit_users": hit.users,
        "more_users": f"?users={hit.next.encode()}#users" if hit.next else None,
        "is_first_users": "users" not in request.GET,
        "facts_counted": len(facts),
        "distributions": distributions([report for report, _ in facts]),
        "custom_distributions": custom_distributions(custom for _, custom in facts),
    }
    if shown is not None:
        context |= _what_happened(shown)
    return render(request, "crashes/group.html", context)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in the units of its drawing."""

    x: int
    y: float
    height: float
    label: str


def _bars(days: Sequence[int], clock: Clock) -> list[Bar]:
    top = max([*days, 1])
    first = clock.today - timedelta(days=len(days) - 1)
    bars = []
    for position, count in enumerate(days):
        height = round(max(2.0, count / top * CHART_HEIGHT), 1) if count else 0.0
        label = f"{day(first + timedelta(days=position), clock)}: {grouped(count)}"
        bars.append(Bar(position * CHART_STEP, round(CHART_HEIGHT - height, 1), height, label))
    return bars


def _what_happened(crash: Crash) -> dict[str, Any]:
    error = str(crash.texts.get("error", ""))
    trace = read_trace(
        error,
        is_javascript=bool(crash.report.get("is_javascript")),
        executable=str(crash.report.get("executable_name", "")),
    )
    logs = str(crash.texts.get("logs", "")).splitlines()
    return {
        "parts": in_reading_order(trace),
        "language": trace.language,
        "raw_trace": error,
        "logs": logs[-LOG_LINES_SHOWN:],
        "older_logs": max(0, len(logs) - LOG_LINES_SHOWN),
        "facts": facts_of(crash.report),
        "custom": custom_of(crash.report),
        "has_native_dump": bool(crash.texts.get("native_dump") or crash.texts.get("apple_report")),
    }


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """A line of the table of occurrences."""

    crash: Crash
    user: AppUser | None
    url: str
    is_shown: bool


def _occurrence_row(crash: Crash, names: dict[Any, AppUser], shown: str) -> OccurrenceRow:
    position = Position(crash.occurred_at, crash.id).encode()
    return OccurrenceRow(crash, names.get(crash.user_id), f"?occurrence={position}", position == shown)


def _user_ids(shown: Crash | None, crashes: Iterable[Crash]) -> set[Any]:
    return {crash.user_id for crash in crashes} | ({shown.user_id} if shown else set())


@require_POST
def change_state(request: HttpRequest, app: App, group_id: str) -> HttpResponse:
    """Resolve, hide or reopen a group, and go back to its page."""
    found = _group_or_404(app, group_id)
    form = StateForm(request.POST)
    if form.is_valid():
        messages.success(request, _apply(found, form.cleaned_data["action"], form.cleaned_data["version"]))
    else:
        messages.error(request, "Nothing was changed: that is not something to do with a crash.")
    return redirect("crashes:group", app.public_id, found.public_id)


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


def _group_or_404(app: App, public_id: str) -> CrashGroup:
    found = querysets.find_group(app, public_id)
    if found is None:
        raise Http404
    return found


def _clock(app: App) -> Clock:
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
