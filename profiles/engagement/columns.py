"""The column that engagement brings to the user list."""

from django.db.models import F, FloatField

from profiles.directory.columns import Column, Export, register
from profiles.directory.sorts import Sort
from profiles.engagement.models import Engagement
from profiles.engagement.score import MAX_SCORE
from profiles.users.models import AppUser

SCORE = Sort(Engagement.objects.all(), F("score"), FloatField(), float, lambda value: float(value or 0))


def share(user: AppUser) -> float | None:
    """Return the user's stored score as a share of the highest, 0 to 1; None while it was never computed."""
    stored: Engagement | None = getattr(user, "engagement", None)
    return None if stored is None else stored.score / MAX_SCORE


def _percent(score: float | None) -> float | None:
    return None if score is None else round(score / MAX_SCORE * 100, 2)


register(
    Column(
        "engagement",
        "Engagement",
        "directory/cells/engagement.html",
        SCORE,
        relation="engagement",
        hint="Score of the last 7 days: average minutes × sessions × days",
        value=share,
        is_default=True,
        exports=(Export("engagement_percent", "Engagement in per cent", ("engagement__score",), _percent),),
    )
)
