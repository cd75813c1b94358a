"""Makes the commands and system checks of the composition root known to Django."""

from django.apps import AppConfig


class CountlyProfilesConfig(AppConfig):
    """Hold `up` and the deployment checks; it has no models."""

    name = "countly_profiles"
    verbose_name = "Countly Profiles"
