"""What is remembered of users: each value that a property took, each consent given or withdrawn.

Written in batches, by callers that hold the users' locks; see `profiles.users.services`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from profiles.bulk import BulkTable

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


def move_memory(owner: UUID, new_owner: UUID, *, recorded_for: Collection[UUID] | None = None) -> None:
    """Give property and consent changes of one user to another; see `BulkTable.move`."""
    for table in (_PROPERTY_CHANGES, _CONSENT_CHANGES):
        table.move(owner, new_owner, recorded_for=recorded_for)
