"""Deletions under way and their receipts, and the marks that keep deleted data from coming back."""

from django.db import models
from django.urls import reverse

from profiles.access.models import App
from profiles.users.models import app_column


class Tombstone(models.Model):
    """A device whose data was deleted: what it stamped after `since`, up to `until`, is not to come back.

    `device` is a keyed digest, so that a row says nothing about anybody to whoever has the table alone.
    """

    pk = models.CompositePrimaryKey("device", "until")
    device = models.UUIDField(help_text="profiles.privacy.tombstones.digest_of the device's key.")
    until = models.DateTimeField()
    since = models.DateTimeField(null=True, help_text="Null: from the beginning.")
    app = app_column()


class Retention(models.Model):
    """How far today's walk over an app's users is, that deletes events which are kept no longer."""

    app = models.OneToOneField(App, models.CASCADE, primary_key=True, related_name="+")
    on = models.DateField(help_text="The day that the last walk began.")
    upto = models.UUIDField(null=True, help_text="Everybody up to this key is done.")
    is_done = models.BooleanField(default=False)
    events = models.BigIntegerField(default=0, help_text="Deleted by the last walk.")

    def __str__(self) -> str:
        return f"{self.app_id} on {self.on}"


class Erasure(models.Model):
    """A deletion of one user or of many: who asked for it and how far it is; afterwards the receipt.

    `asked` says whom, as `directory.audience` writes it; it is emptied when all are deleted, because a search or a
    filter may quote them. Worked off in batches by `profiles.privacy.erasures`, each in one transaction with `upto`.
    """

    app = models.ForeignKey(App, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    asked = models.JSONField(default=list)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    upto = models.UUIDField(null=True, help_text="Everybody up to this key is done.")
    users_total = models.BigIntegerField()
    users_done = models.BigIntegerField(default=0)
    rows = models.JSONField(default=dict, help_text="Rows deleted, by table.")
    finished_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=200, default="", help_text="Why it came to an end before all were deleted.")

    class Meta:
        indexes = [
            models.Index(fields=["app", "-id"], name="erasure_of_app"),
            models.Index(fields=["id"], name="erasure_waiting", condition=models.Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"Deletion {self.pk}: {self.users_done} of {self.users_total}"

    def get_absolute_url(self) -> str:
        return reverse("privacy:erasure", args=[self.app.public_id, self.pk])

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        return min(1.0, self.users_done / self.users_total) if self.users_total else 0.0
