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


class CrashAlert(models.Model):
    """Something about a group that somebody wants to hear of, noted as it happened; also the group's history."""

    class Reason(models.TextChoices):
        NEW = "new", "New crash"
        REOCCURRED = "reoccurred", "Reoccurred"
        SPIKING = "spiking", "Spiking"

    app = models.ForeignKey(App, models.CASCADE, db_index=False, related_name="+")
    group = models.ForeignKey(CrashGroup, models.CASCADE, related_name="alerts")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    app_version = models.TextField(default="")
    times = models.IntegerField(default=0, help_text="Of a spike: in the last hour.")
    at = models.DateTimeField(help_text="Server time.")
    is_told = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["app", "id"], name="crash_alert_waiting", condition=models.Q(is_told=False))]

    def __str__(self) -> str:
        return f"{self.reason} · {self.group_id}"


class AlertChannel(models.Model):
    """Where the alerts of an app go: an address on the web, or e-mail."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        EMAIL = "email", "E-mail"

    app = models.ForeignKey(App, models.CASCADE, related_name="alert_channels")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    target = models.TextField(help_text="An address, or e-mail addresses parted by commas.")
    secret = models.CharField(max_length=64, help_text="Signs what a webhook is sent.")
    on_new = models.BooleanField(default=True)
    on_reoccurred = models.BooleanField(default=True)
    on_spiking = models.BooleanField(default=True)
    is_fatal_only = models.BooleanField(default=False)
    base_url = models.TextField(help_text="Of the pages, as its maker saw them: for the links in alerts.")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} · {self.target}"


class AlertDelivery(models.Model):
    """Alerts on their way to a channel: the outbox. What they say is kept as it was when they were made."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    channel = models.ForeignKey(AlertChannel, models.CASCADE, related_name="deliveries")
    content = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.TextField(default="")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="alert_delivery_due", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} · {self.state}"


class SymbolFile(models.Model):
    """What turns machine names of one build back into source: uploaded, kept compressed, read when a trace is shown."""

    class Kind(models.TextChoices):
        SOURCE_MAP = "source_map", "JavaScript source map"
        SCRIPT = "script", "JavaScript, as delivered"
        PROGUARD = "proguard", "ProGuard or R8 mapping"
        NATIVE = "native", "Native symbols"

    app = models.ForeignKey(App, models.CASCADE, db_index=False, related_name="symbol_files")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    app_version = models.TextField(default="", help_text="Empty for native symbols: their debug id tells.")
    name = models.TextField(help_text="Of the file that traces name; of native symbols the debug id.")
    file_name = models.TextField()
    content = models.BinaryField(help_text="Compressed by zlib.")
    size = models.BigIntegerField(help_text="Bytes, before compression.")
    uploaded_at = models.DateTimeField()
    uploaded_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "kind", "app_version", "name"], name="symbol_file_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.app_version} · {self.name}"
