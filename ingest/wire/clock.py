"""Time as a device tells it: stamps of requests and events, its local hour and weekday, its time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import JsonValue, as_integer, as_number, is_absent

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SECONDS_DIGITS: Final = 10
_MILLISECONDS_DIGITS: Final = 13
_FIRST_IN_SECONDS: Final = 10 ** (_SECONDS_DIGITS - 1)
_FIRST_IN_MILLISECONDS: Final = 10 ** (_MILLISECONDS_DIGITS - 1)
# UTC-12 to UTC+14.
_WESTMOST_MINUTES: Final = -12 * 60
_EASTMOST_MINUTES: Final = 14 * 60
_LAST_HOUR: Final = 23
_LAST_WEEKDAY: Final = 6


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of one request, and what its device's clock needs to be put right."""

    received_at: datetime
    at: datetime
    stamped_at: datetime | None
    skew_ms: int
    """How far the device is ahead; never negative, because a request may be late for many good reasons."""
    latest_ms: int
    earliest_ms: int
    hour: int | None
    weekday: int | None
    timezone_minutes: int | None

    @property
    def skew(self) -> timedelta:
        """How far the device's clock is ahead of ours."""
        return timedelta(milliseconds=self.skew_ms)

    def event_time(self, stamp: JsonValue, notes: Notes) -> datetime:
        """Give the time of an event: its own stamp put right, else the time of its request."""
        milliseconds = read_stamp(stamp)
        if milliseconds is None:
            if not is_absent(stamp):
                notes.add(Note.EVENT_TIME_UNUSABLE)
            return self.at
        milliseconds -= self.skew_ms
        if milliseconds >= self.latest_ms:
            return self.received_at
        return _EPOCH + timedelta(milliseconds=max(milliseconds, self.earliest_ms))

    def event_hour(self, value: JsonValue) -> int | None:
        """Give an event's hour of the user's day: its own, else its request's."""
        hour = _read_hour(value)
        return self.hour if hour is None else hour

    def event_weekday(self, value: JsonValue) -> int | None:
        """Give an event's day of the user's week: its own, else its request's."""
        weekday = _read_weekday(value)
        return self.weekday if weekday is None else weekday


def read_clock(values: dict[str, JsonValue], received_at: datetime, limits: Limits, notes: Notes) -> Clock:
    """Read `timestamp`, `hour`, `dow` and `tz` of a request.

    A stamp in the future means that the device's clock is ahead: the request happened now, and every event in it that
    much earlier than it says. The past is believed as far as `limits.earliest`.
    """
    get = values.get
    latest_ms = (received_at - _EPOCH) // _MILLISECOND
    earliest_ms = (limits.earliest - _EPOCH) // _MILLISECOND
    milliseconds = read_stamp(get("timestamp"))
    at = received_at
    stamped_at = None
    skew_ms = 0
    if milliseconds is not None:
        stamped_at = at = _EPOCH + timedelta(milliseconds=milliseconds)
        if milliseconds > latest_ms:
            notes.add(Note.TIMESTAMP_IN_FUTURE)
            at, skew_ms = received_at, milliseconds - latest_ms
        elif milliseconds < earliest_ms:
            notes.add(Note.TIMESTAMP_TOO_OLD)
            at = limits.earliest
    elif not is_absent(get("timestamp")):
        notes.add(Note.TIMESTAMP_UNUSABLE)
    return Clock(
        received_at,
        at,
        stamped_at,
        skew_ms,
        latest_ms,
        earliest_ms,
        _read_hour(get("hour")),
        _read_weekday(get("dow")),
        _read_timezone(get("tz"), notes),
    )


def read_stamp(value: JsonValue) -> int | None:
    """Read a stamp of 10 digits (seconds) or 13 digits (milliseconds) as milliseconds; None for anything else.

    Digits are counted after rounding: text `1732000000.5` is a stamp in seconds.
    """
    number = as_number(value)
    if number is None or number <= 0:
        return None
    rounded = round(number)
    if _FIRST_IN_MILLISECONDS <= rounded < _FIRST_IN_MILLISECONDS * 10:
        return rounded
    return round(number * 1000) if _FIRST_IN_SECONDS <= rounded < _FIRST_IN_SECONDS * 10 else None


def _read_hour(value: JsonValue) -> int | None:
    """Read an hour of the day; 24 is midnight."""
    hour = as_integer(value)
    if hour is None or not 0 <= hour <= _LAST_HOUR + 1:
        return None
    return hour % (_LAST_HOUR + 1)


def _read_weekday(value: JsonValue) -> int | None:
    """Read a day of the week, 0 = Sunday; 7 is Sunday too."""
    weekday = as_integer(value)
    if weekday is None or not 0 <= weekday <= _LAST_WEEKDAY + 1:
        return None
    return weekday % (_LAST_WEEKDAY + 1)


def _read_timezone(value: JsonValue, notes: Notes) -> int | None:
    """Read minutes east of UTC."""
    if is_absent(value):
        return None
    minutes = as_integer(value)
    if minutes is None or not _WESTMOST_MINUTES <= minutes <= _EASTMOST_MINUTES:
        notes.add(Note.TIMEZONE_UNUSABLE)
        return None
    return minutes
