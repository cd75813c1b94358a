"""The wire as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Countly SDK requests in, domain calls out."""

    name = "ingest"
    verbose_name = "Ingest"

    def ready(self) -> None:
        """Let the deletion of an app reach what waits here, and users' pages show raw requests."""
        forget_app = import_module("ingest.inbox").forget_app
        import_module("profiles.privacy.app_erasure").register_inbox(forget_app)
        import_module("ingest.lens")
