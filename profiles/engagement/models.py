"""Stored engagement scores; the rule itself is in `profiles.engagement.score`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from profiles.access.models import App
from profiles.users.models import AppUser, app_column


class Engagement(models.Model):
    """A user's score as of the end of its computation on day `on` of the app's time zone."""

    user = models.OneToOneField(
        AppUser,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="engagement",
    )
    app = app_column()
    is_identified = models.BooleanField(default=False)
    score = models.FloatField(default=0, help_text="0 to 280.")
    average_minutes = models.FloatField(default=0, help_text="Factor 1, at most 2.")
    sessions_7_days = models.SmallIntegerField(default=0, help_text="Factor 2, at most 20.")
    days_7_days = models.SmallIntegerField(default=0, help_text="Factor 3, at most 7.")
    on = models.DateField(help_text="The day that this score is right for.")
    changes_on = models.DateField(
        null=True,
        help_text="First later day whose score differs if nothing more happens.",
    )
    computed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["app", "is_identified", "score", "user"],
                name="engagement_score",
            ),
            models.Index(fields=["app", "changes_on"], name="engagement_changes_on"),
        ]


class EngagementDistribution(models.Model):
    """How the scores of an app's users were spread when last looked at, for ranks and charts that cost the same in
    every app.
    """

    app = models.OneToOneField(App, models.CASCADE, primary_key=True, related_name="engagement_distribution")
    users = models.BigIntegerField()
    quantiles = ArrayField(
        models.FloatField(), help_text="The scores at even steps of the users in order, from the lowest to the highest."
    )
    computed_at = models.DateTimeField()
