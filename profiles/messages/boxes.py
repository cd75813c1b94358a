"""What the profile page shows of messages: what this user was sent, and what they opened."""

from dataclasses import dataclass
from typing import Final

from profiles.access.models import App
from profiles.messages.models import Delivery, Message
from profiles.messages.querysets import received_by
from profiles.messages.reasons import in_words
from profiles.profile.boxes import Asked, Box, register
from profiles.users.models import AppUser

SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A message to one device."""

    message: Message
    delivery: Delivery
    reason: str
    button: str


@dataclass(frozen=True, slots=True)
class MessagesBox:
    """The newest messages of a user."""

    rows: list[Row]
    is_cut: bool
    may_message: bool


def _load(asked: Asked) -> object:
    return messages_box(asked.app, asked.user)


def messages_box(app: App, user: AppUser) -> MessagesBox:
    """Read the newest messages of a user, in four queries."""
    found = received_by(user.id, SHOWN + 1)
    rows = [
        Row(one.message, one.delivery, in_words(one.delivery.reason), _button(one.message, one.delivery.button))
        for one in found
    ]
    return MessagesBox(rows[:SHOWN], len(rows) > SHOWN, getattr(app, "viewer_role", "") in {"analyst", "admin"})


def _button(message: Message, button: int | None) -> str:
    """Return what the button said that was pressed, in the default text; nothing of the message's body."""
    buttons = message.content["texts"][0]["buttons"]
    return str(buttons[button - 1]["title"]) if button and button <= len(buttons) else ""


register(Box("messages", "Messages", "right", _load, "messages/_messages.html"))
