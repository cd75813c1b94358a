"""Composes deliveries: who of the audience has which tokens, and what speaks against each. In batches of users by
key, each in one transaction with how far it is; whatever is killed goes on there.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.http import QueryDict

from profiles.access.models import App
from profiles.bulk import BulkTable
from profiles.directory.audience import Audience, users_of
from profiles.directory.filters.tree import FilterError
from profiles.messages import accounts, reasons, timing, totals
from profiles.messages.models import LANES, Delivery, Message, PushSettings
from profiles.messages.timing import Cap
from profiles.users.models import DeviceToken, Identity

USERS_PER_BATCH: Final = 5_000

State = Delivery.State

_DELIVERIES = BulkTable(
    "profiles_delivery",
    {
        "user_id": "uuid",
        "message_id": "bigint",
        "token_key": "uuid",
        "app_id": "bigint",
        "device_key": "uuid",
        "provider": "text",
        "lane": "smallint",
        "state": "text",
        "reason": "text",
        "composed_at": "timestamptz",
        "due_at": "timestamptz",
        "expires_at": "timestamptz",
        "attempts": "smallint",
        "settled_at": "timestamptz",
    },
    key=("user_id", "message_id", "token_key"),
)


@dataclass(frozen=True, slots=True)
class _Person:
    """Of a user what composing needs."""

    id: UUID
    offset_minutes: int | None
    consent: dict[str, Any]


def fields_of(message: Message) -> QueryDict:
    """Return the fields that say whom a message is for."""
    parameters = QueryDict(mutable=True)
    for name, value in message.audience:
        parameters.appendlist(name, value)
    return parameters


def audience_of(message: Message) -> Audience:
    """Return whom a message is for; raise FilterError where that cannot be read any more."""
    return Audience.read(fields_of(message))


def cap_of(app_id: int) -> Cap | None:
    """Return how many messages a user of the app bears."""
    found = PushSettings.objects.filter(app_id=app_id).first()
    return Cap(found.cap_messages, found.cap_days) if found and found.cap_messages else None


def compose_batch(message_id: int, now: datetime, limit: int = USERS_PER_BATCH) -> bool:
    """Compose for the next users; return whether more may remain. Of two at a time the second does nothing."""
    with transaction.atomic():
        message = (
            Message.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("app")
            .filter(pk=message_id, state=Message.State.SENDING, composed_at=None)
            .first()
        )
        if message is None:
            return False
        try:
            people = _next_people(message, limit)
        except FilterError as error:
            message.state, message.fault = Message.State.FAILED, f"The audience cannot be read: {error}"[:200]
            message.save(update_fields=["state", "fault"])
            return False
        _compose(message, people, now)
        message.matched_users += len(people)
        if people:
            message.composed_upto = people[-1].id
        if len(people) < limit:
            message.composed_at, message.composed_upto = now, None
        message.save(update_fields=["matched_users", "composed_upto", "composed_at"])
        return message.composed_at is None


def _next_people(message: Message, limit: int) -> list[_Person]:
    users = users_of(message.app, audience_of(message))
    if message.began_at is not None:
        users = users.filter(created_at__lte=message.began_at)
    if message.composed_upto is not None:
        users = users.filter(id__gt=message.composed_upto)
    rows = users.order_by("id").values_list("id", "timezone_offset_minutes", "consent")[:limit]
    return [_Person(*row) for row in rows]


def _compose(message: Message, people: Sequence[_Person], now: datetime) -> None:
    tokens = _tokens(message, [person.id for person in people])
    if not tokens:
        return
    composer = _Composer(message, now)
    reached = [person for person in people if person.id in tokens]
    if composer.cap is not None:
        composer.others = _other_times(message, [person.id for person in reached], composer.cap.period, now)
    rows = [row for person in reached for row in composer.rows(person, tokens[person.id])]
    _DELIVERIES.insert(rows)
    totals.add(composer.counts, totals.COMPOSER)


def _tokens(message: Message, user_ids: Collection[UUID]) -> dict[UUID, list[DeviceToken]]:
    """Return the tokens that a message has not been composed for yet: one that moved on in a merge stays with the
    user whom it was composed for. Of a test the one that was registered last.
    """
    found = list(DeviceToken.objects.filter(user_id__in=user_ids, disabled_reason="").order_by("-last_registered_at"))
    keys = [token.token_key for token in found]
    had = set(Delivery.objects.filter(message=message, token_key__in=keys).values_list("token_key", flat=True))
    tokens: dict[UUID, list[DeviceToken]] = defaultdict(list)
    for token in found:
        if token.token_key not in had:
            tokens[token.user_id].append(token)
    return {user: mine[:1] for user, mine in tokens.items()} if message.is_test else tokens


class _Composer:
    """Makes the rows of one message's deliveries, and counts them."""

    def __init__(self, message: Message, now: datetime) -> None:
        self.counts: Counter[totals.Kind] = Counter()
        self.cap = None if message.is_test else cap_of(message.app_id)
        self.others: dict[UUID, list[datetime]] = {}
        self._message, self._now = message, now
        self._providers = accounts.providers_of(message.app)
        self._zone = ZoneInfo(message.app.timezone)

    def rows(self, person: _Person, tokens: Iterable[DeviceToken]) -> Iterable[tuple[Any, ...]]:
        due = self._due(person)
        reason = self._reason(person, due)
        for token in tokens:
            why = reason or ("" if token.provider in self._providers else reasons.NO_CREDENTIAL)
            state = State.SKIPPED if why else State.QUEUED
            self.counts[self._message.pk, token.provider, state.value, why] += 1
            yield (
                person.id,
                self._message.pk,
                token.token_key,
                self._message.app_id,
                token.original_user_id,
                token.provider,
                token.token_key.int % LANES,
                state.value,
                why,
                self._now,
                due,
                due + timedelta(hours=self._message.valid_hours),
                0,
                self._now if why else None,
            )

    def _due(self, person: _Person) -> datetime:
        message = self._message
        if message.when == Message.When.LOCAL and message.wall_clock is not None:
            return timing.due_at(message.wall_clock.replace(tzinfo=None), person.offset_minutes, self._zone)
        return self._now

    def _reason(self, person: _Person, due: datetime) -> str:
        if person.consent.get("push") is False:
            return reasons.REFUSED
        if timing.is_too_late(due, self._now):
            return reasons.TOO_LATE
        if self.cap is not None and not self.cap.allows(self.others.get(person.id, ()), due):
            return reasons.CAPPED
        return ""


