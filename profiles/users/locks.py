"""Locks of shards: who writes about a user holds the lock of the shard that its key falls in."""

from collections.abc import Collection

from django.db import connection

from profiles.bulk import array_literal

SHARD_LOCKS = 0x696E6772  # "ingr": the class of advisory locks whose second key is a shard


def lock_shards(shards: Collection[int]) -> None:
    """Wait for the shards' locks, in one order for everybody, and hold them until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, shard) FROM (SELECT unnest(%s::integer[]) AS shard ORDER BY 1) ordered",
            [SHARD_LOCKS, array_literal(shards, "integer")],
        )
