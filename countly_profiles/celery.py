"""The Celery application: settings from Django, tasks from the `tasks` module of each subject."""

from __future__ import annotations

import os
import pkgutil
from pathlib import Path

from celery import Celery, signals

import profiles
from countly_profiles.broker import PatientAMQP

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "countly_profiles.settings")

app = Celery("countly_profiles", amqp=PatientAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")


def task_packages() -> list[str]:
    """Return the packages whose `tasks` module Celery imports where there is one."""
    subjects = [f"profiles.{module.name}" for module in pkgutil.iter_modules(profiles.__path__) if module.ispkg]
    return ["ingest", "profiles", *sorted(subjects)]


app.autodiscover_tasks(task_packages)


@signals.setup_logging.connect
def keep_django_logging(**_kwargs: object) -> None:
    """Stop Celery from putting its own handlers beside ours; Django has configured logging by now."""


@signals.worker_ready.connect
def say_ready(**_kwargs: object) -> None:
    """Leave a file where the supervisor looks for it."""
    ready_file = os.environ.get("READY_FILE")
    if ready_file:
        Path(ready_file).touch()
