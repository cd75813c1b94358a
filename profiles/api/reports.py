"""What `calculate` asks of one user: graph, sessions, events, earlier values; and loyalty of many."""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from profiles.access import masking
from profiles.access.models import App
from profiles.activity.models import Event, EventKey, Session
from profiles.activity.querysets import Cursor, daily_totals, hourly_totals, session_by_id, span_of, until_position
from profiles.api.answers import ApiError, unreadable
from profiles.api.documents import seconds, user_document
from profiles.api.endpoint import PERIOD, Call, Parameter
from profiles.api.finding import asked_period, asks_for_one, named_user
from profiles.api.parameters import MOST_ROWS, Page
from profiles.api.periods import Bucket, Period
from profiles.crashes.models import Crash
from profiles.directory.audience import scope_of
from profiles.directory.filters.kinds import first_of
from profiles.users.models import AppUser, Identity, PropertyChange
from profiles.users.properties import DETAILS
from profiles.users.querysets import custom_changes, detail_changes

MOST_HOURLY_DAYS: Final = 7
COUNTED: Final = 100_000  # events of one user; more is said as this number
_SESSION, _CRASH, _SHORT_NAMES = (
    "[CLY]_session",
    "[CLY]_crash",
    {
        name: f"[CLY]_{name}"
        for name in ("view", "session", "crash", "survey", "nps", "action", "star_rating", "consent")
    },
)
_COUNTLY_NAMES: Final = {"birth_year": "byear"}
_SESSION_FACTS: Final = {"country": "cc", "city": "cty", "platform": "p", "app_version": "av", "device": "d"}

PARAMETERS: Final = (
    PERIOD,
    Parameter("bucket", "What one entry of a graph adds up.", choices=tuple(Bucket)),
    Parameter("event", "all, custom-events, or an event's key."),
    Parameter("session", "JSON: only events of the session with this id."),
    Parameter("limit", "Number of events; goes before iDisplayLength.", "integer"),
    Parameter("skip", "Offset of the first event; goes before iDisplayStart.", "integer"),
    Parameter("cursor", "Where the answer before ended: its nextCursor."),
    Parameter("paginationMode", "How to page.", choices=("offset", "cursor")),
)


def graph(call: Call) -> dict[str, Any]:
    """Answer sessions and events by bucket; totals add `d` active days, `ds` days with a session, `tsd` seconds."""
    user = named_user(call)
    if user is None:
        return {}
    period = asked_period(call)
    text = call.parameters.text("bucket", Bucket.DAILY)
    if text not in set(Bucket):
        raise unreadable("bucket", f"it is one of {', '.join(Bucket)}")
    days = [row for row in daily_totals(user.id) if period is None or period.first <= row[0] <= period.last]
    totals = {
        "s": sum(sessions for _, sessions, _, _ in days),
        "e": sum(events for _, _, events, _ in days),
        "d": len(days),
        "ds": sum(1 for _, sessions, _, _ in days if sessions),
        "tsd": sum(spent for _, _, _, spent in days),
    }
    sums: dict[str, dict[str, int]] = {}
    for key, sessions, events in _entries(call, user, Bucket(text), period, days):
        entry = sums.setdefault(key, {"s": 0, "e": 0})
        entry["s"] += sessions
        entry["e"] += events
    return {"totals": totals, "graph": sums}


def _entries(
    call: Call, user: AppUser, bucket: Bucket, period: Period | None, days: Sequence[tuple[Any, int, int, int]]
) -> list[tuple[str, int, int]]:
    if bucket is not Bucket.HOURLY:
        return [(bucket.key(on), sessions, events) for on, sessions, events, _ in reversed(days)]
    if period is None or period.days > MOST_HOURLY_DAYS:
        raise unreadable("bucket", f"hourly needs a period of at most {MOST_HOURLY_DAYS} days")
    zone = ZoneInfo(call.app.timezone)
    hours = hourly_totals(user.id, call.app.timezone, period.start)
    return [
        (bucket.key(at.astimezone(zone).date(), at.astimezone(zone).hour), sessions, events)
        for at, sessions, events in hours
        if at < period.end
    ]


