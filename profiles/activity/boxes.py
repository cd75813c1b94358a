"""What the boxes about activity show: Timeline, Session history, Event timeline.

Crashes are above this subject: those who compose a page hand in how to read them, as `Incidents`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from profiles.access.models import App
from profiles.activity import buckets, charts, querysets
from profiles.activity.buckets import Bucket, Unit
from profiles.activity.charts import Chart
from profiles.activity.happenings import EVENT_ORDER, Happening, Kind, Row, chips_of, event_name, in_order, with_gaps
from profiles.activity.models import Event, Session
from profiles.activity.querysets import EVENTS_COUNTED, EVENTS_PER_PAGE, Cursor, Span
from profiles.users.models import AppUser
from profiles.users.values import number_text

ROWS_OF_TABLE = 60  # of the timeline read as a table: the newest that are not empty

OUTSIDE = "outside"
ALL = "all"


class Incidents(Protocol):
    """How to read what happened to a user beside events: crashes. Ids are of the events' kind."""

    def counts(self, user_id: UUID, spans: Sequence[Span]) -> list[int]:
        """Return how many happened in each closed span."""

    def of_span(self, user_id: UUID, span: Span, after: Cursor | None, limit: int) -> list[Happening]:
        """Return those of a span, oldest first, from after a cursor on."""

    def newest(self, user_id: UUID, before: Cursor | None, limit: int) -> list[Happening]:
        """Return the newest ones, newest first, from before a cursor on."""

    def of_spans(self, user_id: UUID, spans: Sequence[Span], before: Cursor | None, limit: int) -> list[Happening]:
        """Return those in any of the spans, newest first, from before a cursor on."""


# --- Timeline -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TimelineBox:
    """Sessions and events per hour, day, week or month of the app's time zone."""

    unit: Unit
    units: tuple[Unit, ...]
    zone: str
    buckets: list[Bucket]
    chart: Chart
    sessions: int
    events: int
    is_cut: bool

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing ever happened in the range."""
        return not self.sessions and not self.events

    @property
    def newest_buckets(self) -> list[Bucket]:
        """Return the buckets of the table: the newest that are not empty."""
        return [bucket for bucket in reversed(self.buckets) if not bucket.is_empty][:ROWS_OF_TABLE]

    @property
    def left_out(self) -> int:
        """Return how many buckets with something in them the table leaves out."""
        return sum(not bucket.is_empty for bucket in self.buckets) - len(self.newest_buckets)

    @property
    def data(self) -> dict[str, Any]:
        """Return what the script draws from."""
        return {
            "unit": str(self.unit),
            "labels": [bucket.label for bucket in self.buckets],
            "ticks": [bucket.tick for bucket in self.buckets],
            "sessions": [bucket.sessions for bucket in self.buckets],
            "events": [bucket.events for bucket in self.buckets],
        }


def timeline_box(app: App, user: AppUser, now: datetime, unit: Unit | None = None) -> TimelineBox:
    """Read the timeline in one query. Without a unit, everything is shown in bars that can be told apart."""
    zone = ZoneInfo(app.timezone)
    today = now.astimezone(zone).date()
    is_cut = False
    if unit == Unit.HOUR:
        rows = _hours(app, user, now, zone)
        is_cut = sum(bucket.events for bucket in rows) >= querysets.ROWS_PER_HOURS
    else:
        totals = {on: (sessions, events) for on, sessions, events, _ in querysets.daily_totals(user.id)}
        unit = unit or buckets.unit_for(min([*totals, today]), today)
        is_cut = unit == Unit.DAY and bool(totals) and (today - min(totals)).days >= buckets.MOST_BUCKETS
        rows = _DRAWN_BY[unit](totals, today)
    return TimelineBox(
        unit,
        tuple(Unit),
        app.timezone,
        rows,
        charts.draw(rows),
        sum(bucket.sessions for bucket in rows),
        sum(bucket.events for bucket in rows),
        is_cut,
    )


_DRAWN_BY: dict[Unit, Callable[[dict[date, tuple[int, int]], date], list[Bucket]]] = {
    Unit.DAY: buckets.by_day,
    Unit.WEEK: buckets.by_week,
    Unit.MONTH: buckets.by_month,
}


def _hours(app: App, user: AppUser, now: datetime, zone: ZoneInfo) -> list[Bucket]:
    """Return the week of hours that ends with the last hour in which the user was seen."""
    seen_at = user.activity.last_seen_at or now
    local = min(seen_at, now).astimezone(zone)
    last = local.replace(minute=0, second=0, microsecond=0, fold=local.fold)
    first = last.astimezone(UTC) - timedelta(hours=querysets.HOURS_READ - 1)
    totals = querysets.hourly_totals(user.id, app.timezone, first)
    return buckets.by_hour(totals, first, querysets.HOURS_READ, zone)


# --- Session history ----------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionLine:
    """One session as its row shows it."""

    id: int
    started_at: datetime
    ended_at: datetime | None
    last_signal_at: datetime
    seconds: int
    bar: str
    events: int
    events_text: str
    crashes: int
    app_version: str | None
    device: str | None
    country: str | None
    city: str | None
    is_chosen: bool
    is_open: bool


@dataclass(frozen=True)
class SessionHistoryBox:
    """A page of a user's sessions, newest first, one of them chosen."""

    lines: list[SessionLine]
    total: int
    newer: str
    older: str
    chosen: str


