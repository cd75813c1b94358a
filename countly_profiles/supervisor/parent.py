"""Watches `make`, which started us: it is told to end before us, and does not always tell us.

Ctrl-C in a terminal reaches make and us alike. A signal to make alone (`kill -INT`, a test harness) does not: make
passes SIGTERM on, but after SIGINT or SIGHUP waits for us in silence. What shows is that it stops catching the signal.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
_WATCHED = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGHUP - 1)


class Parent:
    """The process that started this one."""

    def __init__(self) -> None:
        self._status = Path(f"/proc/{os.getppid()}/status")
        self._caught_at_first = self._caught()

    def was_interrupted(self) -> bool:
        """Tell whether the parent has had one of the signals. Linux only; elsewhere never."""
        return self._caught() != self._caught_at_first

    def _caught(self) -> int:
        try:
            found = _CAUGHT.search(self._status.read_text(encoding="ascii"))
        except OSError:
            return 0
        return int(found[1], 16) & _WATCHED if found else 0
