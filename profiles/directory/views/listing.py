"""The user list: as a page, as the fragment that htmx asks for, and as the way from user to user."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from profiles.access.models import App
from profiles.access.permissions import Role, has_role, role_in, signed_in
from profiles.access.querysets import UserTotals, user_totals
from profiles.directory.actions import Action, actions_for
from profiles.directory.audience import EVERYONE, Audience, read_state, tab_total
from profiles.directory.columns import CUSTOM_SECTION
from profiles.directory.condition_form import chips
from profiles.directory.filters.tree import EVERYBODY
from profiles.directory.models import SortIndex
from profiles.directory.panels import panels_of
from profiles.directory.querysets import (
    Matches,
    Page,
    count_matches,
    read_neighbours,
    read_page,
    read_rows,
)
from profiles.directory.reading import ListRead, known
from profiles.directory.saved_views import Kept
from profiles.directory.sort_indexes import WORTH_IT, label_of
from profiles.directory.sorts import Sort
from profiles.directory.state import ListState, Tab, read_query_string
from profiles.directory.tables import UserTable
from profiles.users.boxes import is_online
from profiles.users.querysets import find_user
from profiles.wording import Clock, grouped

WAITING = "waiting"
PANEL_LOADER = "panel-loader"  # the element by which an open panel has the list drawn again, and stays open


@dataclass(frozen=True, slots=True)
class TabLink:
    """A tab with its exact total, or a saved view."""

    name: str
    label: str
    count: int | None
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Tool:
    """What opens a panel above the list."""

    name: str
    label: str
    icon: str
    url: str


@dataclass(frozen=True, slots=True)
class SlowOrder:
    """An order that no index holds, and the index that was asked for, if one was."""

    label: str
    index: SortIndex | None
    may_ask: bool


@dataclass(frozen=True, slots=True)
class Pager:
    """Which rows are shown, of how many, and the addresses of the pages beside."""

    range: str
    total: str
    first: str | None
    previous: str | None
    next: str | None
    last: str | None


def users(request: HttpRequest, app: App) -> HttpResponse:
    """List the app's users. Answers htmx with the results alone, and names the address that shows the same."""
    kept = Kept.of(signed_in(request), app)
    shown = known(kept.laid_out(read_state(request.GET), request.GET))
    state, columns = shown.state, shown.columns
    clock = Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
    totals = user_totals(app)
    if WAITING in request.GET:
        return _answer_waiting(totals)
    matches = (
        count_matches(app, Audience.of(state))
        if state.is_narrowed
        else Matches(tab_total(totals, state.tab), is_exact=True)
    )
    page = read_page(app, state, shown.sort, matches)
    rows = read_rows(
        page,
        clock,
        [column.relation for column in columns if column.relation],
        with_custom=any(column.section == CUSTOM_SECTION for column in columns),
    )
    htmx = HtmxDetails(request)
    list_url = reverse("directory:users", args=[app.public_id])
    cell_context = {
        "clock": clock,
        "list_url": list_url,
        "online": {row.user.id for row in rows if is_online(row.user, clock.now)},
        "origin_query": urlencode({"from": state.first_page().query_string()}),
    }
    table = UserTable(rows, columns, state, cell_context)
    context: dict[str, Any] = {
        "app": app,
        "state": state,
        "clock": clock,
        "tabs": _tabs(state, totals, kept),
        "tools": _tools(app),
        "slow_order": _slow_order(app, state, shown.sort, totals),
        "chips": chips(app, state),
        "filter_url": reverse("directory:filter", args=[app.public_id]),
        "filter_query": urlencode(state.fields()),
        "is_list_changed": htmx.trigger != PANEL_LOADER,
        "unfiltered": "?" + state.filtered(EVERYBODY).query_string(),
        "actions": _actions(request, app),
        "everyone_query": urlencode(_everyone(state)),
        "tab_label": state.tab.label,
        "panels": panels_of(app),
        "table": table,
        "rows": rows,
        "list_url": list_url,
        "pager": _pager(state, page, matches),
        "matches": matches,
        "totals": totals,
        "server_url": request.build_absolute_uri("/").rstrip("/"),
        "announcement": _announcement(shown, matches),
    }
    is_fragment = bool(htmx) and not htmx.history_restore_request
    response = render(request, "directory/_fragment.html" if is_fragment else "directory/users.html", context)
    patch_vary_headers(response, ["HX-Request"])
    if is_fragment:
        query = state.query_string()
        response["HX-Push-Url"] = f"{list_url}?{query}" if query else list_url
    return response


