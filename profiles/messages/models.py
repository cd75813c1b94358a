"""Messages, their deliveries and totals, and what an app is known by at the providers."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from profiles.access.models import App, new_public_id
from profiles.messages import personalisation
from profiles.users.models import DeviceToken, app_column

Provider = DeviceToken.Provider

LANES = 4  # of a message's deliveries: so many workers can send it at once


class PushSettings(models.Model):
    """What holds for all messages of an app. An app without a row has no cap and asks nobody."""

    app = models.OneToOneField(App, models.CASCADE, primary_key=True, related_name="push_settings")
    needs_approval = models.BooleanField(
        "ask a second person", default=False, help_text="Nothing but tests is sent before somebody else has approved."
    )
    cap_messages = models.PositiveSmallIntegerField(
        "messages per user at most", null=True, blank=True, help_text="In any period of the days beside; empty: no cap."
    )
    cap_days = models.PositiveSmallIntegerField("in days", default=1)

    class Meta:
        verbose_name_plural = "push settings"
        constraints = [
            models.CheckConstraint(condition=Q(cap_messages=None) | Q(cap_messages__gte=1), name="push_cap_messages"),
            models.CheckConstraint(condition=Q(cap_days__gte=1) & Q(cap_days__lte=90), name="push_cap_days"),
        ]

    def __str__(self) -> str:
        return f"Push settings of {self.app}"


class PushCredential(models.Model):
    """How an app is known to a provider. What is secret of it is sealed, and never shown again."""

    class Kind(models.TextChoices):
        APNS = Provider.APNS.value, "Apple (APNs key)"
        FCM = Provider.FCM.value, "Firebase (service account)"

    app = models.ForeignKey(App, models.CASCADE, related_name="push_credentials")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    sealed = models.BinaryField(help_text="profiles.messages.sealing")
    shown = models.JSONField(default=dict, help_text="What may be seen of it: key id, team, topic; project, account.")
    changed_at = models.DateTimeField(help_text="Senders take a changed credential up at once.")
    checked_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=200, blank=True, default="", help_text="What the provider said against it.")
    paused_until = models.DateTimeField(null=True, help_text="The provider has asked to be left alone until then.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "kind"], name="push_credential_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.app}"


class Message(models.Model):
    """A push message to some users: what it says, whom it is for, when it goes out, how far it is."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        WAITING = "waiting", "Waits for approval"
        SCHEDULED = "scheduled", "Scheduled"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Stopped"

    class When(models.TextChoices):
        NOW = "now", "Now"
        AT = "at", "At a time"
        LOCAL = "local", "At a time of each user's own clock"

    app = models.ForeignKey(App, models.CASCADE, related_name="messages")
    public_id = models.CharField(max_length=24, unique=True, default=new_public_id, editable=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.DRAFT)
    content = models.JSONField(help_text="profiles.messages.content")
    audience = models.JSONField(help_text="profiles.directory.audience: read when sending begins.")
    is_test = models.BooleanField(default=False, help_text="To one device, past caps and approval.")
    when = models.CharField(max_length=5, choices=When.choices, default=When.NOW)
    wall_clock = models.DateTimeField(null=True, help_text="The time that was typed, as if it were UTC.")
    valid_hours = models.PositiveSmallIntegerField(default=24, help_text="How long a provider keeps trying.")
    starts_at = models.DateTimeField(null=True, help_text="Null: at once.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    created_by_id = models.BigIntegerField(null=True)
    approved_by = models.CharField(max_length=150, default="")
    began_at = models.DateTimeField(null=True)
    composed_upto = models.UUIDField(null=True, help_text="Users up to this key have their deliveries.")
    composed_at = models.DateTimeField(null=True, help_text="When everybody had.")
    matched_users = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=200, default="", help_text="Why it was stopped.")

    class Meta:
        indexes = [
            models.Index(fields=["app", "is_test", "-created_at", "-id"], name="message_of_app"),
            models.Index(fields=["state"], name="message_under_way", condition=Q(state__in=["scheduled", "sending"])),
        ]

    def __str__(self) -> str:
        text = self.content["texts"][0]
        return personalisation.render(personalisation.read(text["title"] or text["body"]), {})[:80]

    def get_absolute_url(self) -> str:
        return reverse("messages:message", args=[self.app.public_id, self.public_id])


class Delivery(models.Model):
    """A message to one device. It stays with the user that it was composed for: who was merged since is found
    through `Identity`, as for a device's data that is stamped `composed_at`.

    Moves from queued to sending to sent, failed or skipped; back to queued when it has to be tried again.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    FOLLOWS_IDENTITY = "composed_at"

    pk = models.CompositePrimaryKey("user_id", "message", "token_key")
    user_id = models.UUIDField()
    message = models.ForeignKey(Message, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    token_key = models.UUIDField()
    app = app_column()
    device_key = models.UUIDField(help_text="The device that registered the token: what it opens is this delivery.")
    provider = models.CharField(max_length=4, choices=Provider.choices)
    lane = models.SmallIntegerField(help_text="Whoever holds the lock of a message's lane sends it.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=60, default="")
    composed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True, help_text="Device time of the first.")
    button = models.SmallIntegerField(null=True, help_text="0: the message itself.")

    class Meta:
        verbose_name_plural = "message deliveries"
        indexes = [
            # What a lane has to send, by time; and what a killed sender has left in its hands.
            models.Index(
                fields=["message", "lane", "due_at", "user_id", "token_key"],
                name="delivery_queued",
                condition=Q(state="queued"),
            ),
            models.Index(
                fields=["message", "lane", "user_id", "token_key"],
                name="delivery_in_hand",
                condition=Q(state="sending"),
            ),
            # No device is sent a message twice; users of a state of a message.
            models.Index(fields=["message", "token_key"], name="delivery_token"),
            models.Index(fields=["message", "state", "reason", "user_id"], name="delivery_state"),
            models.Index(
                fields=["message", "button", "user_id"], name="delivery_opened", condition=Q(opened_at__isnull=False)
            ),
        ]


class MessageTotal(models.Model):
    """How many deliveries of a message came to what: changed in the transaction of the deliveries themselves.

    Apart by who counts, so that no two wait for one row; the number is the sum.
    """

    OPENED = "opened"

    message = models.ForeignKey(Message, models.CASCADE, related_name="totals")
    provider = models.CharField(max_length=4, choices=Provider.choices)
    outcome = models.CharField(max_length=7, help_text="A delivery's state, or opened.")
    reason = models.CharField(max_length=60, default="", help_text="Of opened ones the button.")
    lane = models.SmallIntegerField(help_text="-1: who composes; from 1000 on: who takes in what SDKs send.")
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "provider", "outcome", "reason", "lane"], name="message_total_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.count} {self.outcome} {self.reason}"
