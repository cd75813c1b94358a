"""Which part of an instance used how much of the processors. Linux only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from countly_profiles.faults.instance import family_of, parts_of

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TIMES: Final = slice(11, 15)  # of /proc/<pid>/stat after the name: own user and system, the same of ended children


def seconds_of(supervisor: int) -> dict[str, float]:
    """Return seconds of a processor that each part has used so far, by the supervisor's names."""
    return {name: sum(map(_seconds, family_of(process))) for name, process in parts_of(supervisor).items()}


def used_since(before: Mapping[str, float], supervisor: int, requests: int) -> str:
    """Say what each part has used since `before`, in microseconds a request."""
    now = seconds_of(supervisor)
    used = {name: (now[name] - before.get(name, 0.0)) * 1e6 / requests for name in now}
    return ", ".join(f"{name} {us:.0f}" for name, us in used.items() if us >= 1)


def _seconds(process: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return sum(map(int, fields[_TIMES])) / _TICKS
    return 0.0
