"""Composition root: settings, addresses, Celery, health and the supervisor of `make run`."""

from countly_profiles.celery import app as celery_app

__all__ = ["celery_app"]
