"""Reads of funnels: definitions as rules, one user's journey, who got how far."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

from profiles.access.models import App
from profiles.access.querysets import user_totals
from profiles.activity.happenings import VIEW_KEY
from profiles.activity.models import EventKey
from profiles.activity.segmentation import read_condition
from profiles.funnels import sql
from profiles.funnels.matcher import FunnelRule, Journey, Occurrence, Step
from profiles.funnels.models import Funnel, FunnelCompletion
from profiles.funnels.spans import Span
from profiles.funnels.words import CRASH, SESSION

logger = logging.getLogger(__name__)

# Events of the SDK's own that are stored elsewhere than among the events.
SOURCES: Final = {SESSION: sql.SESSION_SOURCE, CRASH: sql.CRASH_SOURCE}

JOURNEY_LIMIT = 2_000  # of the newest that one user did of the steps, that reasons are found in
EVENTS_LOOKED_AT = 20_000  # of the newest of one user, whatever they are: those are found among them


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
    return (
        Funnel.objects.filter(app__in=app_ids)
        .select_related("app")
        .prefetch_related("steps")
        .order_by("app", "position", "id")
    )


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
    wanted: Sequence[sql.Definition],
    app_id: int,
    user_id: UUID,
    *,
    limit: int = JOURNEY_LIMIT,
    looked_at: int = EVENTS_LOOKED_AT,
) -> tuple[Journey, bool]:
    """Return the newest of what one user did that any step of the funnels may be, and whether there may be more.

    One query along the primary keys of events, sessions and crashes, whose cost has a limit.
    """
    key_of = {
        source: step.event_key
        for definition in wanted
        for step, source in zip(definition.rule.steps, definition.sources, strict=True)
        if source is not None
    }
    statement, parameters = sql.happening(wanted, app_id, user_id, looked_at=looked_at, limit=limit + 1)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    occurrences = (
        Occurrence(key_of[source], at, place, None if segmentation is None else json.loads(segmentation), session_id)
        for _, source, at, place, segmentation, session_id in rows[:limit]
        if source is not None
    )
    return Journey(occurrences), len(rows) > limit or rows[0][0]


def furthest(user_id: UUID, funnel_ids: Collection[int]) -> dict[int, list[datetime]]:
    """Return by funnel when one user passed each step of the best attempt ever, as it was computed. One query."""
    rows = FunnelCompletion.objects.filter(user_id=user_id, funnel__in=funnel_ids)
    best = rows.order_by("funnel_id", "-steps_reached", "entered_on").distinct("funnel_id")
    return dict(best.values_list("funnel_id", "step_times"))


def completions(funnel_id: int, span: Span) -> QuerySet[FunnelCompletion]:
    """Return how far users got in the attempts that began in these days: a row for each user and day."""
    rows = FunnelCompletion.objects.filter(funnel=funnel_id)
    if span.first is not None:
        rows = rows.filter(entered_on__gte=span.first)
    if span.last is not None:
        rows = rows.filter(entered_on__lte=span.last)
    return rows


def users_of(app: App) -> int:
    """Return how many users the app has, less who is hidden."""
    return user_totals(app).everybody


def waiting_funnels() -> list[tuple[int, int]]:
    """Return (id, revision) of the funnels that are not computed over all history as they are defined now."""
    return list(Funnel.objects.filter(~Q(computed_revision=F("revision"))).order_by("id").values_list("id", "revision"))


def event_key_suggestions(app: App, limit: int = 200) -> list[str]:
    """Return what a step may be: what the SDK sends by itself, then the app's event keys by name."""
    keys = EventKey.objects.filter(app=app).exclude(key__in=[*SOURCES, VIEW_KEY]).order_by("key")
    return [SESSION, VIEW_KEY, CRASH, *keys.values_list("key", flat=True)[:limit]]
