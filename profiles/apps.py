"""The domain as one Django app."""

from importlib import import_module

from django.apps import AppConfig

# Subjects that bring columns, conditions and actions of their own to the user list, and boxes to a user's page.
REGISTRATIONS = [
    "profiles.engagement.columns",
    "profiles.engagement.conditions",
    "profiles.engagement.panels",
    "profiles.funnels.conditions",
    "profiles.crashes.conditions",
    "profiles.privacy.conditions",
    "profiles.messages.boxes",
    "profiles.messages.conditions",
    "profiles.messages.list_actions",
    "profiles.messages.streaming",
    "profiles.privacy.list_actions",
]


class ProfilesConfig(AppConfig):
    """Users, their activity, engagement, crashes and funnels."""

    name = "profiles"
    verbose_name = "User Profiles"

    def ready(self) -> None:
        """Let every subject register what it brings to pages of another, and sign-ins be recorded."""
        for module in REGISTRATIONS:
            import_module(module)
        import_module("profiles.access.signins").listen()
