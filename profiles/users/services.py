"""Writes about users, in batches: new users and their short ids, profiles, activity, totals.

Callers hold the lock of every user's shard, so what is loaded here stays true until the transaction ends. Rows are
loaded and written whole, by key, in key order. Raw SQL through `BulkTable`; the reason is in `profiles.bulk`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from profiles.bulk import BulkTable, array_literal
from profiles.users import keys

_PROFILE = BulkTable(
    "profiles_appuser",
    {
        "id": "uuid",
        "app_id": "bigint",
        "uid": "text",
        "device_id": "text",
        "device_id_type": "smallint",
        "is_identified": "boolean",
        "created_at": "timestamptz",
        "name": "text",
        "username": "text",
        "email": "text",
        "organization": "text",
        "phone": "text",
        "gender": "text",
        "birth_year": "smallint",
        "picture": "text",
        "custom": "jsonb",
        "property_times": "jsonb",
        "former_values": "text",
        "platform": "text",
        "platform_version": "text",
        "device": "text",
        "device_name": "text",
        "device_type": "text",
        "manufacturer": "text",
        "carrier": "text",
        "resolution": "text",
        "density": "text",
        "orientation": "text",
        "has_hinge": "boolean",
        "locale": "text",
        "language": "text",
        "app_version": "text",
        "browser": "text",
        "browser_version": "text",
        "source": "text",
        "source_channel": "text",
        "sdk_name": "text",
        "sdk_version": "text",
        "timezone_offset_minutes": "smallint",
        "facts_at": "timestamptz",
        "country": "text",
        "region": "text",
        "city": "text",
        "latitude": "double precision",
        "longitude": "double precision",
        "place_at": "timestamptz",
        "consent": "jsonb",
        "campaign": "jsonb",
        "health": "jsonb",
    },
    key=("id",),
    kept=frozenset({"app_id", "created_at"}),
)
PROFILE_COLUMNS = tuple(_PROFILE.columns)
JSON_COLUMNS = tuple(name for name, kind in _PROFILE.columns.items() if kind == "jsonb")
_profile_row = itemgetter(*PROFILE_COLUMNS)
_SELECT_PROFILES = f"SELECT {', '.join(PROFILE_COLUMNS)} FROM profiles_appuser WHERE id = ANY(%s::uuid[])"  # noqa: S608 - our columns

_ACTIVITY = BulkTable(
    "profiles_useractivity",
    {
        "user_id": "uuid",
        "app_id": "bigint",
        "is_identified": "boolean",
        "first_seen_at": "timestamptz",
        "last_seen_at": "timestamptz",
        "sessions_count": "integer",
        "total_seconds": "bigint",
        "events_count": "bigint",
        "crashes_count": "integer",
        "last_signal_at": "timestamptz",
        "session_id": "bigint",
        "session_started_at": "timestamptz",
        "session_last_signal_at": "timestamptz",
        "session_ended_at": "timestamptz",
        "session_seconds": "integer",
    },
    key=("user_id",),
    kept=frozenset({"app_id"}),
)
_SELECT_ACTIVITY = (
    f"SELECT {', '.join(_ACTIVITY.columns)} FROM profiles_useractivity"  # noqa: S608 - our columns
    " WHERE user_id = ANY(%s::uuid[])"
)

_TOTALS = BulkTable(
    "profiles_apptotals",
    {"app_id": "bigint", "shard": "smallint", "users": "bigint", "identified": "bigint"},
    key=("app_id", "shard"),
    added=frozenset({"users", "identified"}),
)


@dataclass(slots=True)
class Activity:
    """A `UserActivity` row in memory, in the order of its columns."""

    user_id: UUID
    app_id: int
    is_identified: bool = False
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    sessions_count: int = 0
    total_seconds: int = 0
    events_count: int = 0
    crashes_count: int = 0
    last_signal_at: datetime | None = None
    session_id: int | None = None
    session_started_at: datetime | None = None
    session_last_signal_at: datetime | None = None
    session_ended_at: datetime | None = None
    session_seconds: int = 0

    def see(self, at: datetime) -> None:
        """Widen first and last seen to take in `at`, in whichever order requests come."""
        if self.first_seen_at is None or at < self.first_seen_at:
            self.first_seen_at = at
        if self.last_seen_at is None or at > self.last_seen_at:
            self.last_seen_at = at


ACTIVITY_COLUMNS = tuple(_ACTIVITY.columns)
_activity_row = attrgetter(*ACTIVITY_COLUMNS)  # `dataclasses.astuple` copies deeply, at the price of the statement


def new_profile(*, user_id: UUID, app_id: int, device_id: str, created_at: datetime) -> dict[str, Any]:
    """Return the columns of a user of whom nothing is known yet; the uid is given by `give_uids`."""
    profile: dict[str, Any] = dict.fromkeys(PROFILE_COLUMNS)
    profile.update(
        id=user_id,
        app_id=app_id,
        device_id=device_id,
        created_at=created_at,
        is_identified=False,
        former_values="",
        custom={},
        property_times={},
        consent={},
        campaign={},
        health={},
    )
    return profile


_TYPES: dict[str, Any] = {"uuid": UUID, "timestamptz": datetime}


def from_json(snapshot: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a snapshot of both rows, kept as plain JSON, as it was; nothing for none."""
    kinds = {**_PROFILE.columns, **_ACTIVITY.columns}
    return {
        name: msgspec.convert(value, _TYPES[kinds[name]]) if value is not None and kinds[name] in _TYPES else value
        for name, value in (snapshot or {}).items()
    }


