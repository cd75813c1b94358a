"""Which app a key stands for, remembered for a few seconds in each process.

A key that nobody has is remembered too, so that a client of a deleted app costs no query; the memory is bounded,
because such keys are a stranger's.
"""

import time
from dataclasses import dataclass

from profiles.access.models import App

SECONDS_REMEMBERED = 5.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class KnownApp:
    """What the door and the worker need to know of an app."""

    id: int
    public_id: str
    salt: str
    timezone: str
    is_paused: bool
    is_locked: bool


_COLUMNS = ("id", "public_id", "salt", "timezone", "is_paused", "is_locked")
_by_key: dict[str, tuple[float, KnownApp | None]] = {}


def find(key: str) -> KnownApp | None:
    """Return the app of a key, at most a few seconds old, or None."""
    now = time.monotonic()
    known = _by_key.get(key)
    if known is not None and known[0] > now:
        return known[1]
    row = App.objects.filter(key=key).values_list(*_COLUMNS).first()
    app = KnownApp(*row) if row is not None else None
    if len(_by_key) >= MOST_REMEMBERED:
        _by_key.clear()
    _by_key[key] = (now + SECONDS_REMEMBERED, app)
    return app


def remembered(key: str) -> KnownApp | None:
    """Return the app of a key if it is remembered; asks nobody."""
    known = _by_key.get(key)
    return known[1] if known is not None and known[0] > time.monotonic() else None


def load(app_ids: set[int]) -> dict[int, KnownApp]:
    """Return the apps with these ids, as they are now."""
    rows = App.objects.filter(id__in=app_ids).values_list(*_COLUMNS)
    return {row[0]: KnownApp(*row) for row in rows}


def forget() -> None:
    """Forget everything, for tests and after a change of apps in this process."""
    _by_key.clear()
