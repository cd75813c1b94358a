"""What pages of messages show, read for templates that only write it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from profiles.access.models import App
from profiles.directory.audience import PICKED, Audience
from profiles.directory.filters import tree
from profiles.directory.filters.tree import Condition, Group
from profiles.messages import conditions, letters, payloads
from profiles.messages.conditions import became
from profiles.messages.content import Content
from profiles.messages.models import Delivery, Message, MessageTotal, Provider
from profiles.messages.querysets import Counts, Ladder
from profiles.messages.reasons import in_words
from profiles.users.models import AppUser
from profiles.wording import safe_picture_url

State = Delivery.State

TONES: Final = {
    Message.State.DRAFT: "",
    Message.State.WAITING: "warn",
    Message.State.SCHEDULED: "accent",
    Message.State.SENDING: "accent",
    Message.State.SENT: "good",
    Message.State.CANCELLED: "",
    Message.State.FAILED: "bad",
}
PLATFORMS: Final = {Provider.APNS: "Apple", Provider.FCM: "Google", Provider.HMS: "Huawei"}


def list_url(app: App, audience: Audience, *more: Condition) -> str:
    """Return the list of an audience's users that fulfil some more conditions; nothing where they were picked by hand,
    whom no address of the list names.
    """
    if audience.picked:
        return ""
    base: tuple[tree.Node, ...] = audience.filter.members
    if audience.filter.is_any and len(base) > 1:
        base = (audience.filter,)
    narrowed = Audience(audience.tab, audience.search, Group((*base, *more)))
    fields = [(name, value) for name, value in narrowed.fields() if name not in {PICKED, "everyone"}]
    address = reverse("directory:users", args=[app.public_id])
    return f"{address}?{urlencode(fields, safe='(),:!')}" if fields else address


def users_url(app: App, chosen: Group) -> str:
    """Return the list of the users behind a number."""
    return list_url(app, Audience(filter=chosen))


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: how many are left, how many it drops, and who they are."""

    label: str
    count: int
    dropped: int
    dropped_words: str
    dropped_url: str


@dataclass(frozen=True, slots=True)
class LadderPage:
    """Who can be reached, step by step, and through whom."""

    ladder: Ladder
    rungs: list[Rung]
    providers: list[tuple[str, int, str]]


def ladder_page(app: App, audience: Audience, ladder: Ladder) -> LadderPage:
    """Say a ladder."""
    no_token = list_url(app, audience, Condition("push_token", "no"))
    refused = list_url(app, audience, Condition("push_token", "yes"), Condition("push", "refused"))
    rungs = [
        Rung("Matched", ladder.matched, 0, "", ""),
        Rung("Have a device with a token", ladder.with_token, ladder.without_token, "have none", no_token),
        Rung("Allow push", ladder.allowed, ladder.refused, "refused", refused),
    ]
    names = {value: name for name, value in conditions.PROVIDERS.items()}
    providers = [
        (
            str(PLATFORMS[Provider(provider)]),
            count,
            list_url(app, audience, Condition("push", names[provider]), Condition("push", "not_refused")),
        )
        for provider, count in sorted(ladder.providers.items())
    ]
    return LadderPage(ladder, rungs, providers)


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as one user reads it on both platforms."""

    title: str
    body: str
    media: str
    buttons: tuple[Any, ...]
    locale: str
    user: AppUser | None
    apple_bytes: int
    android_bytes: int

    @property
    def is_too_large(self) -> bool:
        """Whether a provider would refuse it."""
        return max(self.apple_bytes, self.android_bytes) > payloads.LARGEST


def preview(content: Content, user: AppUser | None, locale: str = "") -> Preview:
    """Fill a content with what is known of a user; of nobody the fallbacks show. Sizes are those of this user's."""
    known = letters.known_of(user) if user else {}
    chosen = locale or (user.locale if user else "") or ""
    rendered = payloads.render(content, chosen, known)
    message_id = "0" * 24
    return Preview(
        rendered.title,
        rendered.body,
        safe_picture_url(content.media) or "",
        rendered.text.buttons,
        rendered.text.locale,
        user,
        len(payloads.compact(payloads.apple(message_id, content, rendered))),
        payloads.android_size(payloads.android(message_id, content, rendered)),
    )


@dataclass(frozen=True, slots=True)
class Number:
    """A count, what it counts, and the users behind it."""

    label: str
    count: int
    url: str
    share: float | None = None
    code: str = ""
    """A reason as the provider says it."""


@dataclass(frozen=True, slots=True)
class PlatformRow:
    """What became of the deliveries of one provider."""

    label: str
    numbers: list[Number]


@dataclass(frozen=True, slots=True)
class Results:
    """How far a message is, and what came of it."""

    counts: Counts
    progress: float
    numbers: list[Number]
    platforms: list[PlatformRow]
    failures: list[Number]
    skipped: list[Number]
    buttons: list[Number]


def results_of(app: App, message: Message, counts: Counts) -> Results:
    """Say what became of a message: each number with the list of its users."""

    def number(
        label: str, outcome: str, reason: str | None = None, provider: str = "", of: int | None = None
    ) -> Number:
        count = counts.of(outcome, provider, reason)
        url = users_url(app, became(message, outcome, reason or "", provider))
        return Number(label, count, url, count / of if of else None)

    sent = counts.of(State.SENT)
    opened = MessageTotal.OPENED
    total = counts.total
    numbers = [
        number("sent", State.SENT),
        number("opened", opened, of=sent),
        number("failed", State.FAILED),
        number("left out", State.SKIPPED),
        number("still to send", State.QUEUED),
    ]
    platforms = [
        PlatformRow(
            str(PLATFORMS[Provider(provider)]),
            [number(what, what, None, provider) for what in (State.SENT, opened, State.FAILED, State.SKIPPED)],
        )
        for provider in counts.providers
    ]
    return Results(
        counts,
        counts.settled / total if total else float(message.composed_at is not None),
        numbers,
        platforms,
        _reasons(counts, State.FAILED, number),
        _reasons(counts, State.SKIPPED, number),
        [number(label, opened, button, of=sent) for label, button in _buttons(message)],
    )


def _reasons(counts: Counts, outcome: str, number: Any) -> list[Number]:
    return [
        replace(number(in_words(reason), outcome, reason), code=reason if in_words(reason) != reason else "")
        for reason, _ in counts.reasons(outcome)
    ]


def _buttons(message: Message) -> Iterable[tuple[str, str]]:
    buttons = message.content["texts"][0]["buttons"]
    yield "The message itself", "0"
    for place, button in enumerate(buttons, start=1):
        yield f"“{button['title']}”", str(place)
