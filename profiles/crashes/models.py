"""Crash groups, their occurrences, and whom they hurt."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from profiles.access.models import App, new_public_id
from profiles.users.models import app_column


class CrashGroup(models.Model):
    """Occurrences with one cause, by `profiles.crashes.fingerprint`. Totals move once per ingest batch.

    Somebody may merge groups by hand: `merged_into` leads to the one that stands for all of them, which is merged into
    none. No other row moves, so that a merge can be taken back: occurrences, days, versions and users stay filed under
    the group of their own fingerprint. Only the totals of the one that stands for all count what its members hit.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"
        REOCCURRED = "reoccurred", "Reoccurred"
        HIDDEN = "hidden", "Hidden"

    app = models.ForeignKey(App, models.CASCADE, related_name="crash_groups")
    public_id = models.CharField(max_length=24, unique=True, default=new_public_id, editable=False)
    fingerprint = models.CharField(max_length=40)
    title = models.TextField()
    culprit = models.TextField(default="")
    platform = models.TextField(default="")
    is_fatal = models.BooleanField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    resolved_version = models.TextField(default="")
    latest_version = models.TextField(default="")
    occurrences_count = models.BigIntegerField(default=0)
    users_count = models.BigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, db_index=False, related_name="merged")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "fingerprint"], name="crash_group_fingerprint_once")]
        indexes = [
            models.Index(fields=["app", "last_seen_at"], name="crash_group_last_seen"),
            models.Index(
                fields=["merged_into"], name="crash_group_members", condition=models.Q(merged_into__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("crashes:group", args=[self.app.public_id, self.public_id])


class Crash(models.Model):
    """One occurrence, as the SDK reported it."""

    pk = models.CompositePrimaryKey("user_id", "occurred_at", "id")
    user_id = models.UUIDField()
    occurred_at = models.DateTimeField()
    id = models.BigIntegerField(help_text="Request id << 16 | position.")
    original_user_id = models.UUIDField()
    received_at = models.DateTimeField()
    app = app_column()
    group = models.ForeignKey(
        CrashGroup,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    app_version = models.TextField(default="")
    report = models.JSONField(help_text="The cleaned report without its long texts.")
    texts = models.JSONField(
        default=dict,
        db_default={},
        help_text="Trace, logs, dumps. Apart, so that distributions over many occurrences do not unpack them.",
    )

    class Meta:
        indexes = [models.Index(fields=["group", "occurred_at"], name="crash_group_occurrences")]

    def __str__(self) -> str:
        return f"{self.group_id} · {self.occurred_at}"


class CrashDay(models.Model):
    """How often one group struck on one day of the app's time zone; written once per ingest batch."""

    pk = models.CompositePrimaryKey("group", "on")
    group = models.ForeignKey(CrashGroup, models.CASCADE, db_index=False, related_name="days")
    on = models.DateField()
    count = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.group_id} · {self.on} · {self.count}"


class CrashUser(models.Model):
    """How often and how lately one group hit one user."""

    pk = models.CompositePrimaryKey("user_id", "group", "original_user_id")
    user_id = models.UUIDField()
    group = models.ForeignKey(
        CrashGroup,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    original_user_id = models.UUIDField()
    app = app_column()
    count = models.IntegerField(default=0)
    last_at = models.DateTimeField()
    last_app_version = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["group", "last_at"], name="crash_user_group")]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.group_id}"


class CrashVersion(models.Model):
    """How often one group struck in one version of the app, and when; written once per ingest batch."""

    pk = models.CompositePrimaryKey("group", "app_version")
    group = models.ForeignKey(CrashGroup, models.CASCADE, db_index=False, related_name="versions")
    app_version = models.TextField()
    count = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.group_id} · {self.app_version} · {self.count}"


class CrashComment(models.Model):
    """What somebody of the team said of a group."""

    group = models.ForeignKey(CrashGroup, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150, help_text="Kept when the account is gone.")
    text = models.TextField()
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:60]}"


class CrashedSession(models.Model):
    """A session that a fatal crash hit, on the day it began; session 0 says that the user was hit on that day.

    A row is counted in `AppCrashDay` when it is made, so each user and each session counts once a day.
    """

    pk = models.CompositePrimaryKey("user_id", "on", "session_id", "original_user_id")
    user_id = models.UUIDField()
    on = models.DateField()
    session_id = models.BigIntegerField()
    original_user_id = models.UUIDField()
    app = app_column()


class AppCrashDay(models.Model):
    """Users and sessions of an app that a fatal crash hit on one day of its time zone, in parts: the day is their sum.

    A worker writes to the part of the lowest shard that it holds, so that two workers never wait for one row.
    """

    pk = models.CompositePrimaryKey("app", "on", "shard")
    app = models.ForeignKey(App, models.CASCADE, db_index=False, related_name="+")
    on = models.DateField()
    shard = models.SmallIntegerField()
    users = models.IntegerField(default=0)
    sessions = models.IntegerField(default=0)
