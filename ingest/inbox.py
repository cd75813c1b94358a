"""The inbox in SQL: append, claim, settle. Nothing else writes these two tables.

A request waits in `ingest_inboxrequest`. A worker holds the advisory locks of the shards that it works on, reads a
prefix of what waits there in id order, and in one transaction writes what came of it, deletes it here and files it,
raw, in `ingest_request`. What waits is found by being there, never by a remembered last id, so a request whose id is
lower but whose commit came later is not skipped.

Raw SQL: the append is the hot path (an ORM insert costs more than the insert), and locks, COPY and unnest have no ORM.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ingest.metrics import count_settled, timed_store
from ingest.models import IngestRequest
from profiles.activity.partitions import PartitionedTable
from profiles.bulk import BulkTable, array_literal

REQUESTS = PartitionedTable("ingest_request", "day", ahead=3)

Verdict = IngestRequest.Verdict

NOBODY = UUID(int=0)  # the device of a request that named none


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as the HTTP door took it."""

    shard: int
    app_id: int
    received_at: datetime
    query: bytes
    body: bytes
    content_type: str
    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An arrival that is durable and waits to be applied."""

    id: int
    app_id: int
    received_at: datetime
    query: bytes
    body: bytes
    content_type: str
    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a request."""

    request: Waiting
    device_key: UUID
    user_id: UUID | None
    stamped_at: datetime | None
    digest: UUID | None
    verdict: IngestRequest.Verdict
    reason: str = ""
    notes: dict[str, int] | None = None


_APPEND = (
    "INSERT INTO ingest_inboxrequest (shard, app_id, received_at, query, body, content_type, ip, user_agent) VALUES "
)
_WAITING_WHERE = (
    "SELECT id, app_id, received_at, query, body, content_type, ip, user_agent FROM ingest_inboxrequest WHERE "
)
_ONE_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s)"

_SETTLED = BulkTable(
    "ingest_request",
    {
        "device_key": "uuid",
        "received_at": "timestamptz",
        "id": "bigint",
        "app_id": "bigint",
        "user_id": "uuid",
        "stamped_at": "timestamptz",
        "digest": "uuid",
        "settled_at": "timestamptz",
        "verdict": "smallint",
        "reason": "text",
        "notes": "jsonb",
        "query": "bytea",
        "body": "bytea",
        "content_type": "text",
        "ip": "text",
        "user_agent": "text",
    },
    key=("device_key", "received_at", "id"),
)


def append(arrivals: Sequence[Arrival]) -> None:
    """Write arrivals durably, all or none: outside a transaction they are committed when this returns."""
    values: list[Any] = []
    for a in arrivals:
        values += (
            a.shard,
            a.app_id,
            a.received_at,
            a.query,
            a.body,
            a.content_type,
            a.ip,
            a.user_agent,
        )
    with timed_store(len(arrivals)), connection.cursor() as cursor:
        cursor.execute(_APPEND + ",".join([_ONE_ROW] * len(arrivals)), values)


def claim(shards: Collection[int], limit: int, *, passing_over: Collection[int] = ()) -> list[Waiting]:
    """Return the oldest `limit` requests that wait in shards whose locks are held, in id order.

    Walks the primary key from its start; settled rows are gone, so what it walks is what waits.
    """
    return _waiting(
        "shard = ANY(%s::smallint[]) AND id <> ALL(%s::bigint[]) ORDER BY id LIMIT %s",
        [array_literal(shards, "smallint"), array_literal(passing_over, "bigint"), limit],
    )


def find(ids: Collection[int]) -> list[Waiting]:
    """Return those of these requests that still wait."""
    return _waiting("id = ANY(%s::bigint[])", [array_literal(ids, "bigint")])


def _waiting(which: str, parameters: Sequence[Any]) -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_WHERE + which, parameters)
        return [
            Waiting(id_, app_id, received_at, bytes(query), bytes(body), content_type, ip, user_agent)
            for id_, app_id, received_at, query, body, content_type, ip, user_agent in cursor.fetchall()
        ]


def settle(settlements: Sequence[Settlement], now: datetime) -> None:
    """Delete settled requests from the inbox and file them, in the caller's transaction; count them after it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ingest_inboxrequest WHERE id = ANY(%s::bigint[])",
            [array_literal((s.request.id for s in settlements), "bigint")],
        )
    _file(settlements, now)


def file_refused(refused: Sequence[tuple[Arrival, UUID, str]]) -> None:
    """File, durably, arrivals that can never be applied: each with its device's key and the reason. They never wait."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('ingest_inboxrequest', 'id')) FROM generate_series(1, %s)",
                [len(refused)],
            )
            ids = [id_ for (id_,) in cursor.fetchall()]
        _file(
            [
                Settlement(
                    request=Waiting(id_, a.app_id, a.received_at, a.query, a.body, a.content_type, a.ip, a.user_agent),
                    device_key=device_key,
                    user_id=None,
                    stamped_at=None,
                    digest=None,
                    verdict=Verdict.REFUSED,
                    reason=reason,
                )
                for id_, (a, device_key, reason) in zip(ids, refused, strict=True)
            ],
            datetime.now(tz=UTC),
        )


