"""Events of one request: keys, numbers and segmentation made clean, Countly's reserved keys told apart."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.wire.clock import Clock
from ingest.wire.limits import INT32_MAX, Limits, Note, Notes
from ingest.wire.segmentation import read_segmentation
from ingest.wire.values import (
    JsonValue,
    UnreadableError,
    as_integer,
    as_number,
    as_text,
    is_absent,
    is_truthy,
    json_text,
    read_list,
    without_nul,
)

RESERVED_START: Final = "[CLY]_"
VIEW: Final = "[CLY]_view"
ACTION: Final = "[CLY]_action"
ORIENTATION: Final = "[CLY]_orientation"
STAR_RATING: Final = "[CLY]_star_rating"
NPS: Final = "[CLY]_nps"
SURVEY: Final = "[CLY]_survey"
PUSH_ACTION: Final = "[CLY]_push_action"

_KEY_RUBBISH: Final = re.compile(r"system\.|\.\.|\$")
_MESSAGE_ID_LENGTH: Final = 24
_SUM_DECIMALS: Final = 5
_UNDEFINED: Final = "undefined"
# What a rating says when its SDK does not; Countly's own word, which its API shows.
_RATING_FIELDS: Final = ("platform", "app_version", "widget_id", "rating")
_LOWEST_PASSIVE: Final = 7
_LOWEST_PROMOTER: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the user's history: a custom event, a visited view, or one of Countly's own kinds."""

    key: str
    at: datetime
    count: int = 1
    sum: float | None = None
    duration_seconds: float | None = None
    segmentation: dict[str, JsonValue]
    hour: int | None = None
    """Hour of the user's local day, 0 to 23."""
    weekday: int | None = None
    """Day of the user's local week, 0 = Sunday."""
    event_id: str = ""
    view_id: str = ""
    """Of a view: this visit's own id, which its `ViewLeft` repeats."""
    previous_view_id: str = ""
    current_view_id: str = ""
    previous_event_id: str = ""

    @property
    def is_view(self) -> bool:
        """Tell whether this is a visited view."""
        return self.key == VIEW

    @property
    def is_custom(self) -> bool:
        """Tell whether the app's own developer named this event."""
        return not self.key.startswith(RESERVED_START)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLeft:
    """A view that was open is closed: its time belongs to the visit with this id, else to the latest of this name."""

    at: datetime
    view_id: str
    name: str
    seconds: int


@dataclass(frozen=True, slots=True)
class EventList:
    """What `events` says."""

    events: tuple[Event, ...] = ()
    views_left: tuple[ViewLeft, ...] = ()
    orientation: str | None = None


NO_EVENTS: Final = EventList()


def read_events(value: JsonValue, clock: Clock, limits: Limits, notes: Notes) -> EventList:
    """Read `events`. One that is no good loses only itself."""
    if is_absent(value):
        return NO_EVENTS
    try:
        items = read_list(value)
    except UnreadableError:
        notes.add(Note.EVENTS_UNREADABLE)
        return NO_EVENTS
    if len(items) > limits.events:
        notes.add(Note.EVENTS_OVER_LIMIT, len(items) - limits.events)
        items = items[: limits.events]
    events: list[Event] = []
    views_left: list[ViewLeft] = []
    orientation: str | None = None
    for item in items:
        if not isinstance(item, dict):
            notes.add(Note.EVENT_UNREADABLE)
            continue
        key = _read_key(item.get("key"), limits, notes)
        if not key:
            continue
        segmentation = read_segmentation(item.get("segmentation"), limits, notes)
        if key.startswith(RESERVED_START):
            if key == ORIENTATION:
                orientation = as_text(segmentation.get("mode"))[: limits.metric] or orientation
                continue
            if key == VIEW and not is_truthy(segmentation.get("visit")):
                left = _read_view_left(item, segmentation, clock, limits, notes)
                views_left.extend([left] if left else [])
                continue
            key = _prepare_reserved(key, item, segmentation, limits, notes)
            if not key:
                continue
        events.append(_read_event(key, item, segmentation, clock, limits, notes))
    return EventList(tuple(events), tuple(views_left), orientation)


def _read_key(value: JsonValue, limits: Limits, notes: Notes) -> str:
    """Give a clean key, or nothing where the event must go."""
    if value is None or value == "":
        notes.add(Note.EVENT_KEY_MISSING)
        return ""
    key = value if isinstance(value, str) else json_text(value, limits)
    if "." in key or "$" in key:
        key = _KEY_RUBBISH.sub("", key)
    key = without_nul(key)
    if not key:
        notes.add(Note.EVENT_KEY_MISSING)
    elif len(key) > limits.event_key:
        notes.add(Note.EVENT_KEY_TOO_LONG)
        return ""
    return key


