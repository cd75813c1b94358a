"""The engagement score: how long, how often and on how many days somebody uses the app, multiplied.

Pure, and the definition: the statement that computes scores in the database is tested against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import prod
from typing import Final, NamedTuple

from profiles.wording import duration

WINDOW_DAYS: Final = 7  # today and the six days before it
MAX_AVERAGE_MINUTES: Final = 2
MAX_SESSIONS: Final = 20
MAX_DAYS: Final = 7
MAX_SCORE: Final = MAX_AVERAGE_MINUTES * MAX_SESSIONS * MAX_DAYS

RULE: Final = (
    f"Average session in minutes (at most {MAX_AVERAGE_MINUTES}) × sessions in the last {WINDOW_DAYS} days"
    f" (at most {MAX_SESSIONS}) × days of use in the last {WINDOW_DAYS} days (at most {MAX_DAYS}),"
    f" as a share of {MAX_SCORE}."
)


class Window(NamedTuple):
    """The days that count, both inclusive, and the instants from which and before which."""

    first_on: date
    last_on: date
    starts_at: datetime
    ends_at: datetime


def window(now: datetime, zone: tzinfo) -> Window:
    """Return the last seven days of a time zone. Days are the calendar's: of 23 to 25 hours."""
    last_on = now.astimezone(zone).date()
    first_on = last_on - timedelta(days=WINDOW_DAYS - 1)
    return Window(first_on, last_on, _start_of(first_on, zone), _start_of(last_on + timedelta(days=1), zone))


def _start_of(on: date, zone: tzinfo) -> datetime:
    # Where a day has no midnight, its first instant is the one at which midnight was skipped.
    return datetime.combine(on, time(), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the three numbers that are multiplied: what was measured, what counts, and why in words."""

    label: str
    measured: float
    cap: int
    text: str

    @property
    def value(self) -> float:
        """What is multiplied."""
        return min(self.measured, self.cap)

    @property
    def share(self) -> float:
        """The part of the cap that is reached, 0 to 1."""
        return self.value / self.cap


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a score is made of; the numbers may be capped already."""

    average_minutes: float
    sessions: int
    days: int

    @property
    def factors(self) -> tuple[Factor, Factor, Factor]:
        """The three factors, in the order of the rule."""
        return (
            Factor(
                "Session length",
                self.average_minutes,
                MAX_AVERAGE_MINUTES,
                f"A session lasts {duration(self.average_minutes * 60)} on average"
                + _counting(self.average_minutes, MAX_AVERAGE_MINUTES),
            ),
            Factor(
                "Sessions",
                self.sessions,
                MAX_SESSIONS,
                f"{_counted(self.sessions, 'session')} in the last {WINDOW_DAYS} days"
                + _counting(self.sessions, MAX_SESSIONS),
            ),
            Factor(
                "Days of use",
                self.days,
                MAX_DAYS,
                f"{_counted(self.days, 'day')} of use in the last {WINDOW_DAYS} days" + _counting(self.days, MAX_DAYS),
            ),
        )

    @property
    def score(self) -> float:
        """The product, 0 to 280."""
        return prod(factor.value for factor in self.factors)

    @property
    def percent(self) -> float:
        """The score as shown, 0 to 100."""
        return self.score / MAX_SCORE * 100

    @property
    def percent_text(self) -> str:
        """The percentage to one place: most scores are below ten."""
        return f"{_plain(self.percent, 1)}%"

    def explain(self) -> tuple[str, ...]:
        """Return the score in sentences: one for each factor, and the sum that they make."""
        product = " × ".join(_plain(factor.value) for factor in self.factors)
        total = f"{product} = {_plain(self.score)} of {MAX_SCORE}, which is {self.percent_text}."
        return (*(factor.text for factor in self.factors), total)


def engagement(total_seconds: int, sessions_count: int, sessions_by_day: Mapping[date, int], today: date) -> Engagement:
    """Return what makes a user's score on a day.

    `sessions_by_day` holds every day of use with the number of sessions that began on it: a day of events alone has
    none. Days outside the window are left out here. The average is over all sessions and all time ever.
    """
    first_on = today - timedelta(days=WINDOW_DAYS - 1)
    in_window = [sessions for on, sessions in sessions_by_day.items() if first_on <= on <= today]
    average_minutes = total_seconds / 60 / sessions_count if sessions_count > 0 else 0.0
    return Engagement(average_minutes, sum(in_window), len(in_window))


def changes_on(
    total_seconds: int, sessions_count: int, sessions_by_day: Mapping[date, int], today: date
) -> date | None:
    """Return the first later day on which the score is another if the user stays away; None: never."""
    score = engagement(total_seconds, sessions_count, sessions_by_day, today).score
    past = {on: sessions for on, sessions in sessions_by_day.items() if on <= today}
    for days in range(1, WINDOW_DAYS + 1):
        later = today + timedelta(days=days)
        if engagement(total_seconds, sessions_count, past, later).score != score:
            return later
    return None


def _counting(measured: float, cap: int) -> str:
    return f": {_plain(min(measured, cap))} of at most {cap}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(number: float, places: int = 2) -> str:
    return f"{number:.{places}f}".rstrip("0").rstrip(".") if number % 1 else f"{number:.0f}"