def neighbours(request: HttpRequest, app: App, uid: str) -> HttpResponse:
    """Answer with the links to the users before and after this one in the list that `from` describes."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    state, sort, position = _read_origin(request)
    before, after = read_neighbours(app, user, state, sort)
    total = None if state.is_narrowed else tab_total(user_totals(app), state.tab)
    context = {
        "position": position,
        "total": total,
        "previous": _profile_url(app, before, state, position - 1 if position else None),
        "next": _profile_url(app, after, state, position + 1 if position else None),
    }
    return render(request, "directory/_neighbours.html", context)


def step(request: HttpRequest, app: App, uid: str, direction: str) -> HttpResponse:
    """Go to the user before or after this one in the list that `from` describes; past its ends, to the list."""
    user = find_user(app, uid)
    if user is None:
        raise Http404
    state, sort, position = _read_origin(request)
    before, after = read_neighbours(app, user, state, sort)
    by = -1 if direction == "previous" else 1
    there = _profile_url(app, before if by < 0 else after, state, position + by if position else None)
    return redirect(there or f"{reverse('directory:users', args=[app.public_id])}?{state.query_string()}")


def _answer_waiting(totals: UserTotals) -> HttpResponse:
    """Tell the page that waits for an app's first user to load itself again, once there is one."""
    return HttpResponse(headers={"HX-Refresh": "true"}) if totals.everybody else HttpResponse(status=204)


def _read_origin(request: HttpRequest) -> tuple[ListState, Sort, int | None]:
    """Read the list that a profile was opened from: its query string, and the user's number in it (`at`)."""
    origin = request.GET.get("from", "")
    shown = known(read_state(read_query_string(origin)).first_page())
    at = request.GET.get("at", "")
    return shown.state, shown.sort, int(at) if at.isascii() and at.isdigit() and len(at) < 12 and int(at) > 0 else None


def _profile_url(app: App, uid: str | None, state: ListState, position: int | None) -> str | None:
    if uid is None:
        return None
    query: dict[str, str | int] = {"from": state.query_string()}
    if position:
        query["at"] = position
    return f"{reverse('directory:users', args=[app.public_id])}{uid}/?{urlencode(query)}"


def _tabs(state: ListState, totals: UserTotals, kept: Kept) -> list[TabLink]:
    current = kept.current(state)
    tabs = [
        TabLink(
            tab.value,
            tab.label,
            tab_total(totals, tab),
            "?" + state.first_page(tab=tab).query_string(),
            tab is state.tab and current is None,
        )
        for tab in Tab
    ]
    views = [TabLink(f"view-{view.pk}", view.name, None, f"?{view.query}", view == current) for view in kept.views]
    return [*tabs, *views]


def _slow_order(app: App, state: ListState, sort: Sort, totals: UserTotals) -> SlowOrder | None:
    """Say it of an order that reads a large app whole. One query, only then."""
    if sort.is_indexed or totals.everybody < WORTH_IT:
        return None
    index = SortIndex.objects.filter(app=app, column=state.sort_name).first()
    if index and index.state == SortIndex.State.READY:
        return None
    may_ask = has_role(Role(app.viewer_role), Role.ANALYST) and (index is None or index.state == SortIndex.State.FAILED)
    return SlowOrder(label_of(state.sort_name), index, may_ask)


def _tools(app: App) -> list[Tool]:
    return [
        Tool(name, label, icon, reverse(f"directory:{name}", args=[app.public_id]))
        for name, label, icon in (
            ("breakdown", "Breakdown", "chart-column"),
            ("columns", "Columns", "layers"),
            ("views", "Save view", "star"),
        )
    ]


def _pager(state: ListState, page: Page, matches: Matches) -> Pager:
    start = state.first_page()
    last = page.first_position + len(page.places) - 1
    total = grouped(max(matches.count, last)) if matches.is_exact else f"{matches.count:,}+"
    return Pager(
        range=f"{grouped(page.first_position)}–{grouped(last)}" if page.places else "0",
        total=total,
        first="?" + start.query_string() if page.previous else None,
        previous="?" + replace(start, before=page.previous).query_string() if page.previous else None,
        next="?" + replace(start, after=page.next).query_string() if page.next else None,
        last="?" + replace(start, is_last_page=True).query_string() if page.next and matches.is_exact else None,
    )


def _actions(request: HttpRequest, app: App) -> list[tuple[Action, str]]:
    return [
        (action, reverse(action.url_name, args=[app.public_id])) for action in actions_for(role_in(request.user, app))
    ]


def _everyone(state: ListState) -> list[tuple[str, str]]:
    return [*state.fields(), (EVERYONE, "1")]


def _announcement(shown: ListRead, matches: Matches) -> str:
    """Say what a screen reader should hear when the results changed."""
    number = grouped(matches.count) + ("" if matches.is_exact else " or more")
    return f"{number} users, {shown.order_in_words}"
