"""The geometry of crash-free users and sessions over time. Reads nothing; the template draws it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from profiles.crashes.crash_free import CrashFreeDay

WIDTH: Final = 600.0
HEIGHT: Final = 96.0
_INSET: Final = 3.0  # so that a line at the edge keeps its whole width
_LEAST_RANGE: Final = 0.01  # a share that hardly moves is not drawn as a drama
_FLOORS: Final = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)


@dataclass(frozen=True, slots=True)
class Place:
    """One day: where its points are (empty where nobody came), and what to say of it."""

    x: str
    left: str
    """Where the part of the drawing begins that is this day's."""
    users_y: str
    sessions_y: str
    day: CrashFreeDay


@dataclass(frozen=True, slots=True)
class CrashFreeChart:
    """Lines as the points of polylines; a day on which nobody came parts a line."""

    users: tuple[str, ...]
    sessions: tuple[str, ...]
    places: tuple[Place, ...]
    floor: str
    """What the ground line stands for, in per cent."""


def crash_free_chart(days: Sequence[CrashFreeDay]) -> CrashFreeChart:
    """Draw the days, oldest first, between the next round share below the lowest one and all."""
    shares = [share for day in days for share in (day.of_users, day.of_sessions) if share is not None]
    lowest = min(shares, default=1.0)
    floor = next(floor for floor in _FLOORS if lowest >= floor)
    step = (WIDTH - 2 * _INSET) / max(len(days) - 1, 1)

    def y(share: float | None) -> str:
        if share is None:
            return ""
        height = HEIGHT - 2 * _INSET
        return f"{_INSET + height * (1 - share) / max(1 - floor, _LEAST_RANGE):.1f}"

    places = tuple(
        Place(
            f"{_INSET + step * n:.1f}", f"{_INSET + step * n - step / 2:.1f}", y(day.of_users), y(day.of_sessions), day
        )
        for n, day in enumerate(days)
    )
    return CrashFreeChart(
        _lines(places, lambda place: place.users_y),
        _lines(places, lambda place: place.sessions_y),
        places,
        f"{floor:.0%}",
    )


def _lines(places: Sequence[Place], height: Callable[[Place], str]) -> tuple[str, ...]:
    runs: list[list[str]] = [[]]
    for place in places:
        if y := height(place):
            runs[-1].append(f"{place.x},{y}")
        elif runs[-1]:
            runs.append([])
    return tuple(" ".join(run) for run in runs if run)
