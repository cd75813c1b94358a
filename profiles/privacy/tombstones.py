"""Marks that keep deleted data from coming back from a device that was offline, without saying whose they are."""

from collections.abc import Collection, Iterable
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from django.conf import settings
from django.db import connection

from profiles.bulk import array_literal
from profiles.privacy.models import Tombstone

Span = tuple[datetime | None, datetime]
"""After the first (None: ever), up to and with the second."""

_SET = """
INSERT INTO profiles_tombstone (device, until, since, app_id)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
ON CONFLICT DO NOTHING
"""


def digest_of(device_key: UUID) -> UUID:
    """Return what is kept of a device's key: nobody can make it without the instance's key."""
    key = settings.TOMBSTONE_KEY.encode()[:64]
    return UUID(bytes=blake2b(device_key.bytes, key=key, digest_size=16).digest())


def put(app_id: int, spans: Iterable[tuple[UUID, Span]]) -> None:
    """Mark devices, in the transaction that deletes their data: one statement."""
    rows = sorted((digest_of(device), until, since) for device, (since, until) in spans)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SET,
            [
                array_literal([device for device, _, _ in rows], "uuid"),
                array_literal([until for _, until, _ in rows], "timestamptz"),
                array_literal([since for _, _, since in rows], "timestamptz"),
                array_literal([app_id] * len(rows), "bigint"),
            ],
        )


def spans_of(device_keys: Collection[UUID]) -> dict[UUID, list[Span]]:
    """Return what was deleted of these devices. One query where nothing ever was, else two."""
    if not device_keys or not Tombstone.objects.exists():
        return {}
    keys = {digest_of(key): key for key in device_keys}
    found: dict[UUID, list[Span]] = {}
    for device, since, until in Tombstone.objects.filter(device__in=keys).values_list("device", "since", "until"):
        found.setdefault(keys[device], []).append((since, until))
    return found


def covers(spans: Iterable[Span], at: datetime) -> bool:
    """Tell whether data stamped `at` was deleted."""
    return any((since is None or since < at) and at <= until for since, until in spans)
