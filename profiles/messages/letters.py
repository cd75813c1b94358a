"""What is posted for deliveries in hand: each is looked at again, for tokens move and people change their minds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from profiles.messages import payloads, reasons
from profiles.messages.content import Content
from profiles.messages.lanes import Claimed, Settled
from profiles.messages.models import Delivery, Message, Provider
from profiles.messages.providers import Post
from profiles.users.identities import load_identities
from profiles.users.models import AppUser, DeviceToken

_NAMESPACE: Final = UUID("5b1a4f63-0d0e-4c39-9d54-0c6b1f6d5a0e")
_DETAILS: Final = (
    "name",
    "username",
    "email",
    "organization",
    "phone",
    "country",
    "city",
    "device_name",
    "platform",
    "app_version",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that is ready to be posted."""

    claimed: Claimed
    post: Post


def known_of(user: AppUser) -> dict[str, Any]:
    """Return what a text can say of a user."""
    return {name: getattr(user, name) for name in _DETAILS} | {"custom": user.custom}


def write(
    message: Message, content: Content, claimed: Sequence[Claimed], now: datetime
) -> tuple[list[Letter], list[Settled]]:
    """Return what is to be posted, and what is not any more. Three queries."""
    identities = load_identities({one.user_id for one in claimed})
    owners = {one.token_key: identities.owner(one.user_id, one.composed_at) for one in claimed}
    tokens = {
        token.token_key: token
        for token in DeviceToken.objects.filter(app_id=message.app_id, token_key__in=list(owners))
    }
    users = (
        AppUser.objects.filter(id__in=set(owners.values()), app_id=message.app_id)
        .only("id", "consent", "custom", "locale", *_DETAILS)
        .in_bulk()
    )
    letters, skipped = [], []
    for one in claimed:
        user, token = users.get(owners[one.token_key]), tokens.get(one.token_key)
        why = _why_not(one, user, token, now)
        if why or user is None or token is None:
            skipped.append(Settled(one, Delivery.State.SKIPPED, why, attempts=one.attempts))
        else:
            letters.append(Letter(one, _post(message, content, one, user, token)))
    return letters, skipped


def _why_not(one: Claimed, user: AppUser | None, token: DeviceToken | None, now: datetime) -> str:
    if user is None:
        return reasons.USER_GONE
    if token is None:
        return reasons.TOKEN_GONE
    if token.user_id != user.id:
        return reasons.TOKEN_MOVED
    if token.disabled_reason:
        return reasons.TOKEN_OFF
    if user.consent.get("push") is False:
        return reasons.REFUSED
    return reasons.TOO_LATE if one.expires_at <= now else ""


def _post(message: Message, content: Content, one: Claimed, user: AppUser, token: DeviceToken) -> Post:
    """Make the same post whenever it is made: a second one replaces the first on the device."""
    return Post(
        token=token.token,
        environment=token.environment,
        id=uuid5(_NAMESPACE, f"{message.public_id}:{one.token_key}"),
        collapse_id=message.public_id,
        payload=payload(message.public_id, content, token.provider, token.locale or user.locale or "", known_of(user)),
        expires_at=one.expires_at,
    )


def payload(message_id: str, content: Content, provider: str, locale: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a provider takes for one user."""
    rendered = payloads.render(content, locale, known)
    if provider == Provider.APNS:
        return payloads.apple(message_id, content, rendered)
    return payloads.android(message_id, content, rendered)
