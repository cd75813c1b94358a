"""Crash groups merged by hand, their versions and comments; users, sessions and crashed ones by day of each app."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What ingest would have counted, from the rows that are there.
_USED_DAYS = """
INSERT INTO profiles_appday (app_id, "on", shard, users, sessions)
SELECT app_id, "on", 0, count(DISTINCT user_id), sum(sessions) FROM profiles_dailyactivity GROUP BY app_id, "on"
"""
_VERSIONS = """
INSERT INTO profiles_crashversion (group_id, app_version, count, first_at, last_at)
SELECT group_id, app_version, count(*), min(occurred_at), max(occurred_at) FROM profiles_crash
GROUP BY group_id, app_version
"""
_CRASHED_SESSIONS = """
WITH fatal AS (
    SELECT c.user_id, c.original_user_id, c.app_id, c.occurred_at AS at, a.timezone AS zone
    FROM profiles_crash c JOIN profiles_crashgroup g ON g.id = c.group_id JOIN profiles_app a ON a.id = c.app_id
    WHERE g.is_fatal
)
INSERT INTO profiles_crashedsession (user_id, "on", session_id, original_user_id, app_id)
SELECT f.user_id, (s.started_at AT TIME ZONE f.zone)::date, s.id, f.original_user_id, f.app_id
FROM fatal f CROSS JOIN LATERAL (
    SELECT id, started_at, ended_at, last_signal_at FROM profiles_session
    WHERE user_id = f.user_id AND started_at <= f.at ORDER BY started_at DESC, id DESC LIMIT 1
) s
WHERE f.at <= coalesce(s.ended_at + interval '15 s', s.last_signal_at + interval '30 min')
UNION
SELECT user_id, (at AT TIME ZONE zone)::date, 0, original_user_id, app_id FROM fatal
"""
_CRASHED_DAYS = """
INSERT INTO profiles_appcrashday (app_id, "on", shard, users, sessions)
SELECT app_id, "on", 0, count(DISTINCT user_id) FILTER (WHERE session_id = 0),
    count(DISTINCT session_id) FILTER (WHERE session_id <> 0)
FROM profiles_crashedsession GROUP BY app_id, "on"
"""


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0013_merges_undone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AppCrashDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "app", "on", "shard", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("on", models.DateField()),
                ("shard", models.SmallIntegerField()),
                ("users", models.IntegerField(default=0)),
                ("sessions", models.IntegerField(default=0)),
                (
                    "app",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="profiles.app"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AppDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "app", "on", "shard", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("on", models.DateField()),
                ("shard", models.SmallIntegerField()),
                ("users", models.IntegerField(default=0)),
                ("sessions", models.IntegerField(default=0)),
                (
                    "app",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="profiles.app"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CrashComment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("author_name", models.CharField(help_text="Kept when the account is gone.", max_length=150)),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("edited_at", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="comments", to="profiles.crashgroup"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CrashedSession",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id",
                        "on",
                        "session_id",
                        "original_user_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("user_id", models.UUIDField()),
                ("on", models.DateField()),
                ("session_id", models.BigIntegerField()),
                ("original_user_id", models.UUIDField()),
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
            ],
        ),
        migrations.CreateModel(
            name="CrashVersion",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "group", "app_version", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("app_version", models.TextField()),
                ("count", models.BigIntegerField(default=0)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="profiles.crashgroup",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="crashgroup",
            name="merged_into",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="merged",
                to="profiles.crashgroup",
            ),
        ),
        migrations.AddIndex(
            model_name="crashgroup",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)), fields=["merged_into"], name="crash_group_members"
            ),
        ),
        migrations.RunSQL(_USED_DAYS, migrations.RunSQL.noop),
        migrations.RunSQL(_VERSIONS, migrations.RunSQL.noop),
        migrations.RunSQL(_CRASHED_SESSIONS, migrations.RunSQL.noop),
        migrations.RunSQL(_CRASHED_DAYS, migrations.RunSQL.noop),
    ]
