"""What SDKs say of messages that were opened: noted on the delivery, counted in the same transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from profiles.messages import totals
from profiles.messages.models import Delivery, Message, MessageTotal
from profiles.users.identities import load_identities
from profiles.users.models import Identity

MOST_BUTTON: Final = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """A device says that somebody has opened a message: its body (0) or a button."""

    app_id: int
    user_id: UUID
    device_key: UUID
    message: str
    button: int
    at: datetime


def note(openings: Sequence[Opened], *, shard: int) -> None:
    """Note what was opened; the first time of each delivery stays. Messages of others, and of nobody, are passed over.

    Called in the transaction of the requests, under the shards' locks. A fixed number of queries; none where nobody
    opened anything.
    """
    if not openings:
        return
    messages = {
        public_id: (pk, app_id)
        for public_id, pk, app_id in Message.objects.filter(
            public_id__in={one.message for one in openings}
        ).values_list("public_id", "id", "app_id")
    }
    said: dict[tuple[UUID, int], list[Opened]] = defaultdict(list)
    for one in openings:
        pk, app_id = messages.get(one.message, (0, 0))
        if pk and app_id == one.app_id:
            said[one.user_id, pk].append(one)
    if said:
        _note(said, shard)


def _note(said: dict[tuple[UUID, int], list[Opened]], shard: int) -> None:
    by_owner = _deliveries({user for user, _ in said}, {message for _, message in said})
    counts: Counter[totals.Kind] = Counter()
    changed: dict[tuple[UUID, int, UUID], Delivery] = {}
    for (user_id, message_id), mine in said.items():
        deliveries = by_owner.get((user_id, message_id), [])
        for one in sorted(mine, key=attrgetter("at")):
            delivery = _opened(deliveries, one)
            if delivery is None or (delivery.opened_at is not None and delivery.opened_at <= one.at):
                continue
            if delivery.button is not None:
                counts[message_id, delivery.provider, MessageTotal.OPENED, str(delivery.button)] -= 1
            delivery.opened_at, delivery.button = one.at, min(max(one.button, 0), MOST_BUTTON)
            counts[message_id, delivery.provider, MessageTotal.OPENED, str(delivery.button)] += 1
            changed[delivery.user_id, message_id, delivery.token_key] = delivery
    Delivery.objects.bulk_update(changed.values(), ["opened_at", "button"])
    totals.add(counts, totals.FIRST_OF_INGEST + shard)


def _opened(deliveries: Sequence[Delivery], one: Opened) -> Delivery | None:
    """Return the delivery to the device that speaks, else the first of the user's."""
    own = next((delivery for delivery in deliveries if delivery.device_key == one.device_key), None)
    return own or next(iter(deliveries), None)


def _deliveries(users: Collection[UUID], messages: Collection[int]) -> dict[tuple[UUID, int], list[Delivery]]:
    """Return the deliveries of these messages to these users, and to those that they have absorbed, locked in the
    order of keys, by user and message.
    """
    former = set(Identity.objects.filter(user_id__in=users).values_list("device_key", flat=True))
    rows = (
        Delivery.objects.select_for_update()
        .filter(user_id__in={*users, *former}, message__in=messages)
        .order_by("user_id", "message", "token_key")
    )
    found = list(rows)
    identities = load_identities({one.user_id for one in found})

    def owner(one: Delivery) -> tuple[UUID, int]:
        return identities.owner(one.user_id, one.composed_at), one.message_id

    return {key: list(mine) for key, mine in groupby(sorted(found, key=owner), key=owner)}
