"""Funnel definitions and who got how far; the rule itself is in `profiles.funnels.matcher`."""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from profiles.access.models import App
from profiles.users.models import app_column

MAX_STEPS = 8


def new_funnel_id() -> str:
    """Return 32 random hexadecimal characters: Countly's form of a funnel id."""
    return secrets.token_hex(16)


class Funnel(models.Model):
    """An ordered list of steps that an app wants its users to pass."""

    app = models.ForeignKey(App, models.CASCADE, related_name="funnels")
    public_id = models.CharField(max_length=32, unique=True, default=new_funnel_id, editable=False)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="")
    window_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Conversion window from the first step to the last; empty: none.",
    )
    is_same_session = models.BooleanField("same session", default=False)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=1, help_text="Raised when what it counts changes.")
    computed_revision = models.PositiveIntegerField(default=0)
    computed_users = models.BigIntegerField(default=0, help_text="Progress of the computation over all history.")
    computed_upto = models.UUIDField(null=True, help_text="Where a computation that was interrupted goes on.")
    computed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("funnels:funnel", args=[self.app.public_id, self.public_id])


class FunnelStep(models.Model):
    """One step: an event key and what its segmentation must say."""

    funnel = models.ForeignKey(Funnel, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_STEPS)])
    event_key = models.CharField(max_length=128)
    filters = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"name": "plan", "operator": "is", "value": "pro"}]',
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["funnel", "position"], name="funnel_step_position_once"),
            models.CheckConstraint(
                condition=models.Q(position__gte=1) & models.Q(position__lte=MAX_STEPS),
                name="funnel_step_position_1_8",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.event_key}"


class FunnelCompletion(models.Model):
    """How far a user got on a day: the best of the attempts that began on it. A function of the events, replaced as a
    whole, never patched.

    The furthest row of a user is the user's state in the funnel, the earliest of several.
    """

    pk = models.CompositePrimaryKey("user_id", "funnel", "entered_on")
    user_id = models.UUIDField()
    funnel = models.ForeignKey(Funnel, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    entered_on = models.DateField(help_text="Day of the first step, in the app's time zone.")
    app = app_column()
    steps_reached = models.SmallIntegerField()
    step_times = ArrayField(models.DateTimeField(), help_text="Of the steps that were reached.")

    class Meta:
        indexes = [
            # A report reads this alone.
            models.Index(
                fields=["funnel", "entered_on", "user_id", "steps_reached"],
                name="funnel_completion_report",
            )
        ]


class FunnelReport(models.Model):
    """The numbers of a report that takes long to count, as they were when it was last counted."""

    funnel = models.ForeignKey(Funnel, models.CASCADE, related_name="+")
    asked = models.TextField(help_text="Days and filter, as profiles.funnels.report.Asked writes them.")
    revision = models.PositiveIntegerField(help_text="Of the definition that was counted.")
    numbers = models.JSONField(null=True)
    counted_at = models.DateTimeField(null=True)
    took_seconds = models.FloatField(default=0)
    wanted_at = models.DateTimeField(null=True, help_text="Since when somebody waits for newer numbers.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["funnel", "asked"], name="funnel_report_once")]
        indexes = [
            models.Index(fields=["wanted_at"], name="funnel_report_wanted", condition=models.Q(wanted_at__isnull=False))
        ]
