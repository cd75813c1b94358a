"""Reads about apps."""

from dataclasses import dataclass

from django.db.models import Sum

from profiles.access.models import App, AppTotals


@dataclass(frozen=True, slots=True)
class UserTotals:
    """How many users an app has, exactly."""

    identified: int
    anonymous: int

    @property
    def everybody(self) -> int:
        """Both kinds together."""
        return self.identified + self.anonymous


def user_totals(app: App) -> UserTotals:
    """Add up the totals that ingest keeps per shard."""
    sums = AppTotals.objects.filter(app=app).aggregate(users=Sum("users"), identified=Sum("identified"))
    identified = sums["identified"] or 0
    return UserTotals(identified=identified, anonymous=(sums["users"] or 0) - identified)
