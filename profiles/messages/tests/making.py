"""What tests of messages need in the tables."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from django.contrib.auth.models import User

from profiles.access.models import App
from profiles.directory.audience import Audience
from profiles.messages import services, tasks
from profiles.messages.content import Content, Text
from profiles.messages.models import Delivery, Message
from profiles.messages.services import Draft
from profiles.messages.standin.server import StandIn
from profiles.users.models import AppUser, DeviceToken
from profiles.users.tokens import token_key


@dataclass(frozen=True, slots=True)
class Ready:
    """An app that can send, the providers' stand-in, and somebody who writes messages."""

    app: App
    standin: StandIn
    author: User

    def send(self, audience: Audience | None = None, content: Content | None = None, **fields: Any) -> Message:
        """Submit a message."""
        now = datetime.now(tz=UTC)
        draft = Draft(content or say("Kahve?"), audience or Audience(), **fields)
        return services.submit(services.save_draft(self.app, draft, self.author, now), self.author, now)

    def accepted(self) -> list[str]:
        """Return the tokens that were accepted, each as often as it was."""
        return sorted(one.token for one in self.standin.book.accepted)


def say(body: str, title: str = "", **more: Any) -> Content:
    """Return a content of one text."""
    return Content((Text(title, body),), **more)


def give_token(user: AppUser, provider: str = "apns", start: str = "", **fields: Any) -> DeviceToken:
    """Give a user's device a token; its first letters are what the stand-in's tricks go by."""
    start = start or "f0"  # not one of the tricks, by chance
    token = start + secrets.token_hex(32)[len(start) :]
    now = datetime.now(tz=UTC) - timedelta(days=1)
    values: dict[str, Any] = {
        "app_id": user.app_id,
        "original_user_id": user.id,
        "registered_at": now,
        "last_registered_at": now,
        "environment": "production",
    }
    return DeviceToken.objects.create(
        user_id=user.id,
        provider=provider,
        token=token,
        token_key=token_key(provider, token),
        **values | fields,
    )


def work(seconds: float = 20.0) -> None:
    """Send until nothing more is due."""
    ends_at = monotonic() + seconds
    while tasks.work_once(ends_at):
        assert monotonic() < ends_at


def outcomes(message: Message) -> dict[tuple[str, str], int]:
    """Return how many deliveries came to what, counted on the deliveries."""
    found: dict[tuple[str, str], int] = {}
    for state, reason in Delivery.objects.filter(message=message).values_list("state", "reason"):
        found[state, reason] = found.get((state, reason), 0) + 1
    return found
