"""Completions by the day on which attempts began, and reports that are kept.

Completions are derived: they are dropped and computed again rather than changed.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

COMPUTE_AGAIN = "UPDATE profiles_funnel SET computed_revision = 0, computed_users = 0, computed_upto = NULL"


class Migration(migrations.Migration):
    dependencies = [("profiles", "0011_app_locked")]

    operations = [
        migrations.DeleteModel("FunnelCompletion"),
        migrations.CreateModel(
            name="FunnelCompletion",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id", "funnel", "entered_on", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("user_id", models.UUIDField()),
                (
                    "entered_on",
                    models.DateField(help_text="Day of the first step, in the app's time zone."),
                ),
                ("steps_reached", models.SmallIntegerField()),
                (
                    "step_times",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), help_text="Of the steps that were reached.", size=None
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="profiles.app",
                    ),
                ),
                (
                    "funnel",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="profiles.funnel",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["funnel", "entered_on", "user_id", "steps_reached"], name="funnel_completion_report"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FunnelReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked", models.TextField(help_text="Days and filter, as profiles.funnels.report.Asked writes them.")),
                ("revision", models.PositiveIntegerField(help_text="Of the definition that was counted.")),
                ("numbers", models.JSONField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("took_seconds", models.FloatField(default=0)),
                (
                    "wanted_at",
                    models.DateTimeField(help_text="Since when somebody waits for newer numbers.", null=True),
                ),
                (
                    "funnel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="profiles.funnel"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("wanted_at__isnull", False)),
                        fields=["wanted_at"],
                        name="funnel_report_wanted",
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("funnel", "asked"), name="funnel_report_once")],
            },
        ),
        migrations.RunSQL(COMPUTE_AGAIN, migrations.RunSQL.noop),
    ]
