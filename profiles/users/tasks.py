"""Celery's way into users: names of new device models."""

from datetime import UTC, datetime

from celery import shared_task

from profiles.users import device_models


@shared_task
def look_up_device_names() -> int:
    """Find out what new device models are called."""
    return device_models.look_up_device_names(datetime.now(tz=UTC))
