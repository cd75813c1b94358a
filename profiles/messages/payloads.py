"""A message as Countly's SDKs read it from Apple's and Google's notifications. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiles.messages import personalisation
from profiles.messages.content import Content, Text, choose_text

LARGEST: Final = 4096  # bytes, both providers


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one user reads."""

    title: str
    body: str
    text: Text


def render(content: Content, locale: str, known: Mapping[str, Any]) -> Rendered:
    """Return the text of somebody's language, filled with what is known of them."""
    text = choose_text(content, locale)
    return Rendered(
        personalisation.render(personalisation.read(text.title), known),
        personalisation.render(personalisation.read(text.body), known),
        text,
    )


def apple(message_id: str, content: Content, rendered: Rendered) -> dict[str, Any]:
    """Return what `CountlyNotificationService` and the SDK read: `aps`, and `c` with what is Countly's."""
    alert = {"body": rendered.body} | ({"title": rendered.title} if rendered.title else {})
    aps: dict[str, Any] = {"alert": alert}
    if content.sound:
        aps["sound"] = content.sound
    if content.badge is not None:
        aps["badge"] = content.badge
    own: dict[str, Any] = {"i": message_id}
    if content.link:
        own["l"] = content.link
    if content.media:
        own["a"] = content.media
    if rendered.text.buttons:
        own["b"] = [{"t": button.title, "l": button.link} for button in rendered.text.buttons]
    if content.media or rendered.text.buttons:
        aps["mutable-content"] = 1  # the service extension fetches the picture and makes the buttons
    return {**content.data, "aps": aps, "c": own}


def android(message_id: str, content: Content, rendered: Rendered) -> dict[str, str]:
    """Return what the Android SDK reads from a data message: texts by name, nothing else."""
    data = {**content.data, "c.i": message_id, "message": rendered.body}
    if rendered.title:
        data["title"] = rendered.title
    if content.sound:
        data["sound"] = content.sound
    if content.badge is not None:
        data["badge"] = str(content.badge)
    if content.link:
        data["c.l"] = content.link
    if content.media:
        data["c.m"] = content.media
    if rendered.text.buttons:
        buttons = [{"t": button.title, "l": button.link} for button in rendered.text.buttons]
        data["c.b"] = compact(buttons).decode()
    return data


def compact(value: object) -> bytes:
    """Return JSON in as few bytes as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def android_size(data: Mapping[str, str]) -> int:
    """Return the bytes that Google counts: names and values."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in data.items())
