"""The queue of users for whom something derived must be computed again: how a computation takes its share.

Marks are written by `profiles.activity.services.mark_stale`, in the transaction that changed the user.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from profiles.activity.models import Stale

LATE = timedelta(seconds=5)  # results usually follow within one

# First half of the advisory locks below; the second is the kind.
_CONSUMER_LOCK = 0x7374616C  # "stal"
_RESULT_LOCK = 0x64657276  # "derv"

# Reads the index stale_queue from its start, then deletes by primary key. A user's other marks go along: all of them
# were committed before this statement began, so the computation that follows sees what they stand for.
# Raw SQL because Django cannot delete by a limited subquery and return what it deleted.
_CLAIM = """
WITH oldest AS (
    SELECT DISTINCT user_id
    FROM (SELECT user_id FROM profiles_stale WHERE kind = %(kind)s ORDER BY since LIMIT %(limit)s) AS marks
), claimed AS (
    DELETE FROM profiles_stale USING oldest
    WHERE profiles_stale.user_id = oldest.user_id AND profiles_stale.kind = %(kind)s
    RETURNING profiles_stale.user_id, profiles_stale.app_id
)
SELECT DISTINCT ON (user_id) user_id, app_id FROM claimed ORDER BY user_id
"""


def lock_results(kind: Stale.Kind) -> None:
    """Wait until this transaction alone computes results of `kind`.

    A computation reads, then writes. Without the lock, one that read early could write last, over a newer result, and
    the mark that asked for the newer one would be gone. Take it before reading: each statement sees what was
    committed before it began.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_RESULT_LOCK, int(kind)])


@contextmanager
def claimed(kind: Stale.Kind, limit: int) -> Iterator[dict[UUID, int]]:
    """Open a transaction, take up to `limit` of the oldest marks away in it and give their users, with their app's id.

    The block computes and writes the results in the same transaction, so that a kill loses no mark. Gives nothing
    while another process is at it: it will come to these marks too. Holds `lock_results`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_CONSUMER_LOCK, int(kind)])
        if not cursor.fetchone()[0]:
            yield {}
            return
        cursor.execute("SELECT EXISTS (SELECT FROM profiles_stale WHERE kind = %s)", [int(kind)])
        if not cursor.fetchone()[0]:
            yield {}
            return
        lock_results(kind)
        cursor.execute(_CLAIM, {"kind": int(kind), "limit": limit})
        yield dict(cursor.fetchall())


def waiting_since(kind: Stale.Kind) -> datetime | None:
    """Return when the oldest mark of `kind` was made; None when nothing waits."""
    return Stale.objects.filter(kind=kind).order_by("since").values_list("since", flat=True).first()


def behind_since(kind: Stale.Kind, now: datetime) -> datetime | None:
    """Return since when results of `kind` may be missing what came in; None: they hold all, or are about to.

    Marks are worked off oldest first, so results hold everything that was received before.
    """
    since = waiting_since(kind)
    return since if since is not None and now - since > LATE else None
