"""Figures of ingest for Prometheus, added up over all processes by `/metrics`.

Nothing is observed for each request apart: a commit or a batch is one observation, whatever it holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter

from prometheus_client import Counter, Histogram

# Seconds from the arrival of a request to the commit that put it on the profile.
APPLIED_WITHIN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_STORED = Counter("ingest_stored_requests", "Requests that were committed to the inbox.")
_STORE = Histogram("ingest_store_seconds", "Time of one commit to the inbox, of one request or many.", buckets=_SECONDS)
_TURNED_AWAY = Counter("ingest_turned_away_requests", "Requests that were not taken, by reason.", ["reason"])
_SETTLED = Counter(
    "ingest_settled_requests", "Requests that were settled, by what became of them.", ["verdict", "reason"]
)
_APPLIED_WITHIN = Counter(
    "ingest_settled_within_requests", "Requests that were settled within so many seconds of their arrival.", ["seconds"]
)
_BATCH = Histogram("ingest_batch_seconds", "Time of one batch that was applied, commit included.", buckets=_SECONDS)
_BATCH_REQUESTS = Histogram(
    "ingest_batch_requests", "Requests in one batch.", buckets=(1, 10, 30, 100, 300, 1000, 2000, 3000, 5000)
)


@contextmanager
def timed_store(requests: int) -> Iterator[None]:
    """Count requests that are stored inside, and the time that it takes; nothing when it fails."""
    started = perf_counter()
    yield
    _STORE.observe(perf_counter() - started)
    _STORED.inc(requests)


def count_turned_away(reason: str, requests: int = 1) -> None:
    """Count requests that were not taken. `reason` is one of a closed set of slugs."""
    _TURNED_AWAY.labels(reason=reason).inc(requests)


def count_settled(outcomes: Iterable[tuple[str, str]], received: Sequence[datetime], now: datetime) -> None:
    """Count settled requests, given as (verdict, reason), and how long they took; call it after the commit."""
    for (verdict, reason), times in Tally(outcomes).items():
        _SETTLED.labels(verdict=verdict, reason=reason).inc(times)
    ages = sorted((now - at).total_seconds() for at in received)
    for seconds in APPLIED_WITHIN:
        _APPLIED_WITHIN.labels(seconds=f"{seconds:g}").inc(bisect_right(ages, seconds))


def count_batch(requests: int, seconds: float) -> None:
    """Count a batch that was applied and committed."""
    _BATCH.observe(seconds)
    _BATCH_REQUESTS.observe(requests)
