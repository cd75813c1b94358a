"""The events table, partitioned by month, and how full the pages of the often-updated tables may be."""

from datetime import UTC, datetime, timedelta

from django.db import migrations

from profiles.activity import partitions

MONTHS_BEFORE = timedelta(days=365)

CREATE_EVENTS = """
CREATE TABLE profiles_event (
    user_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    id bigint NOT NULL,
    original_user_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    app_id bigint NOT NULL,
    key_id bigint NOT NULL,
    count integer NOT NULL,
    sum double precision,
    duration_seconds double precision,
    local_hour smallint,
    local_weekday smallint,
    view_id text,
    segmentation jsonb,
    PRIMARY KEY (user_id, occurred_at, id)
) PARTITION BY RANGE (occurred_at)
"""

# Pages of rows that every batch updates keep room for the next version of a row (HOT updates where no index changes).
ROOM_TO_UPDATE = """
ALTER TABLE profiles_useractivity SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE profiles_appuser SET (fillfactor = 85);
ALTER TABLE profiles_session SET (fillfactor = 85);
ALTER TABLE profiles_dailyactivity SET (fillfactor = 85);
ALTER TABLE profiles_stale SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""


def make_partitions(apps: object, schema_editor: object) -> None:
    now = datetime.now(tz=UTC)
    partitions.ensure(partitions.EVENTS, now, since=now - MONTHS_BEFORE)


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_EVENTS, "DROP TABLE profiles_event"),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
        migrations.RunSQL(ROOM_TO_UPDATE, migrations.RunSQL.noop),
    ]
