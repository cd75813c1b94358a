"""The geometry of the timeline's drawing: buckets in, rectangles and labels out. Pure; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from profiles.activity.buckets import Bucket

WIDTH: Final = 820.0
HEIGHT: Final = 190.0
LEFT: Final = 34.0  # room for the events' axis
RIGHT: Final = 26.0  # room for the sessions' axis
TOP: Final = 10.0
BOTTOM: Final = 24.0
TICKS: Final = 7
LINES: Final = 2  # above the ground line
SESSIONS_ROOM: Final = 1.7  # of their own height, so that the strong bars stay inside of the pale ones

_EVENTS_SHARE = 0.7  # of the room that a bucket has
_SESSIONS_SHARE = 0.32
_SMALLEST_BAR = 1.5  # something is never drawn as nothing


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in the drawing's units."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Column:
    """What is drawn of one bucket; None where there is nothing."""

    label: str
    sessions: int
    events: int
    events_bar: Bar | None
    sessions_bar: Bar | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A label under the ground line."""

    x: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A level line with what it stands for on both sides."""

    y: str
    events: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The whole drawing."""

    columns: list[Column]
    ticks: list[Tick]
    lines: list[Line]
    width: int = int(WIDTH)
    height: int = int(HEIGHT)


def draw(buckets: Sequence[Bucket]) -> Chart:
    """Lay the buckets out: wide pale bars of events, narrow strong ones of sessions, each with its own scale."""
    room = (WIDTH - LEFT - RIGHT) / max(1, len(buckets))
    events_top = scale_top(max((bucket.events for bucket in buckets), default=0))
    sessions_top = scale_top(SESSIONS_ROOM * max((bucket.sessions for bucket in buckets), default=0))
    columns = [
        Column(
            bucket.label,
            bucket.sessions,
            bucket.events,
            _bar(index, room, _EVENTS_SHARE, bucket.events / events_top),
            _bar(index, room, _SESSIONS_SHARE, bucket.sessions / sessions_top),
        )
        for index, bucket in enumerate(buckets)
    ]
    ground = HEIGHT - BOTTOM
    lines = [
        Line(_number(ground - (ground - TOP) * part / LINES), events_top * part // LINES, sessions_top * part // LINES)
        for part in range(LINES + 1)
    ]
    return Chart(columns, _ticks(buckets, room), lines)


def scale_top(largest: float) -> int:
    """Return an even, round number at or above the largest value: 2, 4, 10, 20, 40, 100 …"""
    size = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if step * size >= largest:
                return step * size
        size *= 10


def _bar(index: int, room: float, share: float, part: float) -> Bar | None:
    if part <= 0:
        return None
    ground = HEIGHT - BOTTOM
    height = max(_SMALLEST_BAR, (ground - TOP) * part)
    width = room * share
    x = LEFT + index * room + (room - width) / 2
    return Bar(_number(x), _number(ground - height), _number(width), _number(height))


def _ticks(buckets: Sequence[Bucket], room: float) -> list[Tick]:
    every = max(1, -(-len(buckets) // TICKS))
    # Counted from the end: the newest bucket is the one that people look for.
    return [
        Tick(_number(LEFT + (index + 0.5) * room), buckets[index].tick)
        for index in range(len(buckets) - 1 - every // 2, -1, -every)
    ]


def _number(value: float) -> str:
    """Text, because the template engine would write decimals in the reader's language."""
    return f"{value:.1f}"
