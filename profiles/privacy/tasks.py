"""Celery's way into deletions. In the queue `bulk`, a few seconds at a time; beat asks again."""

from time import monotonic

from celery import shared_task

from profiles.privacy import erasures

SECONDS_PER_RUN = 4.0


@shared_task
def work_on_erasures() -> None:
    """Go on with deletions of users."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while erasures.work() and monotonic() < ends_at:
        pass
