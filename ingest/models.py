"""The inbox: requests that wait to be applied, and those that were settled, raw, for some days."""

from collections.abc import Collection
from typing import Any, Final, Self

from django.db import models

from profiles.access import masking
from profiles.access.models import App

_SENT: Final[dict[str, Any]] = {"query": b"", "body": b"", "ip": "", "user_agent": ""}


class InboxRequest(models.Model):
    """A durable request that waits for the worker. The HTTP path appends; the applying transaction deletes.

    Narrow and short: one index, no constraint but the key, because every acknowledged request pays for it.
    """

    id = models.BigAutoField(primary_key=True)
    shard = models.SmallIntegerField(help_text="profiles.users.keys.shard_of the device's key.")
    app = models.ForeignKey(App, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    received_at = models.DateTimeField()
    query = models.BinaryField()
    body = models.BinaryField()
    content_type = models.TextField()
    ip = models.TextField()
    user_agent = models.TextField()

    def __str__(self) -> str:
        return f"request {self.id}"


class IngestRequest(models.Model):
    """A settled request: what was received, what became of it and why. Partitioned by day of `received_at`.

    Its key leads with the device's key: the same index finds a device's last requests and a request's duplicates.
    """

    class Verdict(models.IntegerChoices):
        APPLIED = 1, "Applied"
        PARTLY = 2, "Partly applied"
        DUPLICATE = 3, "Duplicate"
        REFUSED = 4, "Refused"

    pk = models.CompositePrimaryKey("device_key", "received_at", "id")
    device_key = models.UUIDField()
    received_at = models.DateTimeField()
    id = models.BigIntegerField()
    app = models.ForeignKey(App, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    user_id = models.UUIDField(null=True)
    stamped_at = models.DateTimeField(null=True, help_text="Device clock, as sent.")
    digest = models.UUIDField(
        null=True,
        help_text="Null: without a timestamp a repeat cannot be told from a retry.",
    )
    settled_at = models.DateTimeField()
    verdict = models.SmallIntegerField(choices=Verdict.choices)
    reason = models.TextField(default="", help_text="Why it was refused: a slug of a closed set.")
    notes = models.JSONField(null=True, help_text="What was dropped or mended, by slug, with counts.")
    query = models.BinaryField()
    body = models.BinaryField()
    content_type = models.TextField()
    ip = models.TextField()
    user_agent = models.TextField()

    class Meta:
        managed = False
        db_table = "ingest_request"

    def __str__(self) -> str:
        return f"request {self.id}: {self.get_verdict_display()}"

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        """Read a row; who may not see every personal field sees nothing of what was sent."""
        row = super().from_db(db, field_names, values, **more)
        if masking.current():
            row.__dict__.update({name: empty for name, empty in _SENT.items() if name in row.__dict__})
        return row
