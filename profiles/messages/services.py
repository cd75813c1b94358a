"""Writes of messages: composed by somebody, approved, begun, stopped, gone on with, finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction

from profiles.access import audit
from profiles.access.models import App
from profiles.directory.audience import Audience
from profiles.messages import composing, content as contents, timing
from profiles.messages.content import Content
from profiles.messages.models import Delivery, Message, PushCredential, PushSettings

State, When = Message.State, Message.When

_EDITABLE: Final = (State.DRAFT, State.WAITING, State.SCHEDULED)


class MessageError(Exception):
    """What cannot be done with a message as it is now; said to whoever wanted it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as somebody has written it."""

    content: Content
    audience: Audience
    when: Message.When = Message.When.NOW
    wall_clock: datetime | None = None
    """The time that was typed, without a zone."""
    valid_hours: int = 24

    def values(self, app: App) -> dict[str, Any]:
        """Return it as the columns of a message."""
        wall = self.wall_clock
        starts = None
        if self.when != When.NOW and wall is not None:
            starts = timing.starts_at(wall, is_local=self.when == When.LOCAL, zone=ZoneInfo(app.timezone))
        return {
            "content": contents.to_json(self.content),
            "audience": self.audience.fields(),
            "when": self.when,
            "wall_clock": wall.replace(tzinfo=UTC) if wall else None,
            "valid_hours": self.valid_hours,
            "starts_at": starts,
        }


def save_draft(app: App, draft: Draft, by: User, now: datetime, message: Message | None = None) -> Message:
    """Store a new message, or one that is changed before it began: it is a draft again, and approved by nobody."""
    with transaction.atomic():
        if message is None:
            return Message.objects.create(
                app=app, created_at=now, created_by=by.get_username(), created_by_id=by.pk, **draft.values(app)
            )
        found = _locked(message, _EDITABLE, "It has begun: it can no longer be changed")
        for name, value in draft.values(app).items():
            setattr(found, name, value)
        found.state, found.approved_by = State.DRAFT, ""
        found.created_by, found.created_by_id = by.get_username(), by.pk
        found.save()
        return found


def submit(message: Message, by: User, now: datetime) -> Message:
    """Send a draft, or schedule it, or have it wait for a second person, as the app wants it. Raises MessageError."""
    with transaction.atomic():
        found = _locked(message, (State.DRAFT,), "It is no draft any more")
        if not PushCredential.objects.filter(app=found.app).exists():
            raise MessageError("The app has no push credentials yet")
        if composing.has_second_eyes(found.app) and not found.is_test:
            found.state = State.WAITING
            found.save(update_fields=["state"])
        else:
            _begin_or_schedule(found, now)
        _record(by, found, "sent" if found.state == State.SENDING else str(found.state))
        return found


def approve(message: Message, by: User, now: datetime) -> Message:
    """Let a message go that somebody else has written. Raises MessageError."""
    with transaction.atomic():
        found = _locked(message, (State.WAITING,), "It does not wait for approval any more")
        if found.created_by_id == by.pk:
            raise MessageError("A second person has to approve it")
        found.approved_by = by.get_username()
        _begin_or_schedule(found, now)
        _record(by, found, "approved")
        return found


def send_test(app: App, draft: Draft, by: User, now: datetime) -> Message:
    """Send to the device that the one user of the draft registered last, past caps and approval."""
    with transaction.atomic():
        message = Message.objects.create(
            app=app,
            created_at=now,
            created_by=by.get_username(),
            created_by_id=by.pk,
            is_test=True,
            **draft.values(app) | {"when": When.NOW, "wall_clock": None, "starts_at": None},
        )
        return submit(message, by, now)


def stop(message: Message, by: User, now: datetime) -> Message:
    """Send nothing more of a message: what is in a sender's hand still goes. Raises MessageError."""
    with transaction.atomic():
        found = _locked(
            message, (State.WAITING, State.SCHEDULED, State.SENDING, State.FAILED), "It is not under way any more"
        )
        found.state, found.finished_at = State.CANCELLED, now
        found.save(update_fields=["state", "finished_at"])
        _record(by, found, "stopped")
        return found


def go_on(message: Message, by: User) -> Message:
    """Go on with a message that a provider or a person has stopped, with whoever is left. Raises MessageError."""
    with transaction.atomic():
        found = _locked(message, (State.FAILED, State.CANCELLED), "It was not stopped")
        if found.began_at is None:
            raise MessageError("It had not begun: edit a copy of it")
        found.state, found.fault, found.finished_at = State.SENDING, "", None
        found.save(update_fields=["state", "fault", "finished_at"])
        _record(by, found, "went on")
        return found


def duplicate(message: Message, by: User, now: datetime) -> Message:
    """Make a draft of the same text for the same users."""
    return Message.objects.create(
        app=message.app,
        content=message.content,
        audience=message.audience,
        valid_hours=message.valid_hours,
        created_at=now,
        created_by=by.get_username(),
        created_by_id=by.pk,
    )


def delete_draft(message: Message) -> None:
    """Delete a message that never began. Raises MessageError."""
    with transaction.atomic():
        _locked(message, (State.DRAFT, State.WAITING), "It has begun").delete()


def change_settings(app: App, by: User, wanted: PushSettings) -> None:
    """Store what holds for all messages of an app."""
    with transaction.atomic():
        wanted.app = app
        wanted.save()
        detail = {"approval": wanted.needs_approval, "cap": wanted.cap_messages, "days": wanted.cap_days}
        audit.record(by, app, audit.Action.APP_CHANGED, "push settings", detail)


def begin_due(now: datetime) -> None:
    """Begin scheduled messages whose time has come."""
    due = Message.objects.filter(state=State.SCHEDULED, starts_at__lte=now)
    due.update(state=State.SENDING, began_at=now)


def finish(message_id: int, now: datetime) -> bool:
    """Call a message sent that has nobody left; tell whether it was. Two probes of small indexes."""
    left = Delivery.objects.filter(message=message_id)
    if left.filter(state=Delivery.State.QUEUED).exists() or left.filter(state=Delivery.State.SENDING).exists():
        return False
    done = Message.objects.filter(pk=message_id, state=State.SENDING, composed_at__isnull=False)
    return bool(done.update(state=State.SENT, finished_at=now))


def _locked(message: Message, states: Sequence[Message.State], otherwise: str) -> Message:
    found = Message.objects.select_for_update(of=("self",)).select_related("app").filter(pk=message.pk).first()
    if found is None or found.state not in states:
        raise MessageError(otherwise)
    return found


def _begin_or_schedule(message: Message, now: datetime) -> None:
    if message.starts_at is not None and message.starts_at > now:
        message.state = State.SCHEDULED
    else:
        message.state, message.began_at = State.SENDING, now
    message.save(update_fields=["state", "began_at", "approved_by"])


def _record(by: User, message: Message, what: str) -> None:
    detail = {"what": what, "test": True} if message.is_test else {"what": what}
    audit.record(by, message.app, audit.Action.MESSAGED, f"message {message.public_id}", detail)
