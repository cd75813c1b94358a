"""Apps and the people and programs that may see them."""

import secrets
from datetime import datetime
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

    class LateData(models.TextChoices):
        DROP = "drop", "Drop it"
        FRESH = "fresh", "Keep it for a fresh anonymous user, without details"

    public_id = models.CharField(max_length=24, unique=True, default=new_public_id, editable=False)
    name = models.CharField(max_length=120)
    key = models.CharField("app key", max_length=128, unique=True, default=new_app_key)
    salt = models.CharField(
        max_length=128,
        blank=True,
        default="",
        help_text="When set, every SDK request must carry a checksum made with it.",
    )
    previous_key = models.CharField(
        max_length=128, unique=True, null=True, editable=False, help_text="Opens the door too, until the time beside."
    )
    previous_key_until = models.DateTimeField(null=True, editable=False)
    previous_salt = models.CharField(
        max_length=128,
        null=True,
        editable=False,
        help_text="Checksums made with it are right too, until the time beside; empty: so are requests without one.",
    )
    previous_salt_until = models.DateTimeField(null=True, editable=False)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    is_paused = models.BooleanField(default=False, help_text="A paused app refuses SDK data.")
    archived_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="An archived app refuses SDK data; its pages can be read."
    )
    erasing = models.CharField(
        max_length=6, default="", editable=False, help_text="reset or delete, while that is under way: no SDK data."
    )
    events_kept_days = models.PositiveIntegerField(
        "keep events", null=True, blank=True, help_text="Days; empty: for ever. Sessions, crashes and totals stay."
    )
    requests_kept_days = models.PositiveIntegerField(
        "keep raw requests", null=True, blank=True, help_text="Days; empty: as long as the instance keeps them."
    )
    users_kept_days = models.PositiveIntegerField(
        "keep inactive users", null=True, blank=True, help_text="Days since a user was last seen; empty: for ever."
    )
    requests_per_second = models.PositiveIntegerField(
        null=True, blank=True, help_text="Beyond it, SDKs are told to come later; empty: as the instance allows."
    )
    late_data = models.CharField(
        "older data of deleted users",
        max_length=5,
        choices=LateData.choices,
        default=LateData.DROP,
        help_text="What becomes of data that a device recorded before its user was deleted, and sends afterwards.",
    )
    keeps_country = models.BooleanField("keep countries", default=True)
    keeps_city = models.BooleanField(
        "keep cities", default=True, help_text="Regions and coordinates are kept with cities, or not at all."
    )
    masks = models.JSONField(
        default=dict, editable=False, help_text="Role to field to masked or hidden (profiles.access.masking)."
    )
    hiding_rules = models.JSONField(
        default=list, editable=False, help_text="Who is hidden when something comes: [{kind, value}] (ingest.hiding)."
    )
    hides_users = models.BooleanField(default=False, editable=False, help_text="Whether anybody is hidden.")
    icon = models.CharField(max_length=44, default="", editable=False, help_text="File name of the drawn icon.")
    is_locked = models.BooleanField(default=False, help_text="A locked app refuses invented data.")
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    viewer_role: str  # what the person who looks is in the app: `permissions.visible_apps` reads it along

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(erasing__in=["", "reset", "delete"]), name="app_erasing_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("directory:users", args=[self.public_id])

    @property
    def icon_url(self) -> str | None:
        """The address of the app's icon, for members; None where it has none."""
        return f"/apps/{self.public_id}/pictures/{self.icon}" if self.icon else None

    @property
    def takes_data(self) -> bool:
        """Whether SDK requests are stored at all."""
        return not (self.is_paused or self.archived_at or self.erasing)


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


class HiddenUser(models.Model):
    """A user who is kept, and left out of lists and counts: a bot, a colleague, a test device."""

    user_id = models.UUIDField(primary_key=True)
    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    is_identified = models.BooleanField(help_text="A copy, so that each half of the list is counted without a join.")
    reason = models.CharField(max_length=200)
    hidden_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} hidden {self.reason}"


