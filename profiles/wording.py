"""How values read on screen: durations, times, counts, initials. Pure.

Templates reach it through `{% load display %}`.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from urllib.parse import urlsplit
from uuid import UUID

MINUTE = 60
HOUR = 3600
DAYS_READ_AS_AGO = 30
AVATAR_HUES = 12  # .hue-0 … .hue-11 in components.css
UNKNOWN = "—"
_OWN_PICTURE = re.compile(r"/apps/[0-9a-f]{24}/pictures/[0-9a-f]{40}\.jpg", re.ASCII)  # profiles.pictures


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment that a page is made at, and the time zone that it is read in."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The day it is now in the page's zone."""
        return self.now.astimezone(self.zone).date()


def duration(seconds: float | None) -> str:
    """Say a duration with its two largest units: 3 m 20 s, 29 h 40 m. Zero is 0 s, unknown is a dash."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} m {whole % MINUTE:02d} s"
    return f"{grouped(whole // HOUR)} h {whole % HOUR // MINUTE:02d} m"


def ago(at: datetime, clock: Clock) -> str:
    """Say how long ago it was, by the calendar of the clock's zone from yesterday on, as a date beyond a month."""
    seconds = (clock.now - at).total_seconds()
    local = at.astimezone(clock.zone)
    days = (clock.today - local.date()).days
    if seconds < -MINUTE:
        return day(local.date(), clock)
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if days == 0 or seconds < 6 * HOUR:
        return f"{int(seconds // HOUR)} h ago"
    if days == 1:
        return "yesterday"
    if days <= DAYS_READ_AS_AGO:
        return f"{days} days ago"
    return day(local.date(), clock)


def age(span: timedelta) -> str:
    """Say an age with one unit: 3 s, 5 min, 2 h, 4 days."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 48 * HOUR:
        return f"{seconds // HOUR} h"
    return f"{seconds // (24 * HOUR)} days"


def day(on: date, clock: Clock) -> str:
    """Say a day: 3 Nov, with its year when that is not this one."""
    return f"{on.day} {on:%b}" if on.year == clock.today.year else f"{on.day} {on:%b %Y}"


def exact(at: datetime, clock: Clock) -> str:
    """Say a moment to the second, with the zone that it is read in."""
    local = at.astimezone(clock.zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S} ({clock.zone})"


def grouped(number: float | None) -> str:
    """Say a number with its thousands apart: 12,480. Unknown is a dash."""
    return UNKNOWN if number is None else f"{number:,}"


def compact(number: int | None) -> str:
    """Say a count in little room: 980, 12.5k, 3.1M."""
    if number is None:
        return UNKNOWN
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            value = number / size
            return f"{value:.1f}".removesuffix(".0") + letter if value < 100 else f"{int(value)}{letter}"
    return str(number)


def percent(fraction: float | None) -> str:
    """Say a share, below ten per cent to one place: scores are small. What is above nothing never reads as nothing."""
    if fraction is None:
        return UNKNOWN
    hundredths = fraction * 100
    if 0 < hundredths < 0.05:
        return "<0.1%"
    if hundredths < 9.95:
        return f"{hundredths:.1f}".removesuffix(".0") + "%"
    return f"{int(hundredths + 0.5)}%"


def initials(name: str) -> str:
    """Return the one or two letters that stand for a name; none when it has no letter."""
    words = ["".join(c for c in word if unicodedata.category(c)[0] == "L") for word in name.split("@", 1)[0].split()]
    words = [word for word in words if word]
    if not words:
        return ""
    chosen = words[0][0] + words[-1][0] if len(words) > 1 else words[0][:2]
    return chosen.upper()[:2]


def hue(key: UUID | int | str) -> int:
    """Return which avatar colour a key has, for ever the same."""
    if isinstance(key, UUID):
        return key.int % AVATAR_HUES
    if isinstance(key, int):
        return key % AVATAR_HUES
    return sum(key.encode()) % AVATAR_HUES


def safe_picture_url(url: str | None) -> str | None:
    """Return a stranger's picture address if a page may load it: ours, or https with a host and no credentials."""
    if url and _OWN_PICTURE.fullmatch(url):
        return url
    if not url or len(url) > 2048 or any(c.isspace() or not c.isprintable() for c in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme == "https" and host and "." in host and "@" not in parts.netloc else None


def short_device_id(device_id: str) -> str:
    """Return a device id short enough for a table cell: its first and last characters."""
    return device_id if len(device_id) <= 13 else f"{device_id[:6]}…{device_id[-4:]}"
