"""Deliveries as senders take and settle them: the SQL of it.

A message's deliveries are in lanes. Who sends a lane holds its advisory lock, of the session: it is gone with the
process, however that ends. So what the next holder finds in hand was being sent by somebody who is no more. Raw SQL:
claims and settlements are one statement for a whole batch.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from profiles.bulk import array_literal
from profiles.messages import totals
from profiles.messages.models import LANES, Delivery

_LOCKS: Final = 0x70757368  # "push": the class of advisory locks whose second key is a lane of a message
_NUMBERS: Final = 2**31


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in hand."""

    user_id: UUID
    token_key: UUID
    provider: str
    composed_at: datetime
    expires_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a delivery in hand; one that is queued again has a time for it."""

    claimed: Claimed
    state: Delivery.State
    reason: str = ""
    due_at: datetime | None = None
    attempts: int = 0


@contextmanager
def held(message_id: int, lane: int) -> Iterator[bool]:
    """Hold a message's lane; give False where somebody else does."""
    key = [_LOCKS, (message_id * LANES + lane) % _NUMBERS]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_mine: bool = cursor.fetchone()[0]
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


# Two probes of small indexes a lane.
_WAITING = """
SELECT lane FROM generate_series(0, %(lanes)s - 1) AS lane
WHERE EXISTS (SELECT FROM profiles_delivery d WHERE d.message_id = %(message)s AND d.lane = lane.lane
              AND d.state = 'queued' AND d.due_at <= %(now)s)
   OR EXISTS (SELECT FROM profiles_delivery d WHERE d.message_id = %(message)s AND d.lane = lane.lane
              AND d.state = 'sending')
ORDER BY lane
"""


def waiting(message_id: int, now: datetime) -> list[int]:
    """Return the lanes of a message that have something to do. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"message": message_id, "lanes": LANES, "now": now})
        return [lane for (lane,) in cursor.fetchall()]


def take_back(message_id: int, lane: int) -> int:
    """Queue again what a sender who is no more had in hand. The caller holds the lane."""
    return Delivery.objects.filter(message=message_id, lane=lane, state=Delivery.State.SENDING).update(
        state=Delivery.State.QUEUED
    )


# Along the index delivery_queued, from its beginning.
_CLAIM = """
UPDATE profiles_delivery d SET state = 'sending'
FROM (SELECT user_id, token_key FROM profiles_delivery
      WHERE message_id = %(message)s AND lane = %(lane)s AND state = 'queued' AND due_at <= %(now)s
        AND provider = ANY(%(providers)s::text[])
      ORDER BY due_at, user_id, token_key LIMIT %(limit)s) next
WHERE d.user_id = next.user_id AND d.message_id = %(message)s AND d.token_key = next.token_key
RETURNING d.user_id, d.token_key, d.provider, d.composed_at, d.expires_at, d.attempts
"""


def claim(message_id: int, lane: int, providers: Collection[str], now: datetime, limit: int) -> list[Claimed]:
    """Take the next deliveries that are due in hand, and commit that. The caller holds the lane."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "message": message_id,
                "lane": lane,
                "now": now,
                "providers": array_literal(sorted(providers), "text"),
                "limit": limit,
            },
        )
        return [Claimed(*row) for row in cursor.fetchall()]


# Rows are locked in the order of keys, as whoever notes what was opened does.
_LOCK = """
SELECT FROM profiles_delivery d JOIN unnest(%s::uuid[], %s::uuid[]) AS v (user_id, token_key)
    ON d.user_id = v.user_id AND d.token_key = v.token_key
WHERE d.message_id = %s ORDER BY d.user_id, d.token_key FOR UPDATE OF d
"""
_SETTLE = """
UPDATE profiles_delivery d
SET state = v.state, reason = v.reason, due_at = coalesce(v.due_at, d.due_at), attempts = v.attempts,
    settled_at = CASE WHEN v.state = 'queued' THEN NULL ELSE %s::timestamptz END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::smallint[])
    AS v (user_id, token_key, state, reason, due_at, attempts)
WHERE d.user_id = v.user_id AND d.message_id = %s AND d.token_key = v.token_key AND d.state = 'sending'
RETURNING d.provider, d.state, d.reason
"""


def settle(message_id: int, lane: int, settled: Sequence[Settled], now: datetime) -> None:
    """Write what became of deliveries in hand, and count it. The caller holds the lane."""
    if not settled:
        return
    users = array_literal((one.claimed.user_id for one in settled), "uuid")
    tokens = array_literal((one.claimed.token_key for one in settled), "uuid")
    counts: Counter[totals.Kind] = Counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [users, tokens, message_id])
        cursor.execute(
            _SETTLE,
            [
                now,
                users,
                tokens,
                array_literal((one.state.value for one in settled), "text"),
                array_literal((one.reason for one in settled), "text"),
                array_literal((one.due_at for one in settled), "timestamptz"),
                array_literal((one.attempts for one in settled), "smallint"),
                message_id,
            ],
        )
        for provider, state, reason in cursor.fetchall():
            if state != Delivery.State.QUEUED:
                counts[message_id, provider, state, reason] += 1
                counts[message_id, provider, Delivery.State.QUEUED.value, ""] -= 1
        totals.add(counts, lane)


# One row at a time in the order of keys; a token that its device has registered since is good again.
_DISABLE = """
UPDATE profiles_devicetoken t SET disabled_reason = v.reason
FROM (SELECT d.user_id, d.token_key, v.reason FROM profiles_devicetoken d
      JOIN unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS v (token_key, reason, gone_at)
        ON d.token_key = v.token_key
      WHERE d.app_id = %s AND d.last_registered_at <= v.gone_at
      ORDER BY d.user_id, d.token_key FOR UPDATE OF d) v
WHERE t.user_id = v.user_id AND t.token_key = v.token_key
"""


def disable_tokens(app_id: int, gone: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Send nothing more to tokens that a provider has called dead, unless they were registered after that moment."""
    if not gone:
        return
    keys, why, at = zip(*gone, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _DISABLE,
            [array_literal(keys, "uuid"), array_literal(why, "text"), array_literal(at, "timestamptz"), app_id],
        )