def sessions(call: Call) -> dict[str, Any]:
    """Answer the user's sessions, newest first unless sorted otherwise; `did` is the device that began it."""
    user = named_user(call)
    if user is None:
        return {}
    page, period = call.parameters.page(), asked_period(call)
    rows = Session.objects.filter(_started(period), user_id=user.id)
    sign = "" if call.parameters.text("sSortDir_0") == "asc" else "-"
    column = "duration_seconds" if call.parameters.number("iSortCol_0", 0) == 1 else "started_at"
    found = list(rows.order_by(f"{sign}{column}", f"{sign}id")[page.offset : page.end])
    devices = _device_ids(user, {row.original_user_id for row in found})
    return page.table([_session_row(row) | {"did": devices(row.original_user_id)} for row in found], rows.count())


def _started(period: Period | None) -> Q:
    return Q() if period is None else Q(started_at__gte=period.start, started_at__lt=period.end)


def _session_row(session: Session) -> dict[str, Any]:
    return {"ts": seconds(session.started_at), "dur": session.duration_seconds}


def _device_ids(user: AppUser, keys: set[Any]) -> Callable[[Any], str]:
    """Return what names the device that data was recorded for: the user's own, or one that was merged."""
    others = keys - {user.id}
    known = (
        dict(Identity.objects.filter(device_key__in=others).values_list("device_key", "device_id")) if others else {}
    )
    masks = masking.current()
    return lambda key: str(masks.value("device_id", known[key])) if key in known else user.device_id


# --- Events -------------------------------------------------------------------------------------


def events_table(call: Call) -> dict[str, Any]:
    """Answer what the user did, newest first: by offset, or by cursor, which costs the same on every page."""
    parameters = call.parameters
    page = parameters.page()
    page = Page(
        parameters.number("skip", page.offset),
        parameters.number("limit", page.length, least=1, most=MOST_ROWS),
        page.echo,
        page.search,
    )
    user = named_user(call)
    if user is None:
        return page.table([], 0)
    key = parameters.text("event", "all") or "all"
    key = _SHORT_NAMES.get(key, key)
    period = asked_period(call)
    if key == _SESSION:
        rows = Session.objects.filter(_started(period), user_id=user.id)
        found = rows.order_by("-started_at", "-id")[page.offset : page.end]
        return page.table([{"e": key, "c": {}, **_session_row(row)} for row in found], rows.count())
    happened = Q() if period is None else Q(occurred_at__gte=period.start, occurred_at__lt=period.end)
    if key == _CRASH:
        return _crash_rows(page, Crash.objects.filter(happened, user_id=user.id))
    events = Event.objects.filter(happened, user_id=user.id)
    if (session_id := _session_id(parameters.json("session"))) is not None:
        session = session_by_id(user.id, session_id)
        if session is None:
            return page.table([], 0)
        span = span_of(session)
        events = events.filter(occurred_at__gte=span.start, occurred_at__lt=span.end)
    keys = _keys(call.app, key, page.search)
    if keys is not None:
        events = events.filter(key_id__in=keys)
    is_plain = keys is None and period is None and session_id is None
    total = user.activity.events_count if is_plain else events[:COUNTED].count()
    return _event_rows(call, page, events.select_related("key").order_by("-occurred_at", "-id"), total)


def _keys(app: App, key: str, search: str) -> QuerySet[EventKey, Any] | None:
    """Return the numbers of the event keys that are meant; None: of all."""
    keys = EventKey.objects.filter(app=app)
    if key == "custom-events":
        keys = keys.exclude(key__startswith="[CLY]_")
    elif key != "all":
        keys = keys.filter(key=key)
    elif not search:
        return None
    return keys.filter(key__icontains=search).values("id") if search else keys.values("id")


def _event_rows(call: Call, page: Page, events: QuerySet[Event], total: int) -> dict[str, Any]:
    text = call.parameters.text("cursor")
    if not text and call.parameters.text("paginationMode") != "cursor":
        return page.table([_event_row(event) for event in events[page.offset : page.end]], total)
    if text:
        events = events.filter(until_position(_read_cursor(text), 0))
    found = list(events[: page.length + 1])
    rows = found[: page.length]
    table = page.table([_event_row(event) for event in rows], total)
    table["hasNextPage"] = len(found) > len(rows)
    table["nextCursor"] = _cursor(rows[-1]) if table["hasNextPage"] else None
    return table