def _read_event(
    key: str,
    item: dict[str, JsonValue],
    segmentation: dict[str, JsonValue],
    clock: Clock,
    limits: Limits,
    notes: Notes,
) -> Event:
    get = item.get
    event_id = _read_id(get("id"), limits)
    view_id = ""
    if key == VIEW:
        # Who enters a view has spent no time there: zero says nothing yet.
        duration: float | None = _read_view_seconds(item, segmentation, limits, notes) or None
        view_id = _read_id(segmentation.pop("_idv", None), limits) or event_id
    else:
        duration = _read_duration(get("dur"), limits, notes)
    return Event(
        key=key,
        at=clock.event_time(get("timestamp"), notes),
        count=_read_count(get("count")),
        sum=_read_sum(get("sum"), limits, notes),
        duration_seconds=duration,
        segmentation=segmentation,
        hour=clock.event_hour(get("hour")),
        weekday=clock.event_weekday(get("dow")),
        event_id=event_id,
        view_id=view_id,
        previous_view_id=_read_id(get("pvid"), limits),
        current_view_id=_read_id(get("cvid"), limits),
        previous_event_id=_read_id(get("peid"), limits),
    )


def _read_id(value: JsonValue, limits: Limits) -> str:
    return as_text(value)[: limits.event_id] if value else ""


def _read_count(value: JsonValue) -> int:
    if value == 1:
        return 1
    count = as_integer(value)
    return 1 if count is None or count < 1 else min(count, INT32_MAX)


def _read_sum(value: JsonValue, limits: Limits, notes: Notes) -> float | None:
    if value is None or value == "":
        return None
    number = as_number(value)
    if number is None or abs(number) > limits.number:
        notes.add(Note.EVENT_NUMBER_UNUSABLE)
        return None
    return round(float(number), _SUM_DECIMALS)


def _read_duration(value: JsonValue, limits: Limits, notes: Notes) -> float | None:
    if value is None or value == "":
        return None
    number = as_number(value)
    if number is None or not 0 <= number <= limits.number:
        notes.add(Note.EVENT_NUMBER_UNUSABLE)
        return None
    return float(number)


def _read_view_seconds(
    item: dict[str, JsonValue], segmentation: dict[str, JsonValue], limits: Limits, notes: Notes
) -> int | None:
    """Give a view's rounded duration, from the event or from its segmentation."""
    value = item.get("dur")
    if value is None:
        value = segmentation.get("dur")
    if value is None or value == "":
        return None
    number = as_number(value)
    if number is None or not 0 <= number <= limits.view_seconds:
        notes.add(Note.VIEW_SECONDS_UNUSABLE)
        return 0
    return round(number)


def _read_view_left(
    item: dict[str, JsonValue], segmentation: dict[str, JsonValue], clock: Clock, limits: Limits, notes: Notes
) -> ViewLeft | None:
    view_id = _read_id(segmentation.get("_idv"), limits) or _read_id(item.get("id"), limits)
    name = as_text(segmentation.get("name"))[: limits.view_name]
    if not view_id and not name:
        notes.add(Note.VIEW_NAME_MISSING)
        return None
    return ViewLeft(
        at=clock.event_time(item.get("timestamp"), notes),
        view_id=view_id,
        name=name,
        seconds=_read_view_seconds(item, segmentation, limits, notes) or 0,
    )


def _prepare_reserved(
    key: str, item: dict[str, JsonValue], segmentation: dict[str, JsonValue], limits: Limits, notes: Notes
) -> str:
    """Give the key under which one of Countly's own events is kept, its segmentation completed; else nothing."""
    if key == VIEW:
        name = as_text(segmentation.get("name"))[: limits.view_name]
        if not name:
            notes.add(Note.VIEW_NAME_MISSING)
            return ""
        segmentation["name"] = name
        return key
    if key == ACTION:
        return key
    if key == STAR_RATING:
        for field in _RATING_FIELDS:
            segmentation.setdefault(field, _UNDEFINED)
        return key
    if key in (NPS, SURVEY):
        return _prepare_feedback(key, segmentation)
    if key == PUSH_ACTION:
        message_id = segmentation.get("i")
        if (
            _read_count(item.get("count")) != 1
            or not isinstance(message_id, str)
            or len(message_id) != _MESSAGE_ID_LENGTH
        ):
            notes.add(Note.PUSH_ACTION_UNUSABLE)
            return ""
        segmentation["b"] = as_integer(segmentation.get("b")) or 0
        return key
    notes.add(Note.EVENT_KEY_RESERVED)
    return ""


def _prepare_feedback(key: str, segmentation: dict[str, JsonValue]) -> str:
    answered = any(name in ("rating", "comment", "closed") or name.startswith("answ-") for name in segmentation)
    if is_truthy(segmentation.get("shown")) and not answered:
        return key + "_shown"
    rating = as_integer(segmentation.get("rating"))
    if key == NPS and rating is not None:
        passive = "passive" if rating < _LOWEST_PROMOTER else "promoter"
        segmentation["type"] = "detractor" if rating < _LOWEST_PASSIVE else passive
    return key
