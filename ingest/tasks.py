"""Celery's way into ingest: apply what waits, keep partitions ahead."""

import time
from datetime import UTC, datetime

from celery import shared_task

from ingest import apply, inbox, wake
from profiles.activity import partitions

SECONDS_AT_MOST = 20.0  # of one task, so that a warm shutdown need not wait long; what is left is found by the sweep


@shared_task
def apply_waiting() -> int:
    """Apply batches until nothing waits, and return how many requests were settled."""
    wake.taken()
    until = time.monotonic() + SECONDS_AT_MOST
    settled = 0
    while time.monotonic() < until:
        done = apply.apply_waiting()
        settled += done
        if not done:
            break
    return settled


@shared_task
def make_partitions() -> list[str]:
    """Make the partitions of the near future."""
    now = datetime.now(tz=UTC)
    return partitions.ensure(partitions.EVENTS, now) + partitions.ensure(inbox.REQUESTS, now)
