"""Celery's way into alerts. In the queue `bulk`: what waits for strangers' servers holds up nobody; beat asks again."""

from datetime import UTC, datetime
from time import monotonic

from celery import shared_task

from profiles.crashes import alerts, spikes

SECONDS_PER_RUN = 20.0


@shared_task
def tell_alerts() -> None:
    """Make deliveries of what happened, and send those that are due."""
    ends_at = monotonic() + SECONDS_PER_RUN
    alerts.spread(datetime.now(tz=UTC))
    while alerts.deliver_next(datetime.now(tz=UTC)) and monotonic() < ends_at:
        pass


@shared_task
def note_spikes() -> None:
    """Look for groups that strike far more often than they used to."""
    spikes.note_spikes(datetime.now(tz=UTC))


@shared_task
def forget_old_deliveries() -> None:
    """Delete what was settled long ago."""
    alerts.forget_old(datetime.now(tz=UTC))
