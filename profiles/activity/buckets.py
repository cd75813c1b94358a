"""Time cut into hours, days, weeks and months of one time zone, each with its totals. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

FEWEST_DAYS: Final = 30  # so that the first day of a user is not one bar as wide as the page
MOST_DAYS_BY_DAY: Final = 184  # bars of days are still wide enough to point at
MOST_DAYS_BY_WEEK: Final = 3 * 366
MOST_BUCKETS: Final = 1200
FEWEST_WEEKS: Final = 12
FEWEST_MONTHS: Final = 12

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


class Unit(StrEnum):
    """How long a bucket is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The totals of one stretch of time: its words (`label` whole, `tick` short) and its numbers."""

    label: str
    tick: str
    sessions: int
    events: int

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing happened in it."""
        return not self.sessions and not self.events


Totals = tuple[int, int]  # sessions, events


def unit_for(first: date, last: date) -> Unit:
    """Return the unit that shows everything between two days in bars that can still be told apart."""
    days = (last - first).days + 1
    if days <= MOST_DAYS_BY_DAY:
        return Unit.DAY
    return Unit.WEEK if days <= MOST_DAYS_BY_WEEK else Unit.MONTH


def by_day(totals: Mapping[date, Totals], last: date) -> list[Bucket]:
    """Return one bucket a day, from the first day with totals to `last`, at least FEWEST_DAYS."""
    first = min([*totals, last - (FEWEST_DAYS - 1) * DAY])
    first = max(first, last - (MOST_BUCKETS - 1) * DAY)
    last = max([*totals, last])
    return [
        Bucket(f"{on:%a} {on.day} {on:%b %Y}", f"{on.day} {on:%b}", *totals.get(on, (0, 0)))
        for on in _steps(first, last, DAY)
    ]


def by_week(totals: Mapping[date, Totals], last: date) -> list[Bucket]:
    """Return one bucket a week, Monday to Sunday, at least FEWEST_WEEKS."""
    last_week = monday(max([*totals, last]))
    sums = _summed((monday(on), counts) for on, counts in totals.items())
    first = min([*sums, last_week - (FEWEST_WEEKS - 1) * 7 * DAY])
    return [
        Bucket(f"Week of {on.day} {on:%b %Y}", f"{on.day} {on:%b}", *sums.get(on, (0, 0)))
        for on in _steps(first, last_week, 7 * DAY)
    ]


def by_month(totals: Mapping[date, Totals], last: date) -> list[Bucket]:
    """Return one bucket a month, at least FEWEST_MONTHS."""
    last_month = max([*totals, last]).replace(day=1)
    sums = _summed((on.replace(day=1), counts) for on, counts in totals.items())
    start = last_month
    for _ in range(FEWEST_MONTHS - 1):
        start = (start - DAY).replace(day=1)
    start = min([*sums, start])
    buckets = []
    while start <= last_month:
        tick = f"{start:%b %Y}" if start.month == 1 else f"{start:%b}"
        buckets.append(Bucket(f"{start:%B %Y}", tick, *sums.get(start, (0, 0))))
        start = (start + 31 * DAY).replace(day=1)
    return buckets


def by_hour(totals: Iterable[tuple[datetime, int, int]], first: datetime, hours: int, zone: tzinfo) -> list[Bucket]:
    """Return one bucket for each of so many hours from `first` on, read in the zone.

    Counted in UTC, so that the hour that a clock change repeats is two buckets, and the one that it skips is none.
    """
    sums = {hour.astimezone(UTC): (sessions, events) for hour, sessions, events in totals}
    buckets = []
    for index in range(hours):
        at = first.astimezone(UTC) + index * HOUR
        local = at.astimezone(zone)
        label = f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
        buckets.append(Bucket(label, f"{local:%a} {local.day}, {local:%H:%M}", *sums.get(at, (0, 0))))
    return buckets


def monday(on: date) -> date:
    """Return the Monday of the day's week."""
    return on - on.weekday() * DAY


def _steps(first: date, last: date, step: timedelta) -> Iterator[date]:
    while first <= last:
        yield first
        first += step


def _summed(pairs: Iterable[tuple[date, Totals]]) -> dict[date, Totals]:
    sums: dict[date, Totals] = {}
    for on, (sessions, events) in pairs:
        before = sums.get(on, (0, 0))
        sums[on] = (before[0] + sessions, before[1] + events)
    return sums
