"""Refused requests are few, and looked for by time: an index of them alone, which no other request pays for."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ingest", "0002_request_partitions")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX ingest_request_refused ON ingest_request (received_at DESC, reason) WHERE verdict = 4",
            "DROP INDEX ingest_request_refused",
        ),
    ]
