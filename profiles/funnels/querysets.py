"""Reads of funnels: definitions as rules, one user's journey, who got how far."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from profiles.access.models import App, AppTotals
from profiles.activity.happenings import VIEW_KEY
from profiles.activity.models import EventKey
from profiles.activity.segmentation import read_condition
from profiles.funnels import sql
from profiles.funnels.matcher import FunnelRule, Journey, Occurrence, Step
from profiles.funnels.models import Funnel, FunnelCompletion
from profiles.funnels.words import CRASH, SESSION

logger = logging.getLogger(__name__)

# Events of the SDK's own that are stored elsewhere than among the events.
SOURCES: Final = {SESSION: sql.SESSION_SOURCE, CRASH: sql.CRASH_SOURCE}

JOURNEY_LIMIT = 10_000  # of the newest that one user did, that reasons are found in
MEDIAN_SAMPLE = 20_000  # users that the time between steps is measured on
_KEYS = 1 << 128


def rule_of(funnel: Funnel) -> FunnelRule:
    """Return the rule that a funnel stands for; raise ValueError for one that can be none."""
    return FunnelRule(
        steps=tuple(
            Step(step.event_key, tuple(read_condition(stored) for stored in step.filters))
            for step in funnel.steps.all()
        ),
        window=None if funnel.window_seconds is None else timedelta(seconds=funnel.window_seconds),
        same_session=funnel.is_same_session,
    )


def funnels_of(app_ids: Collection[int]) -> QuerySet[Funnel]:
    """Return the apps' funnels with their steps: two queries."""
    return Funnel.objects.filter(app__in=app_ids).prefetch_related("steps").order_by("app", "position", "id")


def definitions(funnels: Iterable[Funnel]) -> list[sql.Definition]:
    """Return what the funnels count, in their order, with the numbers of their event keys. One query.

    A funnel that is none (the forms refuse it, a hand in the database may not) is left out: it must not stop others.
    """
    rules: list[tuple[Funnel, FunnelRule]] = []
    for funnel in funnels:
        try:
            rules.append((funnel, rule_of(funnel)))
        except ValueError:
            logger.exception("a funnel has no rule", extra={"funnel": funnel.pk})
    names = {step.event_key for _, rule in rules for step in rule.steps} - SOURCES.keys()
    apps = {funnel.app_id for funnel, _ in rules}
    numbers = {
        (app_id, key): number
        for number, app_id, key in EventKey.objects.filter(app__in=apps, key__in=names).values_list(
            "id", "app_id", "key"
        )
    }
    return [
        sql.Definition(
            id=funnel.pk,
            rule=rule,
            sources=tuple(
                SOURCES.get(step.event_key, numbers.get((funnel.app_id, step.event_key))) for step in rule.steps
            ),
        )
        for funnel, rule in rules
    ]


def journey(
    wanted: Sequence[sql.Definition], app_id: int, user_id: UUID, limit: int = JOURNEY_LIMIT
) -> tuple[Journey, bool]:
    """Return the newest of what one user did that any step of the funnels may be, and whether there is more.

    One query along the primary keys of events, sessions and crashes.
    """
    key_of = {
        source: step.event_key
        for definition in wanted
        for step, source in zip(definition.rule.steps, definition.sources, strict=True)
        if source is not None
    }
    statement, parameters = sql.happening(wanted, app_id, user_id, limit + 1)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    occurrences = (
        Occurrence(key_of[source], at, place, None if segmentation is None else json.loads(segmentation), session_id)
        for source, at, place, segmentation, session_id in rows[:limit]
    )
    return Journey(occurrences), len(rows) > limit


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of a report; shares are 0 to 1, None where there is nothing to divide by."""

    position: int
    step: Step
    users: int
    share_of_first: float | None
    share_of_previous: float | None
    dropped: int
    median_gap: timedelta | None


def users_per_step(funnels: Collection[Funnel]) -> dict[int, list[int]]:
    """Return by funnel id how many users reached each step. One scan of the index funnel_completion_reached."""
    counts = {funnel.pk: [0] * len(funnel.steps.all()) for funnel in funnels}
    rows = (
        FunnelCompletion.objects.filter(funnel__in=counts)
        .values_list("funnel_id", "steps_reached")
        .annotate(users=Count("user_id"))
    )
    for funnel_id, reached, users in rows:
        per_step = counts[funnel_id]
        for index in range(min(reached, len(per_step))):
            per_step[index] += users
    return counts


def report(funnel: Funnel) -> list[StepReport]:
    """Return the funnel's steps with their users. Two queries."""
    users = users_per_step([funnel])[funnel.pk]
    gaps = median_gaps(funnel, users[0] if users else 0)
    first = users[0] if users else 0
    return [
        StepReport(
            position=index + 1,
            step=step,
            users=users[index],
            share_of_first=users[index] / first if first else None,
            share_of_previous=users[index] / users[index - 1] if index and users[index - 1] else None,
            dropped=users[index - 1] - users[index] if index else 0,
            median_gap=gaps.get(index),
        )
        for index, step in enumerate(rule_of(funnel).steps)
    ]


def median_gaps(funnel: Funnel, users: int) -> dict[int, timedelta]:
    """Return the median time to each step (0 is the first) from the step before, on a sample of the users.

    User keys are hashes, so the lowest of them are a sample without a bias, and one that an index leads to.
    """
    times = FunnelCompletion.objects.filter(funnel=funnel, steps_reached__gte=2)
    if users > MEDIAN_SAMPLE:
        times = times.filter(user_id__lte=UUID(int=_KEYS * MEDIAN_SAMPLE // users))
    gaps: dict[int, list[float]] = {}
    for reached in times.values_list("step_times", flat=True).iterator():
        for index, (earlier, later) in enumerate(pairwise(reached), start=1):
            gaps.setdefault(index, []).append((later - earlier).total_seconds())
    return {index: timedelta(seconds=median(values)) for index, values in gaps.items()}


def users_of(app: App) -> int:
    """Return how many users the app has."""
    return AppTotals.objects.filter(app=app).aggregate(users=Sum("users"))["users"] or 0


def waiting_funnels() -> list[tuple[int, int]]:
    """Return (id, revision) of the funnels that are not computed over all history as they are defined now."""
    return list(Funnel.objects.filter(~Q(computed_revision=F("revision"))).order_by("id").values_list("id", "revision"))


def event_key_suggestions(app: App, limit: int = 200) -> list[str]:
    """Return what a step may be: what the SDK sends by itself, then the app's event keys by name."""
    keys = EventKey.objects.filter(app=app).exclude(key__in=[*SOURCES, VIEW_KEY]).order_by("key")
    return [SESSION, VIEW_KEY, CRASH, *keys.values_list("key", flat=True)[:limit]]
