# ruff: noqa: S608 (what is put around a statement of the ORM holds no data)
"""A funnel's report: users per step, times between steps, trend; for a span of days and a filter of the user list.

A user counts once, with the furthest of the attempts that began in the span. Read from the completions, as the
conditions of the user list are (`profiles.funnels.conditions`), so that both give the same users.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import DateField, F, Max, Min, QuerySet
from django.db.models.functions import Cast, TruncMonth, TruncWeek

from profiles.access.querysets import visible
from profiles.directory.filters.fields import Scope, checked, where
from profiles.directory.filters.tree import EVERYBODY, Group, read, write
from profiles.funnels.models import Funnel, FunnelCompletion
from profiles.funnels.querysets import completions, rule_of, users_of
from profiles.funnels.spans import ALWAYS, Span, Unit
from profiles.users.models import AppUser
from profiles.wording import Clock

MEDIAN_SAMPLE: Final = 20_000  # users that the time between steps is measured on
_KEYS: Final = 1 << 128


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about: the attempts of which days, of which users."""

    span: Span = ALWAYS
    chosen: Group = EVERYBODY

    def __str__(self) -> str:
        days = "/".join("" if on is None else on.isoformat() for on in (self.span.first, self.span.last))
        return f"{days} {write(self.chosen)}"

    @classmethod
    def read(cls, text: str) -> "Asked":
        """Read what was written by `str`; raise ValueError."""
        days, _, chosen = text.partition(" ")
        first, last = (date.fromisoformat(on) if on else None for on in days.split("/"))
        return cls(Span(first, last), checked(read(chosen)))


EVERYTHING: Final = Asked()


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of a report; shares are 0 to 1, None where there is nothing to divide by."""

    position: int
    users: int
    share_of_first: float | None
    share_of_previous: float | None
    dropped: int
    """How many reached the step before, and not this one."""
    median_gap: timedelta | None


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of the trend: who entered in it, and who of them completed the attempt."""

    span: Span
    entered: int
    completed: int

    @property
    def conversion(self) -> float | None:
        """The share of them who completed."""
        return self.completed / self.entered if self.entered else None


@dataclass(frozen=True, slots=True)
class Report:
    """All numbers of a report."""

    steps: tuple[StepReport, ...]
    population: int
    """Users whom the filter leaves, whether they entered or not."""
    unit: Unit
    trend: tuple[Column, ...]

    @property
    def entered(self) -> int:
        """How many users reached the first step."""
        return self.steps[0].users if self.steps else 0

    @property
    def completed(self) -> int:
        """How many users reached the last step."""
        return self.steps[-1].users if self.steps else 0

    @property
    def not_entered(self) -> int:
        """How many did not reach the first step. Not below nothing: the parts are counted one after the other."""
        return max(0, self.population - self.entered)

    @property
    def conversion(self) -> float | None:
        """The share of those who entered that completed."""
        return self.completed / self.entered if self.entered else None


def count(funnel: Funnel, asked: Asked, now: datetime) -> Report:
    """Count a funnel: four or five queries along the index funnel_completion_report."""
    rule = rule_of(funnel)
    clock = Clock(now, ZoneInfo(funnel.app.timezone))
    rows = _rows(funnel, asked, clock)
    users = users_per_step(rows, len(rule.steps))
    first = users[0]
    gaps = median_gaps(rows, first)
    unit, trend = _trend(rows, asked.span, len(rule.steps), clock.today)
    return Report(
        steps=tuple(
            StepReport(
                position=index + 1,
                users=users[index],
                share_of_first=users[index] / first if first else None,
                share_of_previous=users[index] / users[index - 1] if index and users[index - 1] else None,
                dropped=users[index - 1] - users[index] if index else 0,
                median_gap=gaps.get(index),
            )
            for index in range(len(rule.steps))
        ),
        population=_population(funnel, asked, clock),
        unit=unit,
        trend=trend,
    )


def count_ends(funnels: Sequence[Funnel]) -> dict[int, tuple[int, int]]:
    """Return by id of funnels of one app how many users ever entered, and how many completed. One query."""
    rows = FunnelCompletion.objects.filter(funnel__in=funnels)
    if funnels:
        rows = rows.filter(visible(funnels[0].app, "user_id"))
    furthest = rows.values("funnel_id", "user_id").annotate(reached=Max("steps_reached"))
    by_funnel: dict[int, list[tuple[int, int]]] = {}
    for funnel_id, reached, users in _counted_by("funnel_id, reached", furthest):
        by_funnel.setdefault(funnel_id, []).append((reached, users))
    ends = {}
    for funnel in funnels:
        users_of_steps = _at_least(by_funnel.get(funnel.pk, []), max(1, len(funnel.steps.all())))
        ends[funnel.pk] = users_of_steps[0], users_of_steps[-1]
    return ends


