"""What the box Affected crashes of a profile shows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from profiles.access.models import App
from profiles.crashes.facts import count_text
from profiles.crashes.models import CrashGroup
from profiles.crashes.querysets import Affecting, read_affecting
from profiles.crashes.versions import is_newer
from profiles.users.models import AppUser

CRASHES_AT_ONCE: Final = 5


class Standing(StrEnum):
    """Whether a crash can still hit the user."""

    AFFECTED = "still on an affected version"
    UPDATED = "updated since"
    FIXED = "fixed in their version"


@dataclass(frozen=True, slots=True)
class AffectingCrash:
    """A line of the box."""

    group: CrashGroup
    count: int
    count_text: str
    last_at: datetime
    version: str
    standing: Standing
    user_version: str
    url: str


@dataclass(frozen=True, slots=True)
class AffectedCrashesBox:
    """The crashes that hit a user, the last one first: those at hand, and the rest."""

    crashes: list[AffectingCrash]
    more: list[AffectingCrash]
    total: int
    """Occurrences in all of them."""


def affected_crashes_box(app: App, user: AppUser, now: datetime) -> AffectedCrashesBox:
    """Read the crash groups that hit a user and are not hidden, in two queries."""
    del now
    found = read_affecting(user.id)
    lines = [_line(app, user, one) for one in found]
    return AffectedCrashesBox(
        lines[:CRASHES_AT_ONCE],
        lines[CRASHES_AT_ONCE:],
        sum(line.count for line in lines),
    )


def _line(app: App, user: AppUser, affecting: Affecting) -> AffectingCrash:
    group = affecting.group
    group.app = app
    return AffectingCrash(
        group=group,
        count=affecting.count,
        count_text=count_text(affecting.count),
        last_at=affecting.last_at,
        version=affecting.last_app_version,
        standing=standing(group, affecting.last_app_version, user.app_version or ""),
        user_version=user.app_version or "",
        url=group.get_absolute_url(),
    )


def standing(group: CrashGroup, hit_version: str, user_version: str) -> Standing:
    """Say whether a group can still hit somebody who was hit in one version and now runs another."""
    is_resolved = group.state == CrashGroup.State.RESOLVED
    if is_resolved and is_newer(user_version, group.resolved_version):
        return Standing.FIXED
    if is_newer(user_version, hit_version) and is_newer(user_version, group.latest_version):
        return Standing.UPDATED
    return Standing.AFFECTED
