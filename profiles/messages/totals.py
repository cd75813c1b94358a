"""Counts of deliveries by what became of them: added to in the transaction that changes the deliveries."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Final, TypeAlias

from profiles.bulk import BulkTable

COMPOSER: Final = -1
FIRST_OF_INGEST: Final = 1000

Kind: TypeAlias = tuple[int, str, str, str]  # message, provider, outcome, reason

_TOTALS = BulkTable(
    "profiles_messagetotal",
    {
        "message_id": "bigint",
        "provider": "text",
        "outcome": "text",
        "reason": "text",
        "lane": "smallint",
        "count": "bigint",
    },
    key=("message_id", "provider", "outcome", "reason", "lane"),
    added=frozenset({"count"}),
)


def add(counts: Mapping[Kind, int], lane: int) -> None:
    """Add to the counts, in one statement. `lane` names who counts: no two at a time use one."""
    changed = sorted(((kind, count) for kind, count in counts.items() if count), key=itemgetter(0))
    _TOTALS.upsert([(*kind, lane, count) for kind, count in changed])
