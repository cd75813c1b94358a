"""The score as it was on each day of the past: told by the daily totals, so late data is where it belongs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from profiles.engagement.score import engagement


@dataclass(frozen=True, slots=True)
class Day:
    """What a user did on a day of use."""

    on: date
    sessions: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Point:
    """The score at the end of a day."""

    on: date
    score: float


def history(total_seconds: int, sessions_count: int, days: Iterable[Day], today: date, length: int) -> list[Point]:
    """Return the score of each of the last `length` days, oldest first, today's last.

    `days` are the days of use of that time and the six days before it; the totals are today's, and what came after a
    day is taken off them.
    """
    by_day = {day.on: day for day in days}
    sessions_by_day = {day.on: day.sessions for day in by_day.values()}
    points = []
    on = today
    for _ in range(length):
        points.append(Point(on, engagement(total_seconds, sessions_count, sessions_by_day, on).score))
        if on in by_day:
            total_seconds -= by_day[on].seconds
            sessions_count -= by_day[on].sessions
        on -= timedelta(days=1)
    return points[::-1]
