"""Reads of messages: lists by key, counts from the kept totals, and the ladder of who can be reached."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet, Sum

from profiles.access.models import App
from profiles.directory.audience import Audience, users_of
from profiles.messages.models import Delivery, Message, MessageTotal
from profiles.users.identities import load_identities
from profiles.users.models import AppUser, DeviceToken, Identity

PAGE_SIZE: Final = 30
LADDER_SECONDS: Final = 5.0


@dataclass(slots=True)
class Counts:
    """What became of a message's deliveries; `by` holds them by provider, outcome and reason."""

    by: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def of(self, outcome: str, provider: str = "", reason: str | None = None) -> int:
        """Return how many came to an outcome."""
        return sum(
            count
            for (one, what, why), count in self.by.items()
            if what == outcome and provider in {"", one} and reason in {None, why}
        )

    def reasons(self, outcome: str) -> list[tuple[str, int]]:
        """Return the reasons of an outcome with their numbers, the most frequent first."""
        found: Counter[str] = Counter()
        for (_, what, why), count in self.by.items():
            if what == outcome and count:
                found[why] += count
        return found.most_common()

    @property
    def providers(self) -> list[str]:
        """The providers that there are deliveries of."""
        return sorted({provider for (provider, _, _), count in self.by.items() if count})

    @property
    def total(self) -> int:
        """All deliveries."""
        return sum(self.of(state.value) for state in Delivery.State)

    @property
    def settled(self) -> int:
        """Those that nothing more is done about."""
        return self.total - self.of(Delivery.State.QUEUED)


def counts_of(messages: Iterable[Message]) -> dict[int, Counts]:
    """Return the counts of some messages, by their number. One query."""
    found = {message.pk: Counts() for message in messages}
    rows = (
        MessageTotal.objects.filter(message__in=found)
        .values_list("message_id", "provider", "outcome", "reason")
        .annotate(total=Sum("count"))
    )
    for message_id, provider, outcome, reason, total in rows:
        found[message_id].by[provider, outcome, reason] += total
    return found


def messages_of(app: App, *, is_test: bool, before: tuple[datetime, int] | None = None) -> QuerySet[Message]:
    """Return an app's messages, newest first, older than one of them; along an index."""
    found = Message.objects.filter(app=app, is_test=is_test).select_related("app").order_by("-created_at", "-id")
    if before is not None:
        at, pk = before
        found = found.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(pk__lt=pk))
    return found


@dataclass(frozen=True, slots=True)
class Ladder:
    """How many of an audience can be reached; `providers` counts users, and who has two is in two."""

    matched: int
    with_token: int
    allowed: int
    providers: Mapping[str, int]

    @property
    def without_token(self) -> int:
        """Who has none."""
        return self.matched - self.with_token

    @property
    def refused(self) -> int:
        """Who has a token and does not want messages."""
        return self.with_token - self.allowed


def ladder_of(app: App, audience: Audience, seconds: float = LADDER_SECONDS) -> Ladder | None:
    """Count who can be reached; None where that takes too long. One statement over the audience, one by provider."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            users = users_of(app, audience)
            matched = users.count()
            tokens = DeviceToken.objects.filter(app=app, disabled_reason="")
            reachable = users.filter(id__in=tokens.values("user_id"))
            with_token = reachable.count()
            allowed = reachable.exclude(consent__contains={"push": False})
            by_provider = {
                provider: allowed.filter(id__in=tokens.filter(provider=provider).values("user_id")).count()
                for provider in DeviceToken.Provider.values
            }
            return Ladder(matched, with_token, allowed.count(), {k: v for k, v in by_provider.items() if v})
    except OperationalError:
        return None


def sample_of(app: App, audience: Audience, uid: str = "") -> AppUser | None:
    """Return a real user to show a text on: that one, else somebody of the audience who is known by name."""
    if uid:
        found = AppUser.objects.filter(app=app, uid=uid).first()
        return found or AppUser.objects.filter(app=app, device_id=uid).first()
    users = users_of(app, audience)
    return next(iter(users.filter(is_identified=True)[:1]), None) or next(iter(users[:1]), None)


@dataclass(frozen=True, slots=True)
class Received:
    """A message to one device of a user."""

    message: Message
    delivery: Delivery


def received_by(user_id: UUID, limit: int) -> list[Received]:
    """Return the newest messages of a user, whom they absorbed included. Four queries, along the deliveries' key."""
    former = list(Identity.objects.filter(user_id=user_id).values_list("device_key", flat=True))
    found = list(Delivery.objects.filter(user_id__in=[user_id, *former]).order_by("-composed_at")[: limit * 2])
    identities = load_identities({one.user_id for one in found})
    mine = [one for one in found if identities.owner(one.user_id, one.composed_at) == user_id][:limit]
    messages = Message.objects.in_bulk({one.message_id for one in mine})
    return [Received(messages[one.message_id], one) for one in mine if one.message_id in messages]
