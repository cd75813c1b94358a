"""Makes the commands and system checks of the composition root known to Django."""

from importlib import import_module

from django.apps import AppConfig


class CountlyProfilesConfig(AppConfig):
    """Hold `up` and the deployment checks; it has no models."""

    name = "countly_profiles"
    verbose_name = "Countly Profiles"

    def ready(self) -> None:
        """Let Django know the checks; settings can be read from now on."""
        import_module("countly_profiles.checks")