def _file(settlements: Sequence[Settlement], now: datetime) -> None:
    """File what became of requests, raw; count them after the commit."""
    _SETTLED.insert(
        [
            (
                s.device_key,
                s.request.received_at,
                s.request.id,
                s.request.app_id,
                s.user_id,
                s.stamped_at,
                s.digest,
                now,
                s.verdict,
                s.reason,
                s.notes,
                s.request.query,
                s.request.body,
                s.request.content_type,
                s.request.ip,
                s.request.user_agent,
            )
            for s in settlements
        ]
    )
    outcomes = [(s.verdict.name.lower(), s.reason) for s in settlements]
    received = [s.request.received_at for s in settlements]
    transaction.on_commit(lambda: count_settled(outcomes, received, datetime.now(tz=UTC)))


# Moves requests back: what was refused once must not be refused again by the old row, nor stand there twice.
_RESUBMIT = """
WITH refused AS (
    DELETE FROM ingest_request
    WHERE verdict = %s AND received_at >= %s AND (%s = '' OR reason = %s)
    RETURNING id, app_id, received_at, query, body, content_type, ip, user_agent
)
INSERT INTO ingest_inboxrequest (shard, app_id, received_at, query, body, content_type, ip, user_agent)
SELECT 0, app_id, received_at, query, body, content_type, ip, user_agent FROM refused ORDER BY id
"""


def resubmit_refused(since: datetime, reason: str = "") -> int:
    """Put refused requests back into the inbox, oldest first, and return how many.

    All into one shard: the batch takes the locks of the shards that their users turn out to live in.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RESUBMIT, [int(Verdict.REFUSED), since, reason, reason])
        count: int = cursor.rowcount
        return count


def forget_app(app_id: int) -> int:
    """Delete what waits for an app, and return how many; the caller holds every shard's lock."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ingest_inboxrequest WHERE app_id = %s", [app_id])
        return int(cursor.rowcount)


def empty_before(app_id: int, moment: datetime) -> int:
    """Take everything that was sent out of an app's raw requests received before `moment`; return how many had some.

    The rows stay until their day is dropped, because retries are found by them. Reads the old days of all apps: they
    have no index by app, which every request would pay for.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ingest_request SET query = '', body = '', ip = '', user_agent = '', content_type = ''"
            " WHERE app_id = %s AND received_at < %s AND (query <> '' OR body <> '')",
            [app_id, moment],
        )
        return int(cursor.rowcount)


def applied_digests(floors: dict[UUID, datetime]) -> set[tuple[UUID, UUID]]:
    """Return (device key, digest) of what was applied for each device since its floor.

    A retry cannot have been received before its own stamp, so a live device costs a look at the end of its range
    of the key. The lowest floor is passed apart because only a constant prunes partitions.
    """
    if not floors:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.device_key, r.digest FROM unnest(%s::uuid[], %s::timestamptz[]) AS d (device_key, floor)"
            " JOIN ingest_request r ON r.device_key = d.device_key AND r.received_at >= d.floor"
            " WHERE r.received_at >= %s AND r.digest IS NOT NULL AND r.verdict IN (1, 2)",
            [
                array_literal(floors.keys(), "uuid"),
                array_literal(floors.values(), "timestamptz"),
                min(floors.values()),
            ],
        )
        return {(device_key, digest) for device_key, digest in cursor.fetchall()}


def length_at_most() -> int:
    """Return how many requests can be waiting, from the first id and the last: two looks at the key's index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id) - min(id) + 1, 0) FROM ingest_inboxrequest")
        return int(cursor.fetchone()[0])


def backlog() -> tuple[int, float]:
    """Return how many requests wait (counted up to 100 000) and for how many seconds the oldest has waited."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM ingest_inboxrequest LIMIT 100000) w),"
            " coalesce((SELECT extract(epoch FROM clock_timestamp() - received_at) FROM ingest_inboxrequest"
            " ORDER BY id LIMIT 1), 0)"
        )
        waiting, seconds = cursor.fetchone()
    return waiting, max(0.0, float(seconds))
