"""What is remembered of users: each value that a property took, each consent given or withdrawn.

Written in batches, by callers that hold the users' locks; see `profiles.users.services`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from profiles.bulk import BulkTable, Part, in_parts, part_arrays

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
    time="changed_at",
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
    time="changed_at",
)


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


def remember_properties(entries: Iterable[PropertyEntry]) -> None:
    """File property changes."""
    row = attrgetter(*_PROPERTY_CHANGES.columns)
    _PROPERTY_CHANGES.insert(map(row, entries))


def remember_consents(entries: Iterable[ConsentEntry]) -> None:
    """File consent changes."""
    row = attrgetter(*_CONSENT_CHANGES.columns)
    _CONSENT_CHANGES.insert(map(row, entries))


def move_memory(owner: UUID, new_owner: UUID, *, parts: Collection[Part] | None = None) -> None:
    """Give property and consent changes of one user to another; see `BulkTable.move`."""
    for table in (_PROPERTY_CHANGES, _CONSENT_CHANGES):
        table.move(owner, new_owner, parts=parts)


@dataclass(frozen=True, slots=True)
class Said:
    """One remembered change, or the newest of a property, and whether some parts of the history hold it."""

    is_in_parts: bool
    name: str
    value: Any
    changed_at: datetime
    id: int
    received_at: datetime


_NEWEST_PROPERTIES = f"""
SELECT DISTINCT ON (is_in_parts, name) {in_parts("c", "changed_at")} AS is_in_parts, name, value, changed_at, id,
    received_at
FROM profiles_propertychange c
WHERE user_id = %s
ORDER BY is_in_parts, name, changed_at DESC, id DESC
"""  # noqa: S608 - our own words
_CONSENTS = f"""
SELECT {in_parts("c", "changed_at")} AS is_in_parts, '' AS name, changes, changed_at, id, received_at
FROM profiles_consentchange c
WHERE user_id = %s
ORDER BY id
"""  # noqa: S608 - our own words


def newest_properties(user_id: UUID, parts: Collection[Part]) -> list[Said]:
    """Return the last change of each property, inside and outside of the parts. One query over the user's changes."""
    return _said(_NEWEST_PROPERTIES, user_id, parts)


def consents_said(user_id: UUID, parts: Collection[Part]) -> list[Said]:
    """Return every change of consent, as they came."""
    return _said(_CONSENTS, user_id, parts)


def _said(statement: str, user_id: UUID, parts: Collection[Part]) -> list[Said]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [*part_arrays(parts), user_id])
        return [
            Said(is_in_parts, name, None if value is None else msgspec.json.decode(value), changed_at, id_, received_at)
            for is_in_parts, name, value, changed_at, id_, received_at in cursor.fetchall()
        ]
