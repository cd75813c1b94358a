"""Celery's way into deletions. In the queue `bulk`, a few seconds at a time; beat asks again."""

from datetime import UTC, datetime
from time import monotonic

from celery import shared_task

from profiles.privacy import app_erasure, erasures, retention

SECONDS_PER_RUN = 4.0


@shared_task
def work_on_erasures() -> None:
    """Go on with deletions of users."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while erasures.work() and monotonic() < ends_at:
        pass


@shared_task
def work_on_app_erasures() -> None:
    """Go on with resets and deletions of apps."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while app_erasure.work(datetime.now(tz=UTC)) and monotonic() < ends_at:
        pass


@shared_task
def keep_no_longer() -> None:
    """Delete events and users that their apps keep no longer."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while retention.work(datetime.now(tz=UTC)) and monotonic() < ends_at:
        pass