def _event_row(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ts": seconds(event.occurred_at),
        "e": event.key.key,
        "c": event.segmentation or {},
        "count": event.count,
    }
    if event.duration_seconds is not None:
        row["dur"] = event.duration_seconds
    if event.sum is not None:
        row["sum"] = event.sum
    return row


def _crash_rows(page: Page, crashes: QuerySet[Crash]) -> dict[str, Any]:
    found = crashes.select_related("group").order_by("-occurred_at", "-id")[page.offset : page.end]
    rows = [
        {
            "ts": seconds(crash.occurred_at),
            "e": _CRASH,
            "c": {"group": crash.group.public_id, "name": crash.group.title, "app_version": crash.app_version},
        }
        for crash in found
    ]
    return page.table(rows, crashes[:COUNTED].count())


def _session_id(asked: Any) -> int | None:
    if isinstance(asked, dict):
        asked = asked.get("_id", asked.get("id"))
    if asked is None:
        return None
    try:
        number = int(str(asked))
    except ValueError:
        raise unreadable("session", "it is no session's id") from None
    return number if abs(number) < 2**63 else 0


def _cursor(event: Event) -> str:
    content = json.dumps([event.occurred_at.isoformat(), event.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode()


def _read_cursor(text: str) -> Cursor:
    try:
        at, number = json.loads(base64.urlsafe_b64decode(text))
        moment = datetime.fromisoformat(at)
        if abs(int(number)) >= 2**63 or moment.tzinfo is None:
            raise ValueError(text)
        return Cursor(moment, int(number))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise unreadable("cursor", "no answer gave it") from None


# --- Earlier values -----------------------------------------------------------------------------


def history(call: Call) -> dict[str, Any]:
    """Answer the profile with every value that its details, properties and sessions ever had."""
    if not asks_for_one(call):
        raise ApiError('Missing parameter "uid" or "did"')
    user = named_user(call)
    if user is None:
        raise ApiError("User not found")
    period = asked_period(call)
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for change in [*detail_changes(user.id, DETAILS), *custom_changes(user.id)]:
        if _is_in(change, period):
            found[_COUNTLY_NAMES.get(change.name, change.name)][_as_key(change.value)] = True
    sessions_meant = Session.objects.filter(_started(period), user_id=user.id)
    for column, name in _SESSION_FACTS.items():
        if not masking.current().shows(column):
            continue
        values = sessions_meant.exclude(**{column: None}).order_by().values_list(column, flat=True).distinct()
        for value in values[:MOST_ROWS]:
            found[name][str(value)] = True
    return user_document(call.app, user, call.now) | {"history": found}


def _is_in(change: PropertyChange, period: Period | None) -> bool:
    return change.value is not None and (period is None or period.start <= change.changed_at < period.end)


def _as_key(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


REPORTS: Final[Mapping[str, Callable[[Call], dict[str, Any]]]] = {
    "graph": graph,
    "sessions": sessions,
    "eventsTable": events_table,
    "history": history,
}


# --- Loyalty ------------------------------------------------------------------------------------


def loyalty(
    users: QuerySet[AppUser], app: App, now: datetime, bounds: Sequence[tuple[int, int | None, str]]
) -> dict[str, list[dict[str, Any]]]:
    """Count users by their number of sessions, in all and by when they were last seen. Three queries."""
    bucket = Case(
        *(
            When(
                Q(activity__sessions_count__gte=least)
                & (Q() if most is None else Q(activity__sessions_count__lte=most)),
                then=Value(index),
            )
            for index, (least, most, _) in enumerate(bounds)
        ),
        output_field=IntegerField(),
    )
    clock = scope_of(app).clock
    seen = {"all": Q(), "7days": _seen(7, clock), "30days": _seen(30, clock)}
    counted: dict[str, list[dict[str, Any]]] = {}
    for name, condition in seen.items():
        rows = users.filter(condition, activity__sessions_count__gte=1).annotate(loyalty=bucket).values_list("loyalty")
        by_index = dict(rows.annotate(users=Count("id")).order_by("loyalty"))
        counted[name] = [
            {"_id": bounds[index][2], "count": users_count, "index": index} for index, users_count in by_index.items()
        ]
    return counted


def _seen(days: int, clock: Any) -> Q:
    return Q(activity__last_seen_at__gte=first_of(days, clock))
