"""Who the users of an app are: one wide row that is seldom written, one narrow row that every request touches,
and the memory of identities, merges and properties.

Every table leads with the user's key in its primary key and has no foreign key across users, so that the schema
runs unchanged on Citus, distributed by that key.
"""

from collections.abc import Collection
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Concat, Left, Lower, NullIf

from profiles.access import masking
from profiles.access.models import App

SEARCHED = [
    "name",
    "username",
    "email",
    "phone",
    "organization",
    "device_id",
    "uid",
    "former_values",
]


def _searched_columns() -> list[Coalesce | models.Value]:
    parts: list[Coalesce | models.Value] = []
    for column in SEARCHED:
        parts += [
            Coalesce(models.F(column), models.Value("", output_field=models.TextField())),
            models.Value("\n", output_field=models.TextField()),
        ]
    return parts


def app_column() -> models.ForeignKey:  # type: ignore[type-arg]
    """Return the app column of a big table: neither constraint nor index, both would be paid on every row."""
    return models.ForeignKey(App, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")


_SORTED_CHARACTERS = 100  # an entry of an index must be short; nobody orders by more


def sortable_name() -> Combinable:
    """Return what lists sort names by: that of `AppUser.display_name`, lower-cased. An index holds it."""
    known = [NullIf(models.F(column), models.Value("")) for column in ("name", "username", "email")]
    return Lower(Left(Coalesce(*known, models.F("device_id")), _SORTED_CHARACTERS))


def sortable_device() -> Combinable:
    """Return what lists sort devices by, as people call them; null where the device is unknown. An index holds it."""
    return sortable_text("device_name", "device")


def sortable_text(*columns: str) -> Combinable:
    """Return what lists sort by where the first of these columns that is known is shown; null where none is."""
    known = [NullIf(models.F(column), models.Value("")) for column in columns]
    return Lower(Left(Coalesce(*known) if len(known) > 1 else known[0], _SORTED_CHARACTERS))


class Masked(models.Model):
    """Rows with personal fields: covered when they are read, as the role of whoever looks has it."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row; never from behind a mask, which would be written over what it covers."""
        if masking.current():
            raise PermissionDenied
        super().save(*args, **kwargs)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        row = super().from_db(db, field_names, values, **more)
        masking.current().cover(row.__dict__)
        return row


class AppUser(Masked):
    """One person of one app: details, custom properties, device and place, as last known."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="profiles.users.keys.user_key")
    app = app_column()
    uid = models.TextField(
        help_text="The short id of addresses and of Countly's API: the app's own counter in base 62."
    )
    device_id = models.TextField()
    device_id_type = models.SmallIntegerField(null=True)
    is_identified = models.BooleanField(default=False)
    created_at = models.DateTimeField(help_text="Server time of first contact.")

    name = models.TextField(null=True)
    username = models.TextField(null=True)
    email = models.TextField(null=True)
    organization = models.TextField(null=True)
    phone = models.TextField(null=True)
    gender = models.TextField(null=True)
    birth_year = models.SmallIntegerField(null=True)
    picture = models.TextField(null=True)
    custom = models.JSONField(default=dict)
    property_times = models.JSONField(
        default=dict,
        help_text="Name to [first set, last set] in ms of device time; custom names as custom.<name>.",
    )
    former_values = models.TextField(
        default="", help_text="Earlier e-mails and user names, and merged device ids, for search."
    )

    platform = models.TextField(null=True)
    platform_version = models.TextField(null=True)
    device = models.TextField(null=True)
    device_name = models.TextField(null=True, help_text="What people call the device; null until it is found out.")
    device_type = models.TextField(null=True)
    manufacturer = models.TextField(null=True)
    carrier = models.TextField(null=True)
    resolution = models.TextField(null=True)
    density = models.TextField(null=True)
    orientation = models.TextField(null=True)
    has_hinge = models.BooleanField(null=True)
    locale = models.TextField(null=True)
    language = models.TextField(null=True)
    app_version = models.TextField(null=True)
    browser = models.TextField(null=True)
    browser_version = models.TextField(null=True)
    source = models.TextField(null=True)
    source_channel = models.TextField(null=True)
    sdk_name = models.TextField(null=True)
    sdk_version = models.TextField(null=True)
    timezone_offset_minutes = models.SmallIntegerField(null=True)
    facts_at = models.DateTimeField(null=True, help_text="Device time of the newest metrics.")

    country = models.TextField(null=True)
    region = models.TextField(null=True)
    city = models.TextField(null=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    place_at = models.DateTimeField(null=True, help_text="Device time of the newest place.")

    consent = models.JSONField(default=dict)
    campaign = models.JSONField(default=dict)
    health = models.JSONField(default=dict, help_text="What the SDK said of its own health (hc).")

    search_text = models.GeneratedField(
        expression=Lower(Concat(*_searched_columns())),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(fields=["app", "uid"], name="app_user_uid"),
            models.Index(fields=["app", "device_id"], name="app_user_device_id"),
            GinIndex(
                fields=["search_text"],
                opclasses=["gin_trgm_ops"],
                name="app_user_search",
            ),
            models.Index("app", "is_identified", sortable_name(), "id", name="app_user_name"),
            models.Index("app", "is_identified", sortable_device(), "id", name="app_user_device"),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def device_label(self) -> str:
        """What people call the device, else the model as sent, else nothing."""
        return self.device_name or self.device or ""

    @property
    def display_name(self) -> str:
        """The best name there is: name, username, e-mail, else the device id."""
        return self.name or self.username or self.email or self.device_id


class UserActivity(models.Model):
    """What nearly every request changes, kept narrow; lists sort by it.

    `is_identified` is a copy, so that each sort has one index led by (app, is_identified). The session columns hold
    the state that the next signal folds onto (`profiles.activity.sessions`).
    """

    user = models.OneToOneField(
        AppUser,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="activity",
    )
    app = app_column()
    is_identified = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField(null=True, help_text="Null: only ever asked, never sent anything.")
    last_seen_at = models.DateTimeField(null=True)
    sessions_count = models.IntegerField(default=0)
    total_seconds = models.BigIntegerField(default=0)
    events_count = models.BigIntegerField(default=0)
    crashes_count = models.IntegerField(default=0)
    last_signal_at = models.DateTimeField(null=True)
    session_id = models.BigIntegerField(null=True)
    session_started_at = models.DateTimeField(null=True)
    session_last_signal_at = models.DateTimeField(null=True)
    session_ended_at = models.DateTimeField(null=True)
    session_seconds = models.IntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["app", "is_identified", "last_seen_at", "user"],
                name="activity_last_seen",
            ),
            models.Index(
                fields=["app", "is_identified", "sessions_count", "user"],
                name="activity_sessions",
            ),
            models.Index(
                fields=["app", "is_identified", "total_seconds", "user"],
                name="activity_seconds",
            ),
        ]


class Identity(Masked):
    """Whose data a device id's requests are: those stamped up to `until` belong to `user_id`, which absorbed it.

    A device id without a row here belongs to the user whose key it computes to.
    """

    pk = models.CompositePrimaryKey("device_key", "until")
    device_key = models.UUIDField()
    until = models.DateTimeField()
    user_id = models.UUIDField()
    app = app_column()
    device_id = models.TextField()
    merge_id = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["user_id"], name="identity_user")]


class Merge(Masked):
    """One user absorbed by another: a row, so that it can be shown, explained and undone.

    `survivor_before` and `absorbed_before` are snapshots of both as they were (null where there was no such user).
    """

    class Source(models.TextChoices):
        SDK = "sdk", "SDK changed the device id"
        MANUAL = "manual", "Merged by hand"

    pk = models.CompositePrimaryKey("user_id", "id")
    user_id = models.UUIDField(help_text="The survivor.")
    id = models.BigIntegerField(help_text="Id of the request that asked for it; by hand, the microsecond, below zero.")
    app = app_column()
    absorbed_id = models.UUIDField()
    absorbed_device_id = models.TextField()
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.SDK)
    merged_at = models.DateTimeField(help_text="Device time.")
    applied_at = models.DateTimeField(help_text="Server time.")
    absorbed_uid = models.TextField(null=True, help_text="The address that leads to the survivor now.")
    brought = models.JSONField(
        default=list,
        help_text="[device key, until] of every device whose data came along: the absorbed one's, and theirs.",
    )
    survivor_before = models.JSONField(null=True)
    absorbed_before = models.JSONField(null=True)
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )

    class Meta:
        indexes = [
            models.Index(fields=["absorbed_id"], name="merge_absorbed"),
            models.Index(fields=["app", "absorbed_uid"], name="merge_absorbed_uid"),
        ]


class PropertyChange(models.Model):
    """The memory of a property: each value it took, when by the device's clock, and from where."""

    class Source(models.TextChoices):
        SDK = "sdk", "SDK"
        MANUAL = "manual", "Edited by hand"
        API = "api", "API"
        MERGE = "merge", "Merge"

    pk = models.CompositePrimaryKey("user_id", "changed_at", "id")
    user_id = models.UUIDField()
    changed_at = models.DateTimeField(help_text="Device time.")
    id = models.BigIntegerField(help_text="Request id << 16 | position.")
    original_user_id = models.UUIDField()
    received_at = models.DateTimeField()
    name = models.TextField(help_text="A detail's column, or custom.<name>.")
    value = models.JSONField(null=True, help_text="Null: deleted.")
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.SDK)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        """Read a row; the value is covered as the property that it was of."""
        row = super().from_db(db, field_names, values, **more)
        if "value" in row.__dict__:
            row.value = masking.current().value(row.name, row.value)
        return row


