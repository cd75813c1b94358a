"""The ladder from everybody whom a filter matches down to those whom a message reaches. Pure.

Each rung is a filter of the list, and so is whom it drops: every number leads to its users.
"""

from __future__ import annotations

from dataclasses import dataclass

from profiles.directory.filters.tree import Condition, Group

HAS_TOKEN = Condition("push_token", "yes")
NO_TOKEN = Condition("push_token", "no")
REFUSED = Condition("push_refused", "yes")
NOT_REFUSED = Condition("push_refused", "no")


def provider_condition(provider: str) -> Condition:
    """Return the condition that somebody has a token of a provider."""
    return Condition("push_provider", "is", (provider,))


def both(audience: Group, *conditions: Condition) -> Group:
    """Return a filter narrowed by more conditions, as flat as it goes."""
    if audience.is_any:
        return Group((audience, *conditions))
    return Group((*audience.members, *conditions))


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: what is asked, the users that are left, those whom it dropped."""

    label: str
    left: Group
    dropped: Group | None = None
    dropped_label: str = ""


def ladder(audience: Group) -> tuple[Rung, ...]:
    """Return the steps that everybody takes, from the filter to those who may be sent to."""
    return (
        Rung("Matched by the filter", audience),
        Rung("Has a push token", both(audience, HAS_TOKEN), both(audience, NO_TOKEN), "have none"),
        Rung(
            "Push not refused",
            both(audience, HAS_TOKEN, NOT_REFUSED),
            both(audience, HAS_TOKEN, REFUSED),
            "refused push",
        ),
    )


def reachable(audience: Group) -> Group:
    """Return the filter of those who are left at the end."""
    return ladder(audience)[-1].left
