"""Celery's way into ingest: apply what waits, keep partitions ahead."""

import logging
import time
from datetime import UTC, datetime, timedelta

from celery import shared_task
from django.conf import settings

from ingest import apply, inbox, metrics, wake
from profiles.access.models import App
from profiles.activity import partitions, view_ends

# After every request of a batch failed: the fault is ours and stays until somebody mends it, so say it now and then.
SECONDS_OF_REST = 30.0
SECONDS_AT_MOST = 20.0  # of one task, so that a warm shutdown need not wait long; what is left is found by the sweep

log = logging.getLogger(__name__)

_resting_until = 0.0


@shared_task
def apply_waiting() -> int:
    """Apply batches until nothing waits, and return how many requests were settled."""
    global _resting_until
    wake.taken()
    if time.monotonic() < _resting_until:
        return 0
    until = time.monotonic() + SECONDS_AT_MOST
    settled = 0
    while time.monotonic() < until:
        started = time.perf_counter()
        try:
            done = apply.apply_waiting()
        except apply.SystemicFailureError:
            log.critical("nothing_can_be_applied", exc_info=True)
            _resting_until = time.monotonic() + SECONDS_OF_REST
            break
        if not done:
            break
        metrics.count_batch(done, time.perf_counter() - started)
        settled += done
    return settled


@shared_task
def make_partitions() -> list[str]:
    """Make the partitions of the near future."""
    now = datetime.now(tz=UTC)
    return partitions.ensure(partitions.EVENTS, now) + partitions.ensure(inbox.REQUESTS, now)


@shared_task
def drop_old_requests() -> list[str]:
    """Drop raw requests that are older than they are kept, and ends of views that waited as long for their visits."""
    before = datetime.now(tz=UTC) - timedelta(days=settings.REQUESTS_KEPT_DAYS)
    view_ends.forget_before(before)
    return partitions.drop_before(inbox.REQUESTS, before)


@shared_task
def forget_requests_of_apps() -> int:
    """Empty raw requests of apps that keep them for a shorter time than the instance does; return how many."""
    now = datetime.now(tz=UTC)
    kept = App.objects.filter(requests_kept_days__lt=settings.REQUESTS_KEPT_DAYS)
    return sum(
        inbox.empty_before(app_id, now - timedelta(days=days))
        for app_id, days in kept.values_list("id", "requests_kept_days")
        if days is not None
    )