class ConsentChange(models.Model):
    """What a user allowed or withdrew, and when."""

    pk = models.CompositePrimaryKey("user_id", "changed_at", "id")
    user_id = models.UUIDField()
    changed_at = models.DateTimeField()
    id = models.BigIntegerField(help_text="Request id << 16 | position.")
    original_user_id = models.UUIDField()
    received_at = models.DateTimeField()
    changes = models.JSONField(help_text="Feature to the new boolean.")


class DeviceToken(models.Model):
    """Where a push message for a user can be sent."""

    class Provider(models.TextChoices):
        FCM = "fcm", "Firebase"
        HMS = "hms", "Huawei"
        APNS = "apns", "Apple"

    class Environment(models.TextChoices):
        PRODUCTION = "production", "Production"
        DEVELOPMENT = "development", "Development"
        AD_HOC = "ad_hoc", "TestFlight or ad hoc"

    pk = models.CompositePrimaryKey("user_id", "token_key")
    user_id = models.UUIDField()
    provider = models.CharField(max_length=4, choices=Provider.choices)
    token_key = models.UUIDField(help_text="128-bit hash of provider and token: tokens are too long for an index.")
    token = models.TextField()
    environment = models.CharField(max_length=11, choices=Environment.choices, default=Environment.PRODUCTION)
    app = app_column()
    original_user_id = models.UUIDField()
    locale = models.TextField(default="")
    registered_at = models.DateTimeField(help_text="First registered, device time.")
    last_registered_at = models.DateTimeField()
    disabled_reason = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["app", "token_key"], name="device_token_key")]


class DeviceModel(models.Model):
    """A raw device model that some SDK sent, and what people call it; see `profiles.users.device_names`."""

    model = models.TextField(primary_key=True)
    name = models.TextField(null=True, help_text="Null: nobody knows, or not looked up yet.")
    looked_up_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name or self.model
