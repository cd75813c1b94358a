"""The crash list and the page of one crash group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from profiles.access.models import App, Membership
from profiles.access.permissions import has_role
from profiles.activity.happenings import Chip, chips_of, event_name, gap_text
from profiles.activity.models import Event
from profiles.crashes import crash_free, occurrences, querysets
from profiles.crashes.charts import crash_free_chart
from profiles.crashes.conditions import hit_by
from profiles.crashes.facts import custom_distributions, custom_of, distributions, facts_of
from profiles.crashes.merging import member_ids
from profiles.crashes.models import Crash, CrashGroup
from profiles.crashes.occurrences import Position
from profiles.crashes.querysets import Overview
from profiles.crashes.reading_order import in_reading_order
from profiles.crashes.state import DEFAULT_SORT, ListState, Tab
from profiles.crashes.symbols import library
from profiles.crashes.tables import heads
from profiles.crashes.traces.reading import read_trace
from profiles.crashes.views.finding import clock_of, group_or_404
from profiles.directory.filters import tree
from profiles.directory.filters.tree import Group
from profiles.users.models import AppUser
from profiles.wording import Clock, day, grouped

LOG_LINES_SHOWN = 500
CHIPS_OF_STEP = 4
ALERTS_SHOWN = 10
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
    clock = clock_of(app)
    overview = querysets.read_overview(app)
    free_days = crash_free.read_days(app, clock.today)
    page = querysets.read_groups(app, state, clock)
    list_url = reverse("crashes:list", args=[app.public_id])
    found = querysets.read_overview(app, state) if state.search or state.version else overview
    matching = found.count(state)
    context: dict[str, Any] = {
        "app": app,
        "clock": clock,
        "state": state,
        "overview": overview,
        "versions": querysets.read_app_versions(app),
        "tabs": _tabs(state, found),
        "heads": heads(state),
        "rows": page.rows,
        "previous": "?" + state.first_page(before=page.previous).query_string() if page.previous else None,
        "next": "?" + state.first_page(after=page.next).query_string() if page.next else None,
        "matching": matching,
        "list_url": list_url,
        "announcement": f"{grouped(matching)} crash groups",
        "crash_free": crash_free.over_all(free_days),
        "crash_free_chart": crash_free_chart(free_days),
        "crash_free_days": crash_free.DAYS_SHOWN,
        "is_admin": has_role(Membership.Role(app.viewer_role), Membership.Role.ADMIN),
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
    """Show one group: its trace, what surrounded it, how often, and whom it hit.

    A group that is merged into another one leads there.
    """
    found = group_or_404(app, group_id)
    if found.merged_into is not None:
        return redirect("crashes:group", app.public_id, found.merged_into.public_id)
    clock = clock_of(app)
    members = member_ids(found)
    asked = {name: request.GET.get(name, "") for name in ("occurrence", "older", "newer", "users")}
    shown = occurrences.read_occurrence(members, occurrences.read_occurrence_position(asked["occurrence"]))
    if shown is None:
        shown = occurrences.read_occurrence(members, None)
    page = occurrences.read_occurrences(
        members,
        occurrences.read_occurrence_position(asked["older"]),
        occurrences.read_occurrence_position(asked["newer"]),
    )
    hit = occurrences.read_hit_users(members, occurrences.read_user_position(asked["users"]))
    facts = occurrences.read_facts(members)
    days = querysets.days_of(found, clock.today)
    names = occurrences.read_users(_user_ids(shown, page.crashes))
    position = Position(shown.occurred_at, shown.id).encode() if shown else ""
    context: dict[str, Any] = {
        "app": app,
        "clock": clock,
        "group": found,
        "may_change": has_role(Membership.Role(app.viewer_role), Membership.Role.ANALYST),
        "is_admin": has_role(Membership.Role(app.viewer_role), Membership.Role.ADMIN),
        "members": querysets.read_members(found) if len(members) > 1 else [],
        "comments": querysets.comments_of(members),
        "versions": occurrences.read_versions(members),
        "alerts": querysets.alerts_of(members)[:ALERTS_SHOWN],
        "users_url": _users_url(app, found),
        "bars": _bars(days, clock),
        "days_label": f"{grouped(sum(days))} in the last {len(days)} days",
        "first_day": day(clock.today - timedelta(days=len(days) - 1), clock),
        "shown": shown,
        "shown_user": names.get(shown.user_id) if shown else None,
        "is_newest": "occurrence" not in request.GET,
        "occurrences": [_occurrence_row(crash, names, position) for crash in page.crashes],
        "newer": f"?newer={page.newer.encode()}#occurrences" if page.newer else None,
        "older": f"?older={page.older.encode()}#occurrences" if page.older else None,
        "hit_users": hit.users,
        "more_users": f"?users={hit.next.encode()}#users" if hit.next else None,
        "is_first_users": "users" not in request.GET,
        "facts_counted": len(facts),
        "distributions": distributions([report for report, _ in facts]),
        "custom_distributions": custom_distributions(custom for _, custom in facts),
    }
    if shown is not None:
        context |= _what_happened(app, shown)
        context["events_before"] = [_step(event, shown) for event in occurrences.read_events_before(shown)]
    return render(request, "crashes/group.html", context)


def _users_url(app: App, group: CrashGroup) -> str:
    query = urlencode({"filter": tree.write(Group((hit_by(group),)))})
    return f"{reverse('directory:users', args=[app.public_id])}?{query}"


@dataclass(frozen=True, slots=True)
class Step:
    """What the user did before the crash, and how long before it."""

    event: Event
    name: str
    before: str
    chips: tuple[Chip, ...]


def _step(event: Event, crash: Crash) -> Step:
    kind, name = event_name(event.key.key, event.segmentation)
    return Step(
        event, name, gap_text(event.occurred_at - crash.occurred_at), chips_of(kind, event.segmentation)[:CHIPS_OF_STEP]
    )


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


def _what_happened(app: App, crash: Crash) -> dict[str, Any]:
    error = str(crash.texts.get("error", ""))
    rewritten = library.rewrite(app, crash)
    trace = read_trace(
        rewritten.text,
        is_javascript=bool(crash.report.get("is_javascript")),
        executable=str(crash.report.get("executable_name", "")),
    )
    logs = str(crash.texts.get("logs", "")).splitlines()
    return {
        "parts": in_reading_order(trace),
        "rewritten": rewritten,
        "symbols_query": urlencode({"version": crash.app_version}),
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