def _other_times(
    message: Message, user_ids: Collection[UUID], period: timedelta, now: datetime
) -> dict[UUID, list[datetime]]:
    """Return when these users get, or got, other messages: one time for a message, whatever the number of devices.
    Two queries, along the deliveries' key.
    """
    owners = {key: key for key in user_ids}
    former: dict[UUID, list[tuple[datetime, UUID]]] = defaultdict(list)
    for device, until, user in Identity.objects.filter(user_id__in=user_ids).values_list(
        "device_key", "until", "user_id"
    ):
        former[device].append((until, user))
    # Users' own clocks are up to 26 hours apart.
    since = now - period - timedelta(days=2)
    found = Delivery.objects.filter(
        user_id__in=[*owners, *former],
        state__in=[State.QUEUED, State.SENDING, State.SENT],
        due_at__gt=since,
        message__is_test=False,
        message__state__in=[Message.State.SENDING, Message.State.SENT, Message.State.FAILED],
    ).exclude(message=message)
    times: dict[tuple[UUID, int], datetime] = {}
    for user, other, composed, due, settled in found.values_list(
        "user_id", "message_id", "composed_at", "due_at", "settled_at"
    ):
        owner = min((row for row in former.get(user, ()) if row[0] >= composed), default=(composed, user))[1]
        times[owner, other] = settled or due
    by_owner: dict[UUID, list[datetime]] = defaultdict(list)
    for (owner, _), at in times.items():
        by_owner[owner].append(at)
    return by_owner


def has_second_eyes(app: App) -> bool:
    """Tell whether a second person has to approve the app's messages."""
    return PushSettings.objects.filter(app=app, needs_approval=True).exists()
