"""The settled requests, partitioned by day, and vacuum settings for the inbox, whose rows all die young."""

from datetime import UTC, datetime

from django.db import migrations

from ingest.inbox import REQUESTS
from profiles.activity import partitions

CREATE_REQUESTS = """
CREATE TABLE ingest_request (
    device_key uuid NOT NULL,
    received_at timestamptz NOT NULL,
    id bigint NOT NULL,
    app_id bigint NOT NULL,
    user_id uuid,
    stamped_at timestamptz,
    digest uuid,
    settled_at timestamptz NOT NULL,
    verdict smallint NOT NULL,
    reason text NOT NULL,
    notes jsonb,
    query bytea NOT NULL,
    body bytea NOT NULL,
    content_type text NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    PRIMARY KEY (device_key, received_at, id)
) PARTITION BY RANGE (received_at)
"""

INBOX_VACUUM = """
ALTER TABLE ingest_inboxrequest SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0
)
"""


def make_partitions(apps: object, schema_editor: object) -> None:
    partitions.ensure(REQUESTS, datetime.now(tz=UTC))


class Migration(migrations.Migration):
    dependencies = [("ingest", "0001_initial"), ("profiles", "0002_event_partitions")]

    operations = [
        migrations.RunSQL(CREATE_REQUESTS, "DROP TABLE ingest_request"),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
        migrations.RunSQL(INBOX_VACUUM, migrations.RunSQL.noop),
    ]
