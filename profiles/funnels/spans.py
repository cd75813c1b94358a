"""Days that a report is about, and the buckets that its trend is drawn in. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

_MOST_DAYS: Final = 62  # in a trend by the day
_MOST_WEEKS: Final = 60


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the app's time zone, both inclusive; None: since ever, or until ever."""

    first: date | None = None
    last: date | None = None

    def clipped(self, first: date, last: date) -> "Span":
        """Return the part of some days that lies in this span."""
        return Span(max(first, self.first or first), min(last, self.last or last))


ALWAYS: Final = Span()


class Unit(StrEnum):
    """What one column of a trend stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @classmethod
    def fitting(cls, days: int) -> "Unit":
        """Return the finest unit whose columns can be told apart."""
        if days <= _MOST_DAYS:
            return cls.DAY
        return cls.WEEK if days <= _MOST_WEEKS * 7 else cls.MONTH

    def start(self, on: date) -> date:
        """Return the first day of the bucket that a day is in; weeks begin on Monday."""
        if self is Unit.DAY:
            return on
        return on - timedelta(days=on.weekday()) if self is Unit.WEEK else on.replace(day=1)

    def after(self, start: date) -> date:
        """Return the first day of the next bucket."""
        if self is Unit.MONTH:
            return self.start(start + timedelta(days=31))
        return start + timedelta(days=1 if self is Unit.DAY else 7)

    def buckets(self, first: date, last: date) -> Iterator[tuple[date, date]]:
        """Give every bucket with a day between these, by its first and last day."""
        start = self.start(first)
        while start <= last:
            following = self.after(start)
            yield start, following - timedelta(days=1)
            start = following
