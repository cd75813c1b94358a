"""Fills the inbox without the door, for benchmarks of what comes behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from countly_profiles.bench import requests
from ingest.inbox import Arrival, append
from profiles.access.models import App
from profiles.users import keys

Body = Callable[[str, int, int, int], bytes]

_ROWS = 1000  # in one statement
_MS_BETWEEN = 0.2  # as if 5 000 came in a second
_LATENCY = timedelta(milliseconds=150)


def fill(
    app: App, count: int, *, users: int = requests.USERS, first_number: int = 0, body: Body = requests.body
) -> None:
    """Put requests into the inbox as if they had come in at a steady rate until now."""
    start = datetime.now(tz=UTC) - timedelta(milliseconds=count * _MS_BETWEEN) - _LATENCY
    shards: dict[str, int] = {}
    arrivals = []
    for number in range(first_number, first_number + count):
        device = requests.device_of(number, users)
        if device not in shards:
            shards[device] = keys.shard_of(keys.user_key(app.public_id, device))
        at = start + timedelta(milliseconds=(number - first_number) * _MS_BETWEEN)
        arrivals.append(
            Arrival(
                shard=shards[device],
                app_id=app.id,
                received_at=at + _LATENCY,
                query=b"",
                body=body(app.key, number, round(at.timestamp() * 1000), users),
                content_type=requests.CONTENT_TYPE,
                ip="85.105.1.7",
                user_agent="Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
            )
        )
        if len(arrivals) == _ROWS:
            append(arrivals)
            arrivals = []
    if arrivals:
        append(arrivals)
