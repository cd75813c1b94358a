"""Counters of ingest for Prometheus, added up over all processes by `/metrics`."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter

_SETTLED = Counter(
    "ingest_settled_requests", "Requests that were settled, by what became of them.", ["verdict", "reason"]
)


def count_settled(outcomes: Iterable[tuple[str, str]]) -> None:
    """Count settled requests, given as (verdict, reason); call it after the commit, once for a batch."""
    for (verdict, reason), times in Tally(outcomes).items():
        _SETTLED.labels(verdict=verdict, reason=reason).inc(times)
