"""Push tokens: which device of whom a message can be sent to.

Written in batches, by callers that hold the users' locks; see `profiles.users.services`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from uuid import UUID

from django.db import connection

from profiles.bulk import BulkTable, Part

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
    kept=frozenset({"provider", "token", "app_id"}),
    least=frozenset({"registered_at"}),
    greatest=frozenset({"last_registered_at"}),
    time="last_registered_at",
)


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


def move_tokens(owner: UUID, new_owner: UUID, *, parts: Collection[Part] | None = None) -> None:
    """Give push tokens of one user to another; see `BulkTable.move`."""
    _TOKENS.move(owner, new_owner, parts=parts)