def cursor_text(cursor: Cursor) -> str:
    """Return a cursor as an address carries it: microseconds, id and kind."""
    micros = (cursor.at - _EPOCH) // timedelta(microseconds=1)
    return f"{micros}.{cursor.id}.{cursor.kind}"


def read_cursor(text: str) -> Cursor | None:
    """Return the cursor that an address carries; None for any text that `cursor_text` would not have made."""
    parts = text.split(".")
    if len(parts) != 3 or any(len(part) > _LONGEST_NUMBER for part in parts):
        return None
    try:
        micros, id, kind = map(int, parts)
        at = _EPOCH + timedelta(microseconds=micros)
    except (ValueError, OverflowError):
        return None
    return Cursor(at, id, kind) if abs(id) < 2**63 else None


def moment_text(at: datetime) -> str:
    """Return a moment as an address carries it: microseconds."""
    return str((at - _EPOCH) // timedelta(microseconds=1))


def read_moment(text: str) -> datetime | None:
    """Return the moment that an address carries; None for any other text."""
    cursor = read_cursor(f"{text}.0.0")
    return cursor.at if cursor else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NUMBER = 20


def session_history_box(
    user: AppUser,
    now: datetime,
    incidents: Incidents,
    *,
    chosen: str = "",
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
) -> SessionHistoryBox:
    """Read a page of sessions in three queries, two more where the chosen one is on another page.

    `chosen` is a session's id, ALL, OUTSIDE, or nothing: the newest. Without cursors the page is the newest, or the one
    that the chosen session leads.
    """
    page = querysets.session_page(user.id, older_than=older_than, newer_than=newer_than)
    chosen_id = _session_id(chosen)
    has_cursor = older_than is not None or newer_than is not None
    if chosen_id is not None and not has_cursor and all(session.id != chosen_id for session in page.sessions):
        session = querysets.session_by_id(user.id, chosen_id)
        if session is not None:
            page = querysets.session_page(user.id, older_than=Cursor(session.started_at, session.id + 1))
    if not chosen and page.sessions and not has_cursor:
        chosen_id = page.sessions[0].id
    sessions = page.sessions
    spans = [querysets.span_of(session) for session in sessions]
    events = querysets.count_events(user.id, spans)
    crashes = incidents.counts(user.id, spans)
    longest = max((session.duration_seconds for session in sessions), default=0)
    lines = [
        _session_line(session, now, longest, events[index], crashes[index], is_chosen=session.id == chosen_id)
        for index, session in enumerate(sessions)
    ]
    return SessionHistoryBox(
        lines,
        user.activity.sessions_count,
        cursor_text(Cursor(sessions[0].started_at, sessions[0].id)) if sessions and page.has_newer else "",
        cursor_text(Cursor(sessions[-1].started_at, sessions[-1].id)) if sessions and page.has_older else "",
        chosen or (str(chosen_id) if chosen_id is not None else ""),
    )


def _session_line(
    session: Session, now: datetime, longest: int, events: int, crashes: int, *, is_chosen: bool
) -> SessionLine:
    part = session.duration_seconds / longest if longest else 0
    return SessionLine(
        id=session.id,
        started_at=session.started_at,
        ended_at=session.ended_at,
        last_signal_at=session.last_signal_at,
        seconds=session.duration_seconds,
        bar=f"{part:.3f}",
        events=events,
        events_text=f"{EVENTS_COUNTED:,}+" if events > EVENTS_COUNTED else f"{events:,}",
        crashes=crashes,
        app_version=session.app_version,
        device=session.device,
        country=session.country,
        city=session.city,
        is_chosen=is_chosen,
        is_open=_is_open(session, now),
    )


def _is_open(session: Session, now: datetime) -> bool:
    end = querysets.span_of(session).end
    return session.ended_at is None and end is not None and now < end


def _session_id(text: str) -> int | None:
    if not text.isdecimal() or len(text) >= _LONGEST_NUMBER or not text.isascii():
        return None
    return int(text)


# --- Event timeline -----------------------------------------------------------------------------


@dataclass(frozen=True)
class EventTimelineBox:
    """What happened in the chosen session, outside of all sessions, or ever.

    A session reads from its start on; the two others from the newest back.
    """

    chosen: str
    session: Session | None
    is_missing: bool
    rows: list[Row]
    first: str
    next: str
    is_open: bool

    @property
    def is_outside(self) -> bool:
        """Tell whether this shows what belongs to no session."""
        return self.chosen == OUTSIDE

    @property
    def is_all(self) -> bool:
        """Tell whether this shows everything."""
        return self.chosen == ALL

    @property
    def is_dated(self) -> bool:
        """Tell whether rows lie on several days."""
        return self.session is None


def event_timeline_box(
    user: AppUser, now: datetime, incidents: Incidents, *, chosen: str = "", cursor: Cursor | None = None
) -> EventTimelineBox:
    """Read a page of what happened, in three queries at most for a session, five for what is outside of any."""
    if chosen == OUTSIDE:
        return _outside(user, incidents, cursor)
    if chosen == ALL:
        return _all(user, incidents, cursor)
    chosen_id = _session_id(chosen)
    session = querysets.newest_session(user.id) if chosen_id is None else querysets.session_by_id(user.id, chosen_id)
    if session is None and chosen_id is None:
        return _all(user, incidents, cursor)
    if session is None:
        return EventTimelineBox(chosen, None, is_missing=True, rows=[], first="", next="", is_open=False)
    return _session(user, now, session, incidents, cursor)


def _session(
    user: AppUser, now: datetime, session: Session, incidents: Incidents, cursor: Cursor | None
) -> EventTimelineBox:
    span = querysets.span_of(session)
    limit = EVENTS_PER_PAGE + 1
    events = querysets.events_of_span(user.id, span, after=cursor, limit=limit)
    found = in_order([*map(event_happening, events), *incidents.of_span(user.id, span, cursor, limit)])
    shown, next_cursor = _cut(found)
    last_at = shown[-1].at if shown else session.started_at
    if cursor is None:
        shown.insert(0, session_started(session))
    ended_at = session.ended_at
    if ended_at is not None and (cursor is None or ended_at >= cursor.at) and (not next_cursor or ended_at < last_at):
        shown = _with_end(shown, session, ended_at)
    return EventTimelineBox(
        chosen=str(session.id),
        session=session,
        is_missing=False,
        rows=with_gaps(shown, since=cursor.at if cursor else None),
        first="" if cursor is None else "first",
        next=next_cursor,
        is_open=_is_open(session, now),
    )


def _with_end(shown: list[Happening], session: Session, ended_at: datetime) -> list[Happening]:
    """Put the end where it happened: what came up to fifteen seconds later still belongs to the session."""
    position = sum(one.kind == Kind.STARTED or one.at <= ended_at for one in shown)
    end = Happening(kind=Kind.ENDED, at=ended_at, id=session.id, name="Session ended")
    return [*shown[:position], end, *shown[position:]]


def _all(user: AppUser, incidents: Incidents, cursor: Cursor | None) -> EventTimelineBox:
    limit = EVENTS_PER_PAGE + 1
    events = querysets.newest_events(user.id, before=cursor, limit=limit)
    found = in_order([*map(event_happening, events), *incidents.newest(user.id, cursor, limit)], newest_first=True)
    shown, next_cursor = _cut(found)
    return _newest_first(ALL, shown, next_cursor, cursor)


def _outside(user: AppUser, incidents: Incidents, cursor: Cursor | None) -> EventTimelineBox:
    limit = EVENTS_PER_PAGE + 1
    gaps = querysets.gaps(user.id, before=cursor.at if cursor else None)
    events = querysets.events_outside(user.id, gaps.spans, before=cursor, limit=limit)
    others = incidents.of_spans(user.id, gaps.spans, cursor, limit)
    shown, next_cursor = _cut(in_order([*map(event_happening, events), *others], newest_first=True))
    if not next_cursor and gaps.older is not None:
        next_cursor = cursor_text(Cursor(gaps.older, -1))
    return _newest_first(OUTSIDE, shown, next_cursor, cursor)


def _newest_first(chosen: str, shown: list[Happening], next_cursor: str, cursor: Cursor | None) -> EventTimelineBox:
    # Gaps read against time: each row says how long after the row below it happened.
    below = [*(one.at for one in shown[1:]), None][: len(shown)]
    rows = [
        Row(one, "" if earlier is None else with_gaps([one], since=earlier)[0].gap)
        for one, earlier in zip(shown, below, strict=True)
    ]
    first = "" if cursor is None else "first"
    return EventTimelineBox(chosen, None, is_missing=False, rows=rows, first=first, next=next_cursor, is_open=False)


def _cut(found: list[Happening]) -> tuple[list[Happening], str]:
    """Return one page of rows, and the cursor of the next page, empty when this is the last."""
    shown = found[:EVENTS_PER_PAGE]
    if len(found) <= EVENTS_PER_PAGE:
        return shown, ""
    return shown, cursor_text(Cursor(shown[-1].at, shown[-1].id, shown[-1].order))


def event_happening(event: Event) -> Happening:
    """Return an event, read with its key, as a row."""
    key = event.key.key
    kind, name = event_name(key, event.segmentation)
    return Happening(
        kind=kind,
        at=event.occurred_at,
        id=event.id,
        order=EVENT_ORDER,
        name=name,
        key=key,
        received_at=event.received_at,
        count=event.count,
        sum="" if not event.sum else number_text(event.sum),
        duration_seconds=event.duration_seconds or None,
        chips=chips_of(kind, event.segmentation),
    )


def session_started(session: Session, *, order: int = EVENT_ORDER, url: str = "") -> Happening:
    """Return the beginning of a session as a row."""
    facts = {"app": session.app_version, "platform": session.platform, "device": session.device}
    return Happening(
        kind=Kind.STARTED,
        at=session.started_at,
        id=session.id,
        order=order,
        name="Session started",
        url=url,
        duration_seconds=session.duration_seconds if url else None,
        chips=chips_of(Kind.STARTED, {name: value for name, value in facts.items() if value}),
    )