class AppErasure(models.Model):
    """A reset or a deletion of an app: who asked for it and how far it is; afterwards the receipt.

    No foreign key: it outlives the app. Worked off by `profiles.privacy.app_erasure`.
    """

    class Kind(models.TextChoices):
        RESET = "reset", "Reset"
        DELETE = "delete", "Delete"

    class Stage(models.TextChoices):
        DRAINING = "draining", "Waiting for requests that were taken before"
        USERS = "users", "Deleting users and all that is theirs"
        REST = "rest", "Deleting what belongs to the app itself"
        DONE = "done", "Done"

    app_id = models.BigIntegerField()
    app_public_id = models.CharField(max_length=24)
    app_name = models.CharField(max_length=120)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.DRAINING)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    users_total = models.BigIntegerField(default=0)
    users_done = models.BigIntegerField(default=0)
    rows = models.JSONField(default=dict, help_text="Rows deleted, by table.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app_id"], condition=models.Q(finished_at=None), name="app_erasure_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.app_name}: {self.get_stage_display()}"

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1: users are nearly all of the work."""
        if self.finished_at is not None:
            return 1.0
        return min(1.0, self.users_done / self.users_total) if self.users_total else 0.0


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


class Invitation(models.Model):
    """A link that makes whoever opens it a member of an app, once. Only a digest of it is stored."""

    app = models.ForeignKey(App, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Membership.Role.choices, default=Membership.Role.VIEWER)
    note = models.CharField("for whom", max_length=120, help_text="So that you know the link again, such as a name.")
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_by = models.CharField(max_length=150, default="")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.note} · {self.app} · {self.role}"

    def is_open(self, now: datetime) -> bool:
        """Whether the link still works."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now


class SecondFactor(models.Model):
    """A person's authenticator app: what is asked for after the password, once `confirmed_at` is set."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="second_factor"
    )
    secret = models.TextField(help_text="Sealed with the instance's key (profiles.sealing).")
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0, help_text="The half minute of the last code: none is taken twice.")
    recovery_digests = models.JSONField(default=list, help_text="Of codes that open once, for who lost the phone.")
    failures = models.IntegerField(default=0, help_text="Wrong codes since the last right one.")
    failed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class ApiKey(models.Model):
    """A credential for programs: its person's rights, at most. Only a digest is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, blank=True, default="")
    prefix = models.CharField(
        max_length=8,
        editable=False,
        help_text="The key's first characters, to recognise it.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    app = models.ForeignKey(
        App, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: every app of its person."
    )
    may_write = models.BooleanField(default=False, help_text="Else it only reads.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at that time, its person aside."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class AuditEntry(models.Model):
    """Who did what, when: written once by `profiles.access.audit.record`, for as long as the database lives.

    The database itself refuses to change or delete a row (a trigger). Names are copied, because an entry outlives the
    account and the app that it speaks of; `subject` is an id or the name of a thing, never personal data of app users.
    """

    class Action(models.TextChoices):
        SIGNED_IN = "signed_in", "Signed in"
        SIGNED_OUT = "signed_out", "Signed out"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
        LOCKED_OUT = "locked_out", "Locked out"
        CREDENTIALS_CHANGED = "credentials_changed", "Changed own credentials"
        VIEWED = "viewed", "Viewed a user"
        REVEALED = "revealed", "Revealed masked fields"
        EXPORTED = "exported", "Exported"
        EDITED = "edited", "Edited"
        MERGED = "merged", "Merged users"
        UNMERGED = "unmerged", "Undid a merge"
        MESSAGED = "messaged", "Sent a message"
        DELETED = "deleted", "Deleted"
        HIDDEN = "hidden", "Hid or showed users"
        APP_CREATED = "app_created", "Created the app"
        APP_CHANGED = "app_changed", "Changed the app"
        APP_RESET = "app_reset", "Reset the app"
        APP_DELETED = "app_deleted", "Deleted the app"
        MEMBERS_CHANGED = "members_changed", "Changed members"
        API_KEYS_CHANGED = "api_keys_changed", "Changed API keys"
        REPLAYED = "replayed", "Applied refused requests again"
        ADMINISTERED = "administered", "Changed in the administration"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True, help_text="Null: nobody who is signed in, or the system itself.")
    actor_name = models.CharField(max_length=150)
    app = models.ForeignKey(App, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+")
    action = models.CharField(
        max_length=20, help_text="One of Action; not `choices`, so that a new one is no migration."
    )
    subject = models.CharField(max_length=200, default="")
    detail = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, help_text="Where the request came from.")

    class Meta:
        indexes = [
            models.Index(fields=["app", "-id"], name="audit_of_app"),
            models.Index(fields=["app", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["app", "actor_name", "-id"], name="audit_by_actor"),
            models.Index(fields=["app", "subject", "-id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name}: {self.deed} {self.subject}".rstrip()

    @property
    def deed(self) -> str:
        """The action in words."""
        return self.Action(self.action).label if self.action in self.Action.values else self.action
