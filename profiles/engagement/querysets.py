"""Reads of scores: a user's rank within the app, and how the app's scores are spread."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, Sum

from profiles.access.models import App, AppTotals
from profiles.bulk import array_literal
from profiles.engagement.models import Engagement, EngagementDistribution

# Up to here a rank counts the users with a lower score (an index scan of some milliseconds); beyond, it is read off
# the stored distribution.
FEW_USERS = 10_000


@dataclass(frozen=True, slots=True)
class Rank:
    """The share, 0 to 1, of the app's other users who have a lower score."""

    share: float
    counted_at: datetime | None
    """When the distribution was stored that it was read off; None: counted now."""


def rank_of(app: App, score: float) -> Rank | None:
    """Return where a score stands within the app; None: nobody to compare with. Two queries."""
    users = AppTotals.objects.filter(app=app).aggregate(users=Sum("users"))["users"] or 0
    if users > FEW_USERS:
        stored = EngagementDistribution.objects.filter(app=app).first()
        return None if stored is None else Rank(_share_below(stored.quantiles, score), stored.computed_at)
    # Both values named, so that the index engagement_score is read from its start to the score, twice.
    counted = Engagement.objects.filter(app=app, is_identified__in=[False, True]).aggregate(
        lower=Count("pk", filter=Q(score__lt=score)), all=Count("pk")
    )
    others = counted["all"] - 1
    return Rank(counted["lower"] / others, None) if others > 0 else None


def shares_of_bands(app: App, limits: list[float]) -> list[float]:
    """Return the share of the app's users below the first score, between each and the next, and from the last on.

    Read off the stored distribution; empty while there is none.
    """
    stored = EngagementDistribution.objects.filter(app=app, users__gt=0).first()
    if stored is None:
        return []
    below = [0.0, *(_share_below(stored.quantiles, limit) for limit in limits), 1.0]
    return [upper - lower for lower, upper in pairwise(below)]


def _share_below(quantiles: list[float], score: float) -> float:
    """Many users share a score (all of one session of two minutes do), so this counts steps and never interpolates."""
    steps = len(quantiles) - 1
    return max(0, bisect_left(quantiles, score) - 1) / steps if steps > 0 else 0.0


# One probe of the index engagement_changes_on per app. Raw SQL because each app has a day of its own.
_APPS_TO_ROLL_OVER = """
SELECT today.app_id
FROM unnest(%s::bigint[], %s::date[]) AS today (app_id, "on")
WHERE EXISTS (
    SELECT FROM profiles_engagement e WHERE e.app_id = today.app_id AND e.changes_on <= today."on"
)
ORDER BY 1
"""


def today_of_apps(now: datetime) -> dict[int, date]:
    """Return each app's day, in its own time zone, by app id."""
    return {
        app_id: now.astimezone(ZoneInfo(timezone)).date()
        for app_id, timezone in App.objects.values_list("id", "timezone")
    }


def apps_to_roll_over(now: datetime) -> list[int]:
    """Return the ids of the apps that have scores which some midnight made wrong."""
    days = today_of_apps(now)
    with connection.cursor() as cursor:
        cursor.execute(_APPS_TO_ROLL_OVER, [array_literal(days.keys(), "bigint"), array_literal(days.values(), "date")])
        return [app_id for (app_id,) in cursor.fetchall()]


def apps_of_old_distribution(before: datetime) -> list[int]:
    """Return the ids of the apps with users whose distribution was last stored before a moment, or of nobody yet."""
    known = EngagementDistribution.objects.filter(app=OuterRef("pk"), computed_at__gte=before, users__gt=0)
    apps = App.objects.filter(~Exists(known), totals__users__gt=0)
    return list(apps.order_by("id").values_list("id", flat=True).distinct())
