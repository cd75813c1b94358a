"""What users did and when: sessions, events and daily totals."""

from django.db import models

from profiles.access.models import App
from profiles.users.models import Masked, app_column


class EventKey(models.Model):
    """The dictionary of an app's event keys; events carry the number."""

    app = models.ForeignKey(App, models.CASCADE, related_name="event_keys")
    key = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="event_key_once_per_app")]

    def __str__(self) -> str:
        return self.key


class Event(models.Model):
    """One thing that a user did. Partitioned by month of `occurred_at`; ordered by (occurred_at, id).

    An event does not store its session: `profiles.activity.querysets` decides it from the sessions' times, so that
    a session that arrives late moves no event.
    """

    pk = models.CompositePrimaryKey("user_id", "occurred_at", "id")
    user_id = models.UUIDField()
    occurred_at = models.DateTimeField(help_text="Device clock, corrected for skew.")
    id = models.BigIntegerField(help_text="Request id << 16 | position in the request.")
    original_user_id = models.UUIDField(help_text="The user it was first recorded for.")
    received_at = models.DateTimeField(help_text="Our clock.")
    app = app_column()
    key = models.ForeignKey(
        EventKey,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    count = models.IntegerField(default=1)
    sum = models.FloatField(null=True)
    duration_seconds = models.FloatField(null=True)
    local_hour = models.SmallIntegerField(null=True, help_text="0 to 23 on the device.")
    local_weekday = models.SmallIntegerField(null=True, help_text="0 is Sunday, on the device.")
    view_id = models.TextField(null=True)
    segmentation = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "profiles_event"


class KeptViewEnd(models.Model):
    """A view that was left, as long as its seconds may have to go to a visit that comes late; see `view_ends`."""

    pk = models.CompositePrimaryKey("user_id", "at", "id")
    user_id = models.UUIDField()
    at = models.DateTimeField()
    id = models.BigIntegerField(help_text="Request id << 16 | position in the request.")
    original_user_id = models.UUIDField()
    received_at = models.DateTimeField(help_text="Our clock.")
    view_id = models.TextField(null=True, help_text="Null: the visit is known by its name alone.")
    name = models.TextField()
    seconds = models.IntegerField()
    visit_at = models.DateTimeField(null=True, help_text="Of the event that has the seconds.")
    visit_id = models.BigIntegerField(null=True, help_text="Null: no visit has come.")

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="kept_view_end_age")]


class Session(Masked):
    """One visit, from its begin to its last signal."""

    pk = models.CompositePrimaryKey("user_id", "started_at", "id")
    user_id = models.UUIDField()
    started_at = models.DateTimeField()
    id = models.BigIntegerField(help_text="Id of the request that began it.")
    original_user_id = models.UUIDField()
    app = app_column()
    last_signal_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Null: the SDK never said that it ended.")
    duration_seconds = models.IntegerField(default=0)
    app_version = models.TextField(null=True)
    platform = models.TextField(null=True)
    device = models.TextField(null=True)
    country = models.TextField(null=True)
    city = models.TextField(null=True)


class SessionSignal(models.Model):
    """What one request said about sessions; the sessions are a fold over these in (at, id) order."""

    pk = models.CompositePrimaryKey("user_id", "at", "id")
    user_id = models.UUIDField()
    at = models.DateTimeField()
    id = models.BigIntegerField(help_text="Id of the request.")
    original_user_id = models.UUIDField()
    begins = models.BooleanField()
    seconds = models.IntegerField()
    ends = models.BooleanField()
    ignore_cooldown = models.BooleanField()
    app_version = models.TextField(null=True, help_text="This and the following: of a begin, as `Session` has it.")
    platform = models.TextField(null=True)
    device = models.TextField(null=True)
    country = models.TextField(null=True)
    city = models.TextField(null=True)


class DailyActivity(models.Model):
    """Totals of one user on one day of the app's time zone; timeline, score and calendar read these, not events."""

    pk = models.CompositePrimaryKey("user_id", "on", "original_user_id")
    user_id = models.UUIDField()
    on = models.DateField()
    original_user_id = models.UUIDField()
    app = app_column()
    sessions = models.IntegerField(default=0)
    events = models.IntegerField(default=0)
    seconds = models.IntegerField(default=0)


class AppDay(models.Model):
    """Users seen and sessions begun in an app on one day of its time zone, in parts: the day is their sum.

    A worker writes to the part of the lowest shard that it holds, so that two workers never wait for one row.
    """

    pk = models.CompositePrimaryKey("app", "on", "shard")
    app = models.ForeignKey(App, models.CASCADE, db_index=False, related_name="+")
    on = models.DateField()
    shard = models.SmallIntegerField()
    users = models.IntegerField(default=0)
    sessions = models.IntegerField(default=0)


class Stale(models.Model):
    """A user for whom something derived must be computed again.

    Written in the transaction that changed the user, deleted by the task that computed; so no lost message and no
    killed worker can leave a score behind.
    """

    class Kind(models.IntegerChoices):
        ENGAGEMENT = 1
        FUNNELS = 2

    pk = models.CompositePrimaryKey("user_id", "kind", "since")
    user_id = models.UUIDField()
    kind = models.SmallIntegerField(choices=Kind.choices)
    since = models.DateTimeField(help_text="Server time.")
    app = app_column()

    class Meta:
        indexes = [models.Index(fields=["kind", "since"], name="stale_queue")]
