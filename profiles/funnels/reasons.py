"""Why a user did not do a funnel's next step: as data, and in a sentence. Pure."""

from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from profiles.activity.segmentation import Condition, shown
from profiles.wording import Clock, duration, exact

_VALUE_CHARACTERS: Final = 80  # of a stranger's value, in a sentence


class Kind(StrEnum):
    """What kept the user from the step."""

    NEVER = "never"
    ONLY_BEFORE = "only_before"
    OTHER_VALUE = "other_value"
    OUTSIDE_WINDOW = "outside_window"
    OTHER_SESSION = "other_session"
    WINDOW_OPEN = "window_open"


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why a step reads Not Completed; what each kind has beside it is named in the comments."""

    kind: Kind
    _: KW_ONLY
    # All but never and window_open: when the user did what was not counted; the nearest to counting, or the last time.
    did_at: datetime | None = None
    # Only before: what was done was counted already, as the step above.
    is_step_above: bool = False
    # Other value: the first condition that was not met, and the value that was there; None: it was not set.
    missed: Condition | None = None
    had: Any = None
    # Outside the window: how long after it had closed; of several attempts, the least.
    late_by: timedelta | None = None
    window: timedelta | None = None
    # Other session: it was in none.
    is_outside_sessions: bool = False
    # Window open: until when, and when the attempt that is open began if it is not the one that is shown.
    open_until: datetime | None = None
    began_at: datetime | None = None

    @property
    def text(self) -> str:
        """The reason in a sentence, its times in UTC."""
        return self.text_in(UTC)

    def text_in(self, zone: tzinfo) -> str:
        """Return the reason in a sentence, its times in a time zone."""
        match self.kind:
            case Kind.NEVER:
                return "Never did it."
            case Kind.ONLY_BEFORE if self.is_step_above:
                return "Did it, but not again after the step above."
            case Kind.ONLY_BEFORE:
                return f"Did it only before the step above, last on {_at(self.did_at, zone)}."
            case Kind.OTHER_VALUE:
                return self._other_value_text()
            case Kind.OUTSIDE_WINDOW:
                return f"Did it {_long(self.late_by)} after the window of {_long(self.window)} had closed."
            case Kind.OTHER_SESSION:
                where = "outside any session" if self.is_outside_sessions else "in another session"
                return f"Did it, but {where}, on {_at(self.did_at, zone)}."
            case Kind.WINDOW_OPEN if self.began_at is not None:
                begun, until = _at(self.began_at, zone), _at(self.open_until, zone)
                return f"Not yet: a later attempt, begun on {begun}, has time until {until}."
            case Kind.WINDOW_OPEN:
                return f"Not yet: the window is open until {_at(self.open_until, zone)}."

    def _other_value_text(self) -> str:
        if self.missed is None:
            return "Did it, but with another value."
        had = shown(self.had)
        if len(had) > _VALUE_CHARACTERS:
            had = had[: _VALUE_CHARACTERS - 1] + "…"
        return f"Did it, but {self.missed.name} was {had}; the step wants: {self.missed.text}."


def _at(at: datetime | None, zone: tzinfo) -> str:
    return "" if at is None else exact(at, Clock(at, zone))


def _long(span: timedelta | None) -> str:
    """Say a length of time: days from two days on."""
    if span is None:
        return ""
    hours, days = span.seconds // 3600, span.days
    if days < 2:
        return duration(max(1, span.total_seconds()))
    return f"{days} days {hours} h" if hours else f"{days} days"
