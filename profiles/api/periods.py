"""Periods and buckets, as Countly's API writes them. Pure. Days are those of the app's time zone."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

_DAYS: Final = re.compile(r"([1-9][0-9]{0,3})days")
_YEAR_9999: Final = 253_402_300_799_000  # ms


class PeriodError(ValueError):
    """A text that is no period."""


class Bucket(StrEnum):
    """What one entry of a graph adds up."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    def key(self, on: date, hour: int = 0) -> str:
        """Return the name of the bucket that a day, or an hour of it, is in; numbers have no leading zeros."""
        match self:
            case Bucket.HOURLY:
                return f"{on.year}:{on.month}:{on.day}:{hour}"
            case Bucket.DAILY:
                return f"{on.year}:{on.month}:{on.day}"
            case Bucket.WEEKLY:
                year, week, _ = on.isocalendar()
                return f"{year}:W{week}"
            case Bucket.MONTHLY:
                return f"{on.year}:{on.month}"


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both inclusive, and the moments [start, end) that they are."""

    first: date
    last: date
    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        """How many days it touches."""
        return (self.last - self.first).days + 1


def read_period(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """Read a period; None for an empty text, which is all time. Raises PeriodError."""
    text = text.strip()
    if not text:
        return None
    today = now.astimezone(zone).date()
    if match := _DAYS.fullmatch(text):
        return _of_days(today - timedelta(days=int(match[1]) - 1), today, zone)
    match text:
        case "today" | "day" | "hour":
            return _of_days(today, today, zone)
        case "yesterday":
            return _of_days(today - timedelta(days=1), today - timedelta(days=1), zone)
        case "month":
            return _of_days(today.replace(day=1), today, zone)
        case "prevMonth":
            last = today.replace(day=1) - timedelta(days=1)
            return _of_days(last.replace(day=1), last, zone)
        case "year":
            return _of_days(today.replace(month=1, day=1), today, zone)
        case _:
            return _of_moments(text, now, zone)


def _of_days(first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(first, last, _midnight(first, zone), _midnight(last + timedelta(days=1), zone))


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time.min, tzinfo=zone).astimezone(UTC)


def _of_moments(text: str, now: datetime, zone: ZoneInfo) -> Period:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise PeriodError("it is no period such as 7days, month or [from, to] in milliseconds") from None
    ends = [value.get("since"), now.timestamp() * 1000] if isinstance(value, dict) else value
    if not isinstance(ends, list) or len(ends) != 2 or not all(_is_moment(end) for end in ends) or ends[0] > ends[1]:
        raise PeriodError("a period of two moments is [from, to] in milliseconds")
    start, end = (datetime.fromtimestamp(moment / 1000, tz=UTC) for moment in ends)
    return Period(start.astimezone(zone).date(), end.astimezone(zone).date(), start, end + timedelta(milliseconds=1))


def _is_moment(value: object) -> bool:
    # A day from either end of the calendar, so that no time zone leads beyond it.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _YEAR_9999 - 86_400_000
