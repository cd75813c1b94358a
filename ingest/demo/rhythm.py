"""When people open the app: hours of their own day, days of their own week, joining, staying and leaving."""

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from ingest.demo.people import Habit, Person

# Visits by hour of the person's day. Coffee is a morning thing; on a weekend the morning is later.
_WORKDAY_HOURS: Final = (1, 0, 0, 0, 0, 2, 9, 22, 26, 16, 10, 9, 13, 14, 10, 11, 9, 7, 6, 5, 4, 4, 3, 2)
_WEEKEND_HOURS: Final = (2, 1, 0, 0, 0, 0, 2, 6, 13, 22, 26, 22, 17, 14, 14, 13, 10, 8, 7, 7, 6, 5, 4, 3)
_HOURS: Final = tuple(range(24))
_FRIDAY: Final = 4
_WEEKEND_DAYS: Final = 2
_WORK_DAYS: Final = 5

# A visit takes a quarter of an hour at most; a browser's session lives on for half an hour.
_SHORTEST_GAP: Final = timedelta(minutes=50)
# Bounds the requests of one person, however long the period: the latest visits are kept.
MOST_VISITS: Final = 80


def visit_times(person: Person, rng: Random, *, since: datetime, now: datetime) -> list[datetime]:
    """Give the starts of a person's visits, in order; none later than now."""
    zone = ZoneInfo(person.place.timezone)
    period = now - since
    joins_at, leaves_at = since + person.joins * period, since + person.leaves * period
    starts = [_first_visit(joins_at, rng, now)]
    if person.habit is Habit.PASSER_BY:
        starts += [starts[0] + timedelta(hours=rng.uniform(1, 30))] * (rng.random() < 0.4)
    else:
        starts += _later_visits(person, rng, joins_at.astimezone(zone).date(), leaves_at.astimezone(zone).date(), zone)
    latest = now - timedelta(minutes=rng.uniform(2, 9))
    if person.is_online_now:
        latest = now - timedelta(seconds=rng.uniform(70, 420))
        starts.append(latest)
    kept = [at for at in sorted(starts) if starts[0] <= at <= latest]
    return _spaced(kept, keep_last=person.is_online_now)[-MOST_VISITS:]


def _first_visit(joins_at: datetime, rng: Random, now: datetime) -> datetime:
    return min(joins_at + timedelta(minutes=rng.uniform(0, 300)), now - timedelta(minutes=15))


def _later_visits(person: Person, rng: Random, first: date, last: date, zone: ZoneInfo) -> list[datetime]:
    visits = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        is_weekend = day.weekday() > _FRIDAY
        share = (
            person.habit.weekend_share / _WEEKEND_DAYS if is_weekend else (1 - person.habit.weekend_share) / _WORK_DAYS
        )
        mean = person.habit.visits_a_day * share * (_WEEKEND_DAYS + _WORK_DAYS)
        count = int(mean) + (rng.random() < mean % 1) + (rng.random() < mean / 8)
        hours = rng.choices(_HOURS, _WEEKEND_HOURS if is_weekend else _WORKDAY_HOURS, k=count)
        visits += [datetime.combine(day, _clock(hour, rng), zone) for hour in hours]
    return visits


def _clock(hour: int, rng: Random) -> time:
    return time(hour, rng.randrange(60), rng.randrange(60), rng.randrange(1000) * 1000)


def _spaced(starts: list[datetime], *, keep_last: bool) -> list[datetime]:
    """Drop visits that begin while the one before may still go on; the last one wins if it must stay."""
    kept: list[datetime] = []
    for at in starts:
        if not kept or at - kept[-1] >= _SHORTEST_GAP:
            kept.append(at)
    if keep_last and starts:
        kept = [at for at in kept if starts[-1] - at >= _SHORTEST_GAP] + [starts[-1]]
    return kept
