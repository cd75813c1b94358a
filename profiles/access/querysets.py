"""Reads about apps."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, Sum

from profiles.access.models import App, AppTotals, HiddenUser

HIDDEN_FIELD = "hidden"  # a filter that asks for this field sees who is hidden


@dataclass(frozen=True, slots=True)
class UserTotals:
    """How many users an app has, exactly."""

    identified: int
    anonymous: int
    hidden: int = 0
    """Left out of both."""

    @property
    def everybody(self) -> int:
        """Both kinds together."""
        return self.identified + self.anonymous


def user_totals(app: App) -> UserTotals:
    """Add up the totals that ingest keeps per shard, less who is hidden: one query, two where somebody is."""
    sums = AppTotals.objects.filter(app=app).aggregate(users=Sum("users"), identified=Sum("identified"))
    identified = sums["identified"] or 0
    anonymous = (sums["users"] or 0) - identified
    if not app.hides_users:
        return UserTotals(identified, anonymous)
    hidden = dict(
        HiddenUser.objects.filter(app=app).values_list("is_identified").annotate(users=Count("user_id")).order_by()
    )
    return UserTotals(identified - hidden.get(True, 0), anonymous - hidden.get(False, 0), sum(hidden.values()))


def visible(app: App, key: str) -> Q:
    """Return the condition on rows of an app that their user is not hidden; `key` leads to the user's key.

    Nothing where nobody is hidden, so that it costs nothing there.
    """
    return ~Q(Exists(HiddenUser.objects.filter(user_id=OuterRef(key)))) if app.hides_users else Q()
