"""Keeps completions right: for users who did something, and over all history for new and changed funnels.

What follows single users is in the queue `derive`; what reads a whole app is in `bulk`, so that nobody waits behind it.
All of it is done in small transactions that hold their progress; whatever is killed goes on.
"""

from time import monotonic

from celery import shared_task
from django.utils import timezone

from profiles.funnels import counting, services
from profiles.funnels.querysets import waiting_funnels

# A run ends after this time although more is there, so that the queue's other tasks get their turn; beat asks for the
# next one.
SECONDS_PER_RUN = 4.0
# What a batch over all history aims at: meanwhile those who did something wait.
SECONDS_PER_BATCH = 1.0
FIRST_BATCH = 5_000
SMALLEST_BATCH = 200
LARGEST_BATCH = 100_000


@shared_task
def refresh_stale_funnels() -> None:
    """Compute the funnels of users who did something. Cheap when nobody did."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while services.refresh_stale() == services.USERS_PER_BATCH and monotonic() < ends_at:
        pass


@shared_task
def compute_funnel(funnel_id: int, revision: int) -> None:
    """Compute a funnel over all history, as far as one run gets; goes on where the last run ended."""
    ends_at = monotonic() + SECONDS_PER_RUN
    limit = FIRST_BATCH
    began_at = monotonic()
    while services.compute_batch(funnel_id, revision, timezone.now(), limit):
        ended_at = monotonic()
        if ended_at > ends_at:
            return
        faster = SECONDS_PER_BATCH / max(ended_at - began_at, 0.001)
        limit = int(min(max(limit * min(max(faster, 0.25), 4), SMALLEST_BATCH), LARGEST_BATCH))
        began_at = monotonic()


@shared_task
def compute_waiting_funnels() -> None:
    """Go on with the first funnel that is not computed as it is defined now."""
    for funnel_id, revision in waiting_funnels()[:1]:
        compute_funnel(funnel_id, revision)


@shared_task
def count_wanted_reports() -> None:
    """Count the reports that somebody waits for."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while counting.count_wanted(timezone.now()) and monotonic() < ends_at:
        pass


@shared_task
def forget_deleted_funnels() -> None:
    """Delete the completions of funnels that are no more, and numbers that nobody looks at."""
    counting.forget_old(timezone.now())
    ends_at = monotonic() + SECONDS_PER_RUN
    while services.forget_deleted() and monotonic() < ends_at:
        pass