def users_per_step(rows: QuerySet[FunnelCompletion], steps: int) -> list[int]:
    """Return how many users reached each step: counted by their furthest attempt, in the database."""
    furthest = rows.values("user_id").annotate(reached=Max("steps_reached"))
    return _at_least(_counted_by("reached", furthest), steps)


def _at_least(by_reached: Sequence[tuple[int, int]], steps: int) -> list[int]:
    """Turn (steps reached, users) into how many reached each step or more."""
    users = [0] * steps
    for reached, count in by_reached:
        for index in range(min(reached, steps)):
            users[index] += count
    return users


def _counted_by(columns: str, grouped: QuerySet[Any, Any]) -> list[Any]:
    """Return (columns …, count) of what a grouping gives. The ORM cannot group what was grouped."""
    try:
        statement, values = grouped.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}, count(*) FROM ({statement}) AS grouped GROUP BY {columns}", values)
        rows: list[Any] = cursor.fetchall()
        return rows


def median_gaps(rows: QuerySet[FunnelCompletion], users: int) -> dict[int, timedelta]:
    """Return the median time to each step (0 is the first) from the step before, on a sample of the users.

    User keys are hashes, so the lowest of them are a sample without a bias, and one that the primary key leads to.
    """
    times = rows.filter(steps_reached__gte=2)
    if users > MEDIAN_SAMPLE:
        times = times.filter(user_id__lte=UUID(int=_KEYS * MEDIAN_SAMPLE // users))
    furthest = times.order_by("user_id", "-steps_reached", "entered_on").distinct("user_id")
    gaps: dict[int, list[float]] = {}
    for reached in furthest.values_list("step_times", flat=True).iterator():
        for index, (earlier, later) in enumerate(pairwise(reached), start=1):
            gaps.setdefault(index, []).append((later - earlier).total_seconds())
    return {index: timedelta(seconds=median(values)) for index, values in gaps.items()}


def _rows(funnel: Funnel, asked: Asked, clock: Clock) -> QuerySet[FunnelCompletion]:
    rows = completions(funnel.pk, asked.span).filter(visible(funnel.app, "user_id"))
    return rows.filter(user_id__in=_users(funnel, asked, clock).values("id")) if asked.chosen else rows


def _users(funnel: Funnel, asked: Asked, clock: Clock) -> QuerySet[AppUser]:
    chosen = where(asked.chosen, Scope(funnel.app_id, clock)) & visible(funnel.app, "id")
    return AppUser.objects.filter(chosen, app=funnel.app_id)


def _population(funnel: Funnel, asked: Asked, clock: Clock) -> int:
    return _users(funnel, asked, clock).count() if asked.chosen else users_of(funnel.app)


def _trend(rows: QuerySet[FunnelCompletion], span: Span, steps: int, today: date) -> tuple[Unit, tuple[Column, ...]]:
    """Count by the day, week or month in which attempts began; a user once in each."""
    ends = rows.aggregate(first=Min("entered_on"), last=Max("entered_on"))
    if ends["first"] is None:
        return Unit.DAY, ()
    first = span.first or ends["first"]
    last = max(ends["last"], min(span.last or today, today))
    unit = Unit.fitting((last - first).days + 1)
    begun = {
        Unit.DAY: F("entered_on"),
        Unit.WEEK: Cast(TruncWeek("entered_on"), DateField()),
        Unit.MONTH: Cast(TruncMonth("entered_on"), DateField()),
    }[unit]
    grouped = rows.annotate(bucket=begun).values("bucket", "user_id").annotate(reached=Max("steps_reached"))
    by_bucket: dict[date, list[tuple[int, int]]] = {}
    for bucket, reached, count in _counted_by("bucket, reached", grouped):
        by_bucket.setdefault(bucket, []).append((reached, count))
    columns = []
    for start, end in unit.buckets(first, last):
        users = _at_least(by_bucket.get(start, []), steps)
        columns.append(Column(span.clipped(start, end), users[0], users[-1]))
    return unit, tuple(columns)
