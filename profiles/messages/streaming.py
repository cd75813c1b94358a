"""Messages in the stream of a user: sent, failed, left out, and opened."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Final

from profiles.access.models import App
from profiles.activity.happenings import Chip, Happening, Kind
from profiles.activity.querysets import Cursor
from profiles.messages.models import Delivery, Message
from profiles.messages.querysets import received_by
from profiles.messages.reasons import in_words
from profiles.profile.stream import Part, is_before, register
from profiles.users.models import AppUser
from profiles.users.values import show

MOST_READ: Final = 500  # the newest of a user; caps keep people from more

_State = Delivery.State
_SAYS: Final = {_State.SENT: "Push sent", _State.FAILED: "Push failed", _State.SKIPPED: "Push left out"}


def messages_of(
    app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    """Return the newest rows about messages before the cursor: four queries. Devices of one moment share a row."""
    devices: Counter[tuple[datetime, int, str, str]] = Counter()
    messages: dict[int, Message] = {}
    for one in received_by(user.id, MOST_READ):
        delivery = one.delivery
        messages[delivery.message_id] = one.message
        if delivery.settled_at is not None and delivery.state in _SAYS:
            reason = "" if delivery.state == _State.SENT else in_words(delivery.reason)
            devices[delivery.settled_at, delivery.message_id * 2, _SAYS[_State(delivery.state)], reason] += 1
        if delivery.opened_at is not None:
            devices[delivery.opened_at, delivery.message_id * 2 + 1, "Push opened", ""] += 1
    for message in messages.values():
        message.app = app
    found: dict[tuple[datetime, int], Happening] = {}
    for (at, id_, words, reason), count in sorted(devices.items()):
        message = messages[id_ // 2]
        # The id carries what a row is, so that no two rows of a moment are the same one to a cursor.
        found.setdefault(
            (at, id_),
            Happening(
                kind=Kind.MESSAGE,
                at=at,
                id=id_,
                order=Part.MESSAGES.order,
                name=words,
                url=message.get_absolute_url(),
                note="test" if message.is_test else "",
                count=count,
                chips=(
                    Chip("message", show(str(message))),
                    *((Chip("reason", show(reason)),) if reason else ()),
                ),
            ),
        )
    rows = [one for one in found.values() if is_before(one, before)]
    return sorted(rows, key=lambda one: (one.at, one.id), reverse=True)[:limit]


register(Part.MESSAGES, messages_of)
