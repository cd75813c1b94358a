"""A breakdown: how the users that a list holds spread over the values of one field."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Count

from profiles.access.models import App
from profiles.access.querysets import visible
from profiles.countries import country_name
from profiles.directory.audience import Audience, users_of
from profiles.directory.filters.fields import Field
from profiles.directory.filters.tree import Condition
from profiles.directory.suggestions import seen_last, value_of
from profiles.users.models import AppUser

LOOKED_AT: Final = 20_000  # users; a page must cost the same in an app of any size
SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Share:
    """One value: how it reads, how many of those looked at have it, and the condition that finds them."""

    label: str
    count: int
    fraction: float
    condition: Condition
    is_known: bool


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The most frequent values, of how many users, and how many have others."""

    shares: tuple[Share, ...]
    others: int
    looked_at: int
    is_whole: bool
    """Whether everybody was looked at, and not only LOOKED_AT of them."""


def break_down(app: App, audience: Audience, field: Field) -> Breakdown | None:
    """Count the values of a field; None for one that has none to count by. One query.

    Of an unfiltered list those seen last are looked at, of another those that are found first.
    """
    value = value_of(field.name)
    if value is None:
        return None
    if audience.is_everybody:
        seen = seen_last(app, LOOKED_AT // 2).filter(is_identified__in=audience.tab.halves)
        some = seen.filter(visible(app, "id"))
    else:
        some = AppUser.objects.filter(pk__in=users_of(app, audience).values("pk")[:LOOKED_AT])
    counted = (
        some.order_by().annotate(said=value).values("said").annotate(number=Count("*")).order_by("-number", "said")
    )
    found: list[tuple[str | None, int]] = list(counted.values_list("said", "number"))
    total = sum(number for _, number in found)
    shares = [
        Share(
            (field.name == "country" and country_name(said)) or said if said else "not set",
            number,
            number / total,
            Condition(field.name, "is", (said,)) if said else Condition(field.name, "is_not_set"),
            bool(said),
        )
        for said, number in found[:SHOWN]
    ]
    others = total - sum(share.count for share in shares)
    return Breakdown(tuple(shares), others, total, total < LOOKED_AT // (2 if audience.is_everybody else 1))
