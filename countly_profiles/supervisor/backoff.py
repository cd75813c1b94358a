"""How long to wait before a process that ended is started again. Pure."""

from __future__ import annotations

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 5.0  # what kept a process from running may be over any moment, and then all is to be well soon
# A process that ran this long was healthy: its end is a new failure, not one of a series.
_HEALTHY_SECONDS = 10.0


def failures_after(previous_failures: int, *, ran_seconds: float) -> int:
    """Count the failures in a row, this end included."""
    return 1 if ran_seconds >= _HEALTHY_SECONDS else previous_failures + 1


def restart_delay(failures: int) -> float:
    """Return seconds to wait after so many failures in a row: half a second, doubled each time, to five seconds."""
    return min(_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_SECONDS)
