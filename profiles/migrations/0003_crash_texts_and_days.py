"""Long texts of crashes apart from what is counted over many; crashes by day of each group."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0002_event_partitions"),
    ]

    operations = [
        migrations.AddField(
            model_name="crash",
            name="texts",
            field=models.JSONField(
                db_default={},
                default=dict,
                help_text="Trace, logs, dumps. Apart, so that distributions over many occurrences do not unpack them.",
            ),
        ),
        migrations.AlterField(
            model_name="crash",
            name="report",
            field=models.JSONField(help_text="The cleaned report without its long texts."),
        ),
        migrations.CreateModel(
            name="CrashDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "group", "on", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days",
                        to="profiles.crashgroup",
                    ),
                ),
                ("on", models.DateField()),
                ("count", models.IntegerField(default=0)),
            ],
        ),
    ]
