"""Work of the list in the background."""

from celery import shared_task
from django.utils import timezone

from profiles.directory.sort_indexes import work_on_next


@shared_task
def work_on_sort_indexes() -> None:
    """Build and drop the indexes that are wanted and unwanted. Cheap when there are none."""
    while work_on_next(timezone.now()):
        pass
