"""Writes about users, in batches: new users and their short ids, profiles, activity, totals, property memory.

Callers hold the lock of every user's shard, so what is loaded here stays true until the transaction ends. Rows are
loaded and written whole, by key, in key order. Raw SQL through `BulkTable`; the reason is in `profiles.bulk`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from profiles.bulk import BulkTable, array_literal
from profiles.users import keys
from profiles.users.device_names import find_names
from profiles.users.models import DeviceModel

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

_PROPERTY_CHANGES = BulkTable(
    "profiles_propertychange",
    {
        "user_id": "uuid",
        "changed_at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "received_at": "timestamptz",
        "name": "text",
        "value": "jsonb",
        "source": "text",
    },
    key=("user_id", "changed_at", "id"),
)
_CONSENT_CHANGES = BulkTable(
    "profiles_consentchange",
    {
        "user_id": "uuid",
        "changed_at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "received_at": "timestamptz",
        "changes": "jsonb",
    },
    key=("user_id", "changed_at", "id"),
)
_TOKENS = BulkTable(
    "profiles_devicetoken",
    {
        "user_id": "uuid",
        "token_key": "uuid",
        "provider": "text",
        "environment": "text",
        "token": "text",
        "app_id": "bigint",
        "original_user_id": "uuid",
        "locale": "text",
        "registered_at": "timestamptz",
        "last_registered_at": "timestamptz",
        "disabled_reason": "text",
    },
    key=("user_id", "token_key"),
    kept=frozenset({"provider", "token", "app_id", "original_user_id"}),
    least=frozenset({"registered_at"}),
    greatest=frozenset({"last_registered_at"}),
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


MODELS_AT_ONCE = 500

ACTIVITY_COLUMNS = tuple(_ACTIVITY.columns)
_activity_row = attrgetter(*ACTIVITY_COLUMNS)  # `dataclasses.astuple` copies deeply, at the price of the statement


@dataclass(slots=True)
class PropertyEntry:
    """One change to remember: `name` is a detail's column or custom.<name>; a None value says deleted."""

    user_id: UUID
    changed_at: datetime
    id: int
    original_user_id: UUID
    received_at: datetime
    name: str
    value: Any
    source: str = "sdk"


@dataclass(slots=True)
class ConsentEntry:
    """What one request allowed or withdrew: feature to its new boolean."""

    user_id: UUID
    changed_at: datetime
    id: int
    original_user_id: UUID
    received_at: datetime
    changes: dict[str, bool]


@dataclass(slots=True)
class TokenEntry:
    """A push token that a device registered at a time of its own clock; an empty token says that it has none."""

    user_id: UUID
    app_id: int
    original_user_id: UUID
    provider: str
    environment: str
    token: str
    locale: str
    registered_at: datetime


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


def remember_properties(entries: Iterable[PropertyEntry]) -> None:
    """File property changes."""
    row = attrgetter(*_PROPERTY_CHANGES.columns)
    _PROPERTY_CHANGES.insert(map(row, entries))


def remember_consents(entries: Iterable[ConsentEntry]) -> None:
    """File consent changes."""
    row = attrgetter(*_CONSENT_CHANGES.columns)
    _CONSENT_CHANGES.insert(map(row, entries))


def token_key(provider: str, token: str) -> UUID:
    """Return the short name of a push token in keys and indexes."""
    return UUID(bytes=blake2b(f"{provider}:{token}".encode(), digest_size=16).digest())


def register_tokens(entries: Sequence[TokenEntry]) -> None:
    """Register push tokens, the later registration winning; a token moves from whoever in the app had it before.

    An empty token removes the user's tokens of that provider.
    """
    newest: dict[tuple[int, UUID], TokenEntry] = {}
    with connection.cursor() as cursor:
        for entry in entries:
            if entry.token:
                newest[entry.app_id, token_key(entry.provider, entry.token)] = entry
            else:
                newest = {key: e for key, e in newest.items() if e.user_id != entry.user_id}
                cursor.execute(
                    "DELETE FROM profiles_devicetoken WHERE user_id = %s AND provider = %s",
                    [entry.user_id, entry.provider],
                )
        for (app_id, key), entry in sorted(newest.items(), key=itemgetter(0)):
            cursor.execute(
                "DELETE FROM profiles_devicetoken WHERE app_id = %s AND token_key = %s AND user_id <> %s",
                [app_id, key, entry.user_id],
            )
    _TOKENS.upsert(
        [
            (
                entry.user_id,
                key,
                entry.provider,
                entry.environment,
                entry.token,
                entry.app_id,
                entry.original_user_id,
                entry.locale,
                entry.registered_at,
                entry.registered_at,
                "",
            )
            for (_, key), entry in newest.items()
        ]
    )


def move_memory(owner: UUID, new_owner: UUID, *, recorded_for: Collection[UUID] | None = None) -> None:
    """Give property and consent changes and push tokens of one user to another; see `BulkTable.move`."""
    for table in (_PROPERTY_CHANGES, _CONSENT_CHANGES, _TOKENS):
        table.move(owner, new_owner, recorded_for=recorded_for)


def forget_user(user_id: UUID) -> None:
    """Delete the two rows of a user who is somebody else now; the totals are the caller's."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM profiles_useractivity WHERE user_id = %s", [user_id])
        cursor.execute("DELETE FROM profiles_appuser WHERE id = %s", [user_id])


def device_names_of(models: Collection[str]) -> dict[str, str | None]:
    """Return what these device models are called, as far as is known; those never seen before are noted down."""
    if not models:
        return {}
    wanted = [array_literal(sorted(models), "text")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT model, name FROM profiles_devicemodel WHERE model = ANY(%s::text[])", wanted)
        known: dict[str, str | None] = dict(cursor.fetchall())
        if len(known) < len(models):
            cursor.execute(
                "INSERT INTO profiles_devicemodel (model) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", wanted
            )
    return known


def look_up_device_names(now: datetime) -> int:
    """Find out what new device models are called, tell the profiles, and return how many models there were.

    One pass over the profiles for all new models together; there are few once an app is known.
    """
    new = list(DeviceModel.objects.filter(looked_up_at=None).values_list("model", flat=True)[:MODELS_AT_ONCE])
    if not new:
        return 0
    names = find_names(new)
    with transaction.atomic():
        DeviceModel.objects.filter(model__in=new).update(looked_up_at=now)
        found = [array_literal(names.keys(), "text"), array_literal(names.values(), "text")]
        with connection.cursor() as cursor:
            for table, model, name in (
                ("profiles_devicemodel", "model", "name"),
                ("profiles_appuser", "device", "device_name"),
            ):
                cursor.execute(
                    f"UPDATE {table} t SET {name} = f.name"  # noqa: S608 - names from this loop
                    f" FROM unnest(%s::text[], %s::text[]) AS f (model, name) WHERE t.{model} = f.model",
                    found,
                )
    return len(new)
