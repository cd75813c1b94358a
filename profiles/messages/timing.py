"""When a message is sent: at a moment, or at a time of each user's own clock; how many one user bears. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

EARLIEST_OFFSET: Final = timedelta(hours=14)  # no clock on Earth is further ahead of UTC
LATE_AFTER: Final = timedelta(hours=1)


def starts_at(wall_clock: datetime, *, is_local: bool, zone: tzinfo) -> datetime:
    """Return when to begin: a wall-clock time of the app's zone, or that time in the first zone of the Earth."""
    if is_local:
        return wall_clock.replace(tzinfo=UTC) - EARLIEST_OFFSET
    return wall_clock.replace(tzinfo=zone).astimezone(UTC)


def due_at(wall_clock: datetime, offset_minutes: int | None, zone: tzinfo) -> datetime:
    """Return when a user's clock shows that time; of an unknown clock, when the app's does."""
    if offset_minutes is None:
        return wall_clock.replace(tzinfo=zone).astimezone(UTC)
    return wall_clock.replace(tzinfo=UTC) - timedelta(minutes=offset_minutes)


def is_too_late(due: datetime, now: datetime) -> bool:
    """Tell whether a user's own time has passed so long ago that the message would come at a wrong time of day."""
    return now - due > LATE_AFTER


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many messages for one user in any period of so many days."""

    messages: int
    days: int

    @property
    def period(self) -> timedelta:
        """The length of the period."""
        return timedelta(days=self.days)

    def allows(self, others: Iterable[datetime], due: datetime) -> bool:
        """Tell whether one more message at `due` breaks no period, among others planned or sent at their times.

        A period begins with a message: only those that hold the new one and begin with one of the others, or with
        itself, need to be counted.
        """
        near = sorted(at for at in others if abs(at - due) < self.period)
        begins = [at for at in near if at <= due] + [due]
        return all(1 + sum(1 for at in near if begin <= at < begin + self.period) <= self.messages for begin in begins)
