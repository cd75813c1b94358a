"""How the scores of an app are spread, in bands that lead to their users; and since when scores are behind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from profiles.access.models import App
from profiles.activity import staleness
from profiles.activity.models import Stale
from profiles.directory.filters import tree
from profiles.directory.filters.tree import Condition, Group
from profiles.engagement.conditions import FIELD
from profiles.engagement.models import Engagement, EngagementDistribution
from profiles.engagement.querysets import shares_of_bands
from profiles.engagement.score import MAX_SCORE

# In per cent. Most scores are far below ten: one session of two minutes is 0.7.
LIMITS: Final = (1, 5, 10, 25, 50)
_ABOVE_NOTHING: Final = 1e-9  # no score but zero is below it

# The drawing, in its own units.
CHART_HEIGHT: Final = 28
_BAR: Final = 24
_STEP: Final = 30
_LEAST: Final = 2.0  # so that a band of few users can still be seen and hit


@dataclass(frozen=True, slots=True)
class Band:
    """Users whose score lies in a range: their share of all, 0 to 1, and the list of them."""

    label: str
    share: float
    url: str
    x: int
    height: float

    @property
    def y(self) -> float:
        """Where its bar begins, from above."""
        return CHART_HEIGHT - self.height


@dataclass(frozen=True, slots=True)
class Spread:
    """How an app's scores are spread, as of `computed_at`; no bands while that is unknown."""

    bands: tuple[Band, ...]
    users: int
    computed_at: datetime | None
    behind_since: datetime | None
    """Scores are being computed for users who did something, the first of them then; None: all are right."""
    is_rolling_over: bool
    """Scores are being computed for users whose week moved on at midnight."""
    width: int = (len(LIMITS) + 2) * _STEP - (_STEP - _BAR)
    height: int = CHART_HEIGHT
    bar: int = _BAR


def spread_of(app: App, now: datetime) -> Spread:
    """Read how the scores of an app are spread: four queries, whatever its size."""
    stored = EngagementDistribution.objects.filter(app=app, users__gt=0).first()
    shares = shares_of_bands(app, [_ABOVE_NOTHING, *(limit * MAX_SCORE / 100 for limit in LIMITS)]) if stored else []
    highest = max(shares, default=0.0)
    bands = tuple(
        Band(
            label,
            share,
            _users_url(app, conditions),
            number * _STEP,
            max(_LEAST, round(share / highest * CHART_HEIGHT, 1)) if share else 0.0,
        )
        for number, (share, (label, conditions)) in enumerate(zip(shares, _bands(), strict=False))
    )
    today = now.astimezone(ZoneInfo(app.timezone)).date()
    return Spread(
        bands=bands,
        users=stored.users if stored else 0,
        computed_at=stored.computed_at if stored else None,
        behind_since=staleness.behind_since(Stale.Kind.ENGAGEMENT, now),
        is_rolling_over=Engagement.objects.filter(app=app, changes_on__lte=today).exists(),
    )


def _bands() -> list[tuple[str, tuple[Condition, ...]]]:
    """Return each band's label and its filter, in order."""
    bands: list[tuple[str, tuple[Condition, ...]]] = [("0%", (_condition("equals", 0),))]
    for lower, upper in zip((0, *LIMITS), (*LIMITS, None), strict=True):
        from_lower = _condition("at_least" if lower else "greater", lower)
        if upper is None:
            bands.append((f"{lower}% and more", (from_lower,)))
        else:
            bands.append(
                (f"{lower} to {upper}%" if lower else f"below {upper}%", (from_lower, _condition("less", upper)))
            )
    return bands


def _condition(operator: str, percent: int) -> Condition:
    return Condition(FIELD, operator, (str(percent),))


def _users_url(app: App, conditions: tuple[Condition, ...]) -> str:
    query = urlencode({"filter": tree.write(Group(conditions))}, safe="(),:!")
    return f"{reverse('directory:users', args=[app.public_id])}?{query}"
