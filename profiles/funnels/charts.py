"""The trend of a funnel as a drawing: two bars a bucket, who entered and who of them completed. Pure.

Numbers are texts, because the template engine would write decimals in the reader's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from profiles.activity.charts import scale_top

WIDTH: Final = 800
HEIGHT: Final = 150
_LEFT: Final = 40  # where the numbers of the scale stand
_GROUND: Final = 128
_TOP: Final = 10
_SMALLEST_BAR: Final = 1.5
_MOST_TICKS: Final = 7
_WIDEST: Final = 26.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle on the ground line."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket: its bars (None: nobody), what they say, where they lead."""

    entered_bar: Bar | None
    completed_bar: Bar | None
    entered: int
    completed: int
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing: its buckets, labels below the ground line (x, text), lines of the scale (y, number)."""

    buckets: list[Bucket]
    ticks: list[tuple[str, str]]
    lines: list[tuple[str, int]]
    width: int = WIDTH
    height: int = HEIGHT


def draw(buckets: Sequence[tuple[int, int, str, str]]) -> Chart | None:
    """Draw buckets of (entered, completed, label, address); None: there is nothing to draw."""
    largest = max((entered for entered, *_ in buckets), default=0)
    if not largest:
        return None
    top = scale_top(largest)
    room = (WIDTH - _LEFT) / len(buckets)
    drawn = [
        Bucket(_bar(index, room, entered / top), _bar(index, room, completed / top), entered, completed, label, url)
        for index, (entered, completed, label, url) in enumerate(buckets)
    ]
    every = -(-len(buckets) // _MOST_TICKS)
    ticks = [
        (_number(_LEFT + (index + 0.5) * room), buckets[index][2].partition(" – ")[0])
        for index in range(len(buckets) - 1 - every // 2, -1, -every)
    ]
    lines = [(_number(_GROUND - (_GROUND - _TOP) * part / 2), top * part // 2) for part in range(3)]
    return Chart(drawn, ticks, lines)


def _bar(index: int, room: float, share: float) -> Bar | None:
    if not share:
        return None
    width = min(room * 0.72, _WIDEST)
    height = max(_SMALLEST_BAR, share * (_GROUND - _TOP))
    x = _LEFT + index * room + (room - width) / 2
    return Bar(_number(x), _number(_GROUND - height), _number(width), _number(height))


def _number(value: float) -> str:
    return f"{value:.1f}"