def set_crashes_count(user_id: UUID, count: int) -> None:
    """Write how many crashes a user had."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_useractivity SET crashes_count = %s WHERE user_id = %s", [count, user_id])


def load_activity(user_ids: Collection[UUID]) -> dict[UUID, Activity]:
    """Return what is there of these users, by key, in one query."""
    if not user_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SELECT_ACTIVITY, [array_literal(user_ids, "uuid")])
        return {row[0]: Activity(*row) for row in cursor.fetchall()}


def load_profiles(user_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the profiles that are there, as columns by name, in one query."""
    if not user_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SELECT_PROFILES, [array_literal(user_ids, "uuid")])
        profiles = {}
        for row in cursor.fetchall():
            profile = dict(zip(PROFILE_COLUMNS, row, strict=True))
            for column in JSON_COLUMNS:
                profile[column] = msgspec.json.decode(profile[column])
            profiles[profile["id"]] = profile
        return profiles


def save_activity(rows: Iterable[Activity]) -> None:
    """Write activity rows, new or changed, in one statement."""
    _ACTIVITY.upsert(map(_activity_row, rows))


def save_profiles(profiles: Iterable[dict[str, Any]]) -> None:
    """Write profiles, new or changed, in one statement."""
    _PROFILE.upsert(map(_profile_row, profiles))


def give_uids(profiles: Iterable[dict[str, Any]]) -> None:
    """Give each profile that has no uid yet the next one of its app.

    Holds the app's counter row until the transaction ends: call it last before writing.
    """
    nameless: dict[int, list[dict[str, Any]]] = {}
    for profile in profiles:
        if profile["uid"] is None:
            nameless.setdefault(profile["app_id"], []).append(profile)
    with connection.cursor() as cursor:
        for app_id in sorted(nameless):
            newcomers = nameless[app_id]
            cursor.execute(
                "INSERT INTO profiles_uidcounter AS c (app_id, last_number) VALUES (%s, %s)"
                " ON CONFLICT (app_id) DO UPDATE SET last_number = c.last_number + excluded.last_number"
                " RETURNING last_number",
                [app_id, len(newcomers)],
            )
            first = cursor.fetchone()[0] - len(newcomers) + 1
            for number, profile in enumerate(newcomers, first):
                profile["uid"] = keys.uid(number)


def count_users(users: Mapping[tuple[int, int], int], identified: Mapping[tuple[int, int], int]) -> None:
    """Add to the apps' totals what changed, by (app id, shard)."""
    changed = sorted({*users, *identified})
    _TOTALS.upsert(
        [
            (app_id, shard, users.get((app_id, shard), 0), identified.get((app_id, shard), 0))
            for app_id, shard in changed
        ]
    )


def forget_user(user_id: UUID) -> None:
    """Delete the two rows of a user who is somebody else now; the totals are the caller's."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM profiles_useractivity WHERE user_id = %s", [user_id])
        cursor.execute("DELETE FROM profiles_appuser WHERE id = %s", [user_id])
