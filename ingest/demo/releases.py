"""Versions of the app that came out during the demo's month, and what is wrong with each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Release:
    """A version, and when in the period it came out (0 = start, 1 = now)."""

    version: str
    build: str
    share_of_period: float


# 3.4.0 brought a new checkout whose Android payment crashes; 3.4.1 mends it. 3.5.0 broke coupons on iOS.
CHECKOUT_BREAKS: Final = "3.4.0"
COUPONS_BREAK: Final = "3.5.0"
RELEASES: Final = (
    Release("3.3.2", "332", -1.0),
    Release("3.4.0", "340", 0.22),
    Release("3.4.1", "341", 0.42),
    Release("3.5.0", "350", 0.70),
)


def newest_release(at: datetime, *, since: datetime, until: datetime, delay: timedelta) -> Release:
    """Give the version that somebody has who updates `delay` after each release."""
    period = until - since
    newest = RELEASES[0]
    for release in RELEASES[1:]:
        if since + release.share_of_period * period + delay <= at:
            newest = release
    return newest
