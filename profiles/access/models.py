"""Apps and the people and programs that may see them."""

import secrets
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse


def new_public_id() -> str:
    """Return 24 random hexadecimal characters: Countly's form of an id."""
    return secrets.token_hex(12)


def new_app_key() -> str:
    """Return 40 random hexadecimal characters: Countly's form of an app key."""
    return secrets.token_hex(20)


def validate_timezone(name: str) -> None:
    """Refuse what the time zone database does not know."""
    if name not in available_timezones():
        raise ValidationError(f"“{name}” is no time zone of the IANA database, such as Europe/Istanbul.")


class App(models.Model):
    """A customer's application that embeds an SDK.

    Big tables carry the integer `id`; addresses and APIs carry the `public_id`.
    """

    public_id = models.CharField(max_length=24, unique=True, default=new_public_id, editable=False)
    name = models.CharField(max_length=120)
    key = models.CharField("app key", max_length=128, unique=True, default=new_app_key)
    salt = models.CharField(
        max_length=128,
        blank=True,
        default="",
        help_text="When set, every SDK request must carry a checksum made with it.",
    )
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    is_paused = models.BooleanField(default=False, help_text="A paused app refuses SDK data.")
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("directory:users", args=[self.public_id])


class UidCounter(models.Model):
    """The last uid given out in an app; apart from `App`, so that giving one never locks the app's own row."""

    app = models.OneToOneField(App, models.CASCADE, primary_key=True, related_name="+")
    last_number = models.BigIntegerField(default=0)


class AppTotals(models.Model):
    """How many users an app has, kept per shard: two workers never wait for one row. The total is the sum."""

    app = models.ForeignKey(App, models.CASCADE, related_name="totals")
    shard = models.SmallIntegerField()
    users = models.BigIntegerField(default=0)
    identified = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "shard"], name="app_totals_one_per_shard")]


class Membership(models.Model):
    """What one person may do with one app."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: reads profiles"
        ANALYST = "analyst", "Analyst: also saves views, funnels and notes"
        ADMIN = "admin", "Admin: also configures the app"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    app = models.ForeignKey(App, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "app"], name="membership_one_per_person_and_app")]

    def __str__(self) -> str:
        return f"{self.user} · {self.app} · {self.role}"


class ApiKey(models.Model):
    """A credential for programs, with the rights of its person. Only a digest is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, blank=True, default="")
    prefix = models.CharField(
        max_length=8,
        editable=False,
        help_text="The key's first characters, to recognise it.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"
