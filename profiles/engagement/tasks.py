"""Keeps every score right: for users who sent something, and for all whose window moved at their app's midnight.

What follows single users is in the queue `derive`, what reads a whole app in `bulk`: nobody waits behind a midnight.
All of it is done in small transactions; whatever is killed goes on where it was.
"""

from datetime import timedelta
from time import monotonic

from celery import shared_task
from django.utils import timezone

from profiles.engagement import services
from profiles.engagement.querysets import apps_of_old_distribution, apps_to_roll_over

# A run ends after this time although more is there, so that the queue's other tasks get their turn; the rest waits
# for the next run, of which beat asks for one every few seconds.
SECONDS_PER_RUN = 4.0
DISTRIBUTION_AGE = timedelta(minutes=15)


@shared_task
def refresh_stale() -> None:
    """Compute the scores of users who sent something. Cheap when nobody did."""
    ends_at = monotonic() + SECONDS_PER_RUN
    while services.refresh_stale(timezone.now()) == services.USERS_PER_BATCH and monotonic() < ends_at:
        pass


@shared_task
def roll_over_midnight() -> None:
    """Compute the scores of users whose window moved, in every app whose day has changed."""
    ends_at = monotonic() + SECONDS_PER_RUN
    for app_id in apps_to_roll_over(timezone.now()):
        while services.roll_over(app_id, timezone.now()) == services.USERS_PER_BATCH:
            if monotonic() > ends_at:
                return
        services.refresh_distribution(app_id, timezone.now())


@shared_task
def refresh_distributions() -> None:
    """Store anew how scores are spread, where that was last done a while ago, or never."""
    for app_id in apps_of_old_distribution(timezone.now() - DISTRIBUTION_AGE):
        services.refresh_distribution(app_id, timezone.now())
