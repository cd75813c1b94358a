"""One stream: everything that is known of a user in one order, newest first; all kinds, or some.

Each kind is read along the key of its own table from the cursor on, so that a page costs the same for everybody.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.urls import reverse

from profiles.access.models import App
from profiles.activity.boxes import cursor_text, event_happening, session_started
from profiles.activity.happenings import (
    EVENT_ORDER,
    VIEW_KEY,
    Chip,
    Happening,
    Kind,
    Row,
    chips_of,
    in_order,
    with_gaps,
)
from profiles.activity.models import Event, EventKey, Session
from profiles.activity.querysets import Cursor
from profiles.profile.incidents import CrashIncidents
from profiles.users.models import AppUser, ConsentChange, Merge, PropertyChange
from profiles.users.properties import CUSTOM_PREFIX
from profiles.users.values import show

ROWS: Final = 100
_WORDS: Final = {"birth_year": "birth year", "email": "e-mail", "username": "user name"}


class Part(StrEnum):
    """A kind of what happens to a user, as the stream's filter calls it. The order is that of equal times."""

    EVENTS = "events"
    VIEWS = "views"
    CRASHES = "crashes"
    SESSIONS = "sessions"
    PROPERTIES = "properties"
    CONSENTS = "consents"
    MERGES = "merges"
    MESSAGES = "messages"

    @property
    def label(self) -> str:
        """The word on the filter."""
        return self.value.capitalize()

    @property
    def order(self) -> int:
        """Its place among rows of one time and id; events and views share a table."""
        return EVENT_ORDER if self in {Part.EVENTS, Part.VIEWS} else list(Part).index(self) - 1


@dataclass(frozen=True, slots=True)
class Stream:
    """A page of the stream, and where the next one begins (empty: nowhere)."""

    rows: list[Row]
    next: str


def read_stream(
    app: App, user: AppUser, parts: Collection[Part], *, name: str = "", before: Cursor | None = None, rows: int = ROWS
) -> Stream:
    """Read a page: one query a kind, two for crashes, four for messages. `name` narrows it to the events of a key."""
    parts = (Part.EVENTS,) if name else parts
    found: list[Happening] = []
    for part in dict.fromkeys(Part.EVENTS if part is Part.VIEWS else part for part in parts):
        found += _READ[part](app, user, before, rows + 1, parts, name)
    shown = in_order(found, newest_first=True)[: rows + 1]
    is_cut = len(shown) > rows
    shown = shown[:rows]
    below = [*(one.at for one in shown[1:]), None][: len(shown)]
    lines = [
        Row(one, "" if earlier is None else with_gaps([one], since=earlier)[0].gap)
        for one, earlier in zip(shown, below, strict=True)
    ]
    last = shown[-1] if is_cut else None
    return Stream(lines, cursor_text(Cursor(last.at, last.id, last.order)) if last else "")


def _before(rows: QuerySet[Any], time: str, part: Part, before: Cursor | None, limit: int) -> list[Any]:
    """Return the newest rows before the cursor, by their time and id."""
    if before is not None:
        id_ = "lte" if part.order < before.kind else "lt"
        rows = rows.filter(
            Q(**{f"{time}__lt": before.at}) | Q(**{f"id__{id_}": before.id}), **{f"{time}__lte": before.at}
        )
    return list(rows.order_by(f"-{time}", "-id")[:limit])


def _events(
    app: App, user: AppUser, before: Cursor | None, limit: int, parts: Collection[Part], name: str
) -> list[Happening]:
    events = Event.objects.filter(user_id=user.id).select_related("key")
    if name:
        events = events.filter(key__in=EventKey.objects.filter(app=app, key=name))
    elif Part.VIEWS not in parts:
        events = events.exclude(key__in=EventKey.objects.filter(app=app, key=VIEW_KEY))
    elif Part.EVENTS not in parts:
        events = events.filter(key__in=EventKey.objects.filter(app=app, key=VIEW_KEY))
    return [event_happening(event) for event in _before(events, "occurred_at", Part.EVENTS, before, limit)]


def _crashes(
    app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    return CrashIncidents(app).newest(user.id, before, limit)


def _sessions(
    app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    page = reverse("profile:user", args=[app.public_id, user.uid])
    found = _before(Session.objects.filter(user_id=user.id), "started_at", Part.SESSIONS, before, limit)
    return [session_started(one, order=Part.SESSIONS.order, url=f"{page}?session={one.id}") for one in found]


def _properties(
    _app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    found = _before(PropertyChange.objects.filter(user_id=user.id), "changed_at", Part.PROPERTIES, before, limit)
    return [_property(one) for one in found]


def _property(change: PropertyChange) -> Happening:
    is_custom = change.name.startswith(CUSTOM_PREFIX)
    name = change.name.removeprefix(CUSTOM_PREFIX) if is_custom else _WORDS.get(change.name, change.name)
    return Happening(
        kind=Kind.PROPERTY,
        at=change.changed_at,
        id=change.id,
        order=Part.PROPERTIES.order,
        name=f"{name} was removed" if change.value is None else f"{name} was set",
        note="" if change.source == PropertyChange.Source.SDK else PropertyChange.Source(change.source).label,
        received_at=change.received_at,
        chips=() if change.value is None else (Chip(name, show(change.value)),),
    )


def _consents(
    _app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    found = _before(ConsentChange.objects.filter(user_id=user.id), "changed_at", Part.CONSENTS, before, limit)
    return [
        Happening(
            kind=Kind.CONSENT,
            at=one.changed_at,
            id=one.id,
            order=Part.CONSENTS.order,
            name="Consent changed",
            received_at=one.received_at,
            chips=chips_of(
                Kind.CONSENT, {name: "given" if is_given else "withdrawn" for name, is_given in one.changes.items()}
            ),
        )
        for one in found
    ]


def _merges(
    _app: App, user: AppUser, before: Cursor | None, limit: int, _parts: Collection[Part], _name: str
) -> list[Happening]:
    merges = Merge.objects.filter(user_id=user.id).defer("survivor_before", "absorbed_before")
    return [
        Happening(
            kind=Kind.MERGE,
            at=one.merged_at,
            id=one.id,
            order=Part.MERGES.order,
            name="Another user was merged into this one" + (", and parted again" if one.undone_at else ""),
            note="by hand" if one.source == Merge.Source.MANUAL else "",
            chips=chips_of(Kind.MERGE, {"device id": one.absorbed_device_id}),
        )
        for one in _before(merges, "merged_at", Part.MERGES, before, limit)
    ]


_READ: Final[dict[Part, Callable[..., list[Happening]]]] = {
    Part.EVENTS: _events,
    Part.CRASHES: _crashes,
    Part.SESSIONS: _sessions,
    Part.PROPERTIES: _properties,
    Part.CONSENTS: _consents,
    Part.MERGES: _merges,
}


def register(part: Part, read: Callable[..., list[Happening]]) -> None:
    """Say how a kind of a subject above this one is read, newest first, at most so many. Once per kind."""
    if part in _READ:
        raise ValueError(f"“{part}” is read already")
    _READ[part] = read


def is_before(one: Happening, before: Cursor | None) -> bool:
    """Tell whether a row stands below a cursor."""
    return before is None or (one.at, one.id, one.order) < (before.at, before.id, before.kind)


def read_parts(texts: Collection[str]) -> tuple[Part, ...]:
    """Return the kinds that an address names; all where it names none."""
    return tuple(part for part in Part if part.value in texts) or tuple(Part)
