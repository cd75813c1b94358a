"""The domain as one Django app."""

from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    """Users, their activity, engagement, crashes and funnels."""

    name = "profiles"
    verbose_name = "User Profiles"
