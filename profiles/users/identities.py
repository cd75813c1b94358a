"""Whose a device id's data is: the one look-up that the computed key cannot answer.

A device whose user was absorbed keeps a row: what it stamped up to the merge belongs to the survivor. What it stamps
afterwards starts afresh, so that a phone that two people share never glues them together.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from profiles.users.models import Identity


class Identities:
    """Owners of devices by time, for the devices that a batch touches."""

    def __init__(self) -> None:
        self._owners: dict[UUID, list[tuple[datetime, UUID]]] = defaultdict(list)

    def add(self, device_key: UUID, until: datetime, user_id: UUID) -> None:
        """Say that what the device stamped up to `until` belongs to `user_id`."""
        insort(self._owners[device_key], (until, user_id))

    def owner(self, device_key: UUID, at: datetime) -> UUID:
        """Return the user to whom data of a device belongs that is stamped `at`."""
        rows = self._owners.get(device_key)
        if not rows:
            return device_key
        place = bisect_left(rows, at, key=lambda row: row[0])
        return rows[place][1] if place < len(rows) else device_key

    def merge(self, absorbed: UUID, at: datetime, survivor: UUID) -> None:
        """Follow a merge: everything that belonged to the absorbed user is the survivor's."""
        for rows in self._owners.values():
            for index, (until, user_id) in enumerate(rows):
                if user_id == absorbed:
                    rows[index] = (until, survivor)
        self.add(absorbed, at, survivor)

    def users(self) -> set[UUID]:
        """Return every user that owns data of another device."""
        return {user_id for rows in self._owners.values() for _, user_id in rows}


def load_identities(device_keys: Collection[UUID]) -> Identities:
    """Return the owners of these devices, in one query."""
    identities = Identities()
    rows = Identity.objects.filter(device_key__in=device_keys).values_list("device_key", "until", "user_id")
    for device_key, until, user_id in rows:
        identities.add(device_key, until, user_id)
    return identities
