"""The wire as a Django app."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Countly SDK requests in, domain calls out."""

    name = "ingest"
    verbose_name = "Ingest"
