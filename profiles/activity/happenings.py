"""The rows of an event timeline: what happened, in which words, and how long after the one before. Pure.

Keys, names and segmentation are strangers' text; the template escapes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from profiles.users.values import Shown, plain_text, show

VIEW_KEY: Final = "[CLY]_view"
LATE: Final = timedelta(minutes=10)  # later than this after it happened is worth a word
CHIPS_AT_ONCE: Final = 6
CHIP_TEXT: Final = 60

# What Countly's reserved keys mean, in the words of people who never saw one.
_RESERVED: Final = {
    "[CLY]_action": "Action",
    "[CLY]_star_rating": "Star rating",
    "[CLY]_nps": "Net promoter score",
    "[CLY]_nps_shown": "Net promoter score shown",
    "[CLY]_survey": "Survey",
    "[CLY]_survey_shown": "Survey shown",
    "[CLY]_push_action": "Push opened",
    "[CLY]_push_sent": "Push sent",
    "[CLY]_consent": "Consent changed",
}
# Of a view's segmentation: what the row says already, and how the SDK keeps its books.
_BOOKKEEPING: Final = frozenset({"name", "visit", "start", "segment", "platform", "_idv"})


class Kind(StrEnum):
    """What a row is about. The order is that of rows which share time and id."""

    STARTED = "started"
    EVENT = "event"
    VIEW = "view"
    CRASH = "crash"
    ENDED = "ended"
    PROPERTY = "property"
    CONSENT = "consent"
    MERGE = "merge"
    MESSAGE = "message"


EVENT_ORDER: Final = 0  # of rows that share time and id; a cursor carries it
CRASH_ORDER: Final = 1


@dataclass(frozen=True, slots=True)
class Chip:
    """A name and its value."""

    name: str
    value: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened."""

    kind: Kind
    at: datetime
    id: int
    order: int = EVENT_ORDER
    name: str
    note: str = ""
    key: str = ""
    url: str = ""
    is_fatal: bool = False
    is_outside: bool = False
    received_at: datetime | None = None
    count: int = 1
    sum: str = ""
    duration_seconds: float | None = None
    chips: tuple[Chip, ...] = ()

    @property
    def is_late(self) -> bool:
        """Tell whether it reached the server long after it happened."""
        return self.received_at is not None and self.received_at - self.at > LATE

    @property
    def first_chips(self) -> tuple[Chip, ...]:
        """What is shown at once."""
        return self.chips if len(self.chips) <= CHIPS_AT_ONCE + 1 else self.chips[:CHIPS_AT_ONCE]

    @property
    def more_chips(self) -> tuple[Chip, ...]:
        """What is shown on demand."""
        return self.chips[len(self.first_chips) :]


@dataclass(frozen=True, slots=True)
class Row:
    """A happening beside the one before it: `gap` as text, empty for the first."""

    happening: Happening
    gap: str


def event_name(key: str, segmentation: Mapping[str, Any] | None) -> tuple[Kind, str]:
    """Return what an event is and how it reads: a view by its name, a reserved key in words, else the key."""
    if key == VIEW_KEY:
        name = (segmentation or {}).get("name")
        return Kind.VIEW, f"View: {plain_text(name)}" if name not in (None, "") else "View"
    return Kind.EVENT, _RESERVED.get(key, key)


def chips_of(kind: Kind, segmentation: Mapping[str, Any] | None) -> tuple[Chip, ...]:
    """Return the segmentation to show, in the order in which the SDK named it."""
    if not isinstance(segmentation, Mapping):
        return ()
    hidden = _BOOKKEEPING if kind == Kind.VIEW else frozenset[str]()
    return tuple(Chip(name, show(value, CHIP_TEXT)) for name, value in segmentation.items() if name not in hidden)


def in_order(happenings: Iterable[Happening], *, newest_first: bool = False) -> list[Happening]:
    """Return happenings by time, id and kind."""
    return sorted(happenings, key=lambda one: (one.at, one.id, one.order), reverse=newest_first)


def with_gaps(happenings: Iterable[Happening], *, since: datetime | None = None) -> list[Row]:
    """Return rows that say how long after the one above each happened; `since` is the last one of the page before."""
    rows = []
    for happening in happenings:
        rows.append(Row(happening, "" if since is None else gap_text(happening.at - since)))
        since = happening.at
    return rows


def gap_text(gap: timedelta) -> str:
    """Say a gap: +00:42, +1:02:03, +2 d 03:04; towards the past with a minus."""
    sign = "−" if gap < timedelta() else "+"
    seconds = int(abs(gap).total_seconds())
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    if days:
        return f"{sign}{days} d {hours:02d}:{minutes:02d}"
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{minutes:02d}:{seconds:02d}"
