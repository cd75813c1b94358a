"""Which app a key stands for, remembered for a few seconds in each process.

A key that nobody has is remembered too, so that a client of a deleted app costs no query; the memory is bounded,
because such keys are a stranger's.
"""

import time
from dataclasses import dataclass

from django.utils import timezone

from profiles.access.models import App

SECONDS_REMEMBERED = 5.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class KnownApp:
    """What the door and the worker need to know of an app.

    `salts`: a request must be signed with one of them; none: it need not be signed. Two, while one takes over from the
    other.
    """

    id: int
    public_id: str
    salts: tuple[str, ...]
    timezone: str
    is_paused: bool
    is_locked: bool
    requests_per_second: int | None
    keeps_country: bool
    keeps_city: bool
    late_data: str
    hiding_rules: tuple[dict[str, str], ...]
    hides_users: bool


_by_key: dict[str, tuple[float, KnownApp | None]] = {}


def find(key: str) -> KnownApp | None:
    """Return the app of a key, at most a few seconds old, or None."""
    now = time.monotonic()
    known = _by_key.get(key)
    if known is not None and known[0] > now:
        return known[1]
    row = (
        App.objects.filter(key=key).first()
        or App.objects.filter(previous_key=key, previous_key_until__gt=timezone.now()).first()
    )
    app = _known(row) if row is not None else None
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
    return {app.id: _known(app) for app in App.objects.filter(id__in=app_ids)}


def _known(app: App) -> KnownApp:
    return KnownApp(
        id=app.id,
        public_id=app.public_id,
        salts=_salts(app),
        timezone=app.timezone,
        is_paused=not app.takes_data,
        is_locked=app.is_locked,
        requests_per_second=app.requests_per_second,
        keeps_country=app.keeps_country,
        keeps_city=app.keeps_city,
        late_data=app.late_data,
        hiding_rules=tuple(app.hiding_rules),
        hides_users=app.hides_users,
    )


def _salts(app: App) -> tuple[str, ...]:
    if not app.salt:
        return ()
    if app.previous_salt is None or app.previous_salt_until is None or app.previous_salt_until <= timezone.now():
        return (app.salt,)
    return (app.salt, app.previous_salt) if app.previous_salt else ()


def forget() -> None:
    """Forget everything, for tests and after a change of apps in this process."""
    _by_key.clear()
