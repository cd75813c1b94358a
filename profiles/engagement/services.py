"""Writes scores, for many users a statement, and how the scores of an app are spread."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from profiles.activity import staleness
from profiles.activity.models import Stale
from profiles.bulk import array_literal
from profiles.engagement import sql
from profiles.engagement.models import Engagement, EngagementDistribution
from profiles.engagement.querysets import today_of_apps
from profiles.engagement.score import MAX_AVERAGE_MINUTES, MAX_DAYS, MAX_SESSIONS, WINDOW_DAYS

# Users a statement: far more than cost a round trip, few enough that what waits for the lock waits a tenth of a second.
USERS_PER_BATCH = 5_000

QUANTILE_STEPS = 1_000  # so that a rank is right to a tenth of a per cent


def refresh(user_ids: Collection[UUID], now: datetime) -> None:
    """Compute and store the scores of these users as of now. Users of any apps; one statement and a lock."""
    with transaction.atomic():
        staleness.lock_results(Stale.Kind.ENGAGEMENT)
        _refresh(user_ids, today_of_apps(now), now)


def _refresh(user_ids: Collection[UUID], days: Mapping[int, date], now: datetime) -> None:
    """Compute as of the day given for each app. The caller holds the lock of the results."""
    if not user_ids:
        return
    parameters: dict[str, Any] = {
        "user_ids": array_literal(user_ids, "uuid"),
        "app_ids": array_literal(days.keys(), "bigint"),
        "days": array_literal(days.values(), "date"),
        "since": min(days.values(), default=now.date()) - timedelta(days=WINDOW_DAYS),
        "window_days": WINDOW_DAYS,
        "max_minutes": MAX_AVERAGE_MINUTES,
        "max_sessions": MAX_SESSIONS,
        "max_days": MAX_DAYS,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.REFRESH, parameters)


def refresh_stale(now: datetime, limit: int = USERS_PER_BATCH) -> int:
    """Compute the scores of the users who have waited longest, and return how many they were."""
    with staleness.claimed(Stale.Kind.ENGAGEMENT, limit) as users:
        if users:
            _refresh(users, today_of_apps(now), now)
        return len(users)


def roll_over(app_id: int, now: datetime, limit: int = USERS_PER_BATCH) -> int:
    """Compute scores that are wrong since some midnight of the app, and return how many they were; 0: all are right.

    A computed score is right again until a later day, so a run that was interrupted simply goes on.
    """
    days = today_of_apps(now)
    with transaction.atomic():
        staleness.lock_results(Stale.Kind.ENGAGEMENT)
        moved = Engagement.objects.filter(app_id=app_id, changes_on__lte=days[app_id]).order_by("changes_on")
        user_ids = list(moved.values_list("user_id", flat=True)[:limit])
        _refresh(user_ids, days, now)
    return len(user_ids)


def refresh_distribution(app_id: int, now: datetime) -> None:
    """Store how the app's scores are spread."""
    with connection.cursor() as cursor:
        cursor.execute(sql.QUANTILES, {"app_id": app_id, "steps": QUANTILE_STEPS})
        users, quantiles = cursor.fetchone()
    EngagementDistribution.objects.update_or_create(
        app_id=app_id, defaults={"users": users, "quantiles": quantiles or [], "computed_at": now}
    )
