"""A progress bar for commands that people wait for."""

import time
from typing import Final

from django.core.management.base import OutputWrapper

_WIDTH: Final = 28
_REDRAW_SECONDS: Final = 0.1
_STEPS_IN_A_LOG: Final = 10


class ProgressBar:
    """One line that is drawn again on a terminal; elsewhere a line for each tenth."""

    def __init__(self, total: int, stream: OutputWrapper) -> None:
        self._total = max(total, 1)
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._started = time.monotonic()
        self._drawn = 0.0
        self._tenth = 0

    def show(self, done: int, note: str) -> None:
        """Show how much is done; `note` says it in the command's own words."""
        now = time.monotonic()
        share = min(done / self._total, 1.0)
        if self._is_terminal:
            if now - self._drawn >= _REDRAW_SECONDS or done >= self._total:
                self._drawn = now
                bar = ("█" * round(share * _WIDTH)).ljust(_WIDTH, "░")
                self._stream.write(f"\r{bar} {share:4.0%}  {note}  {self._remaining(share, now)}\033[K", ending="")
                self._stream.flush()
        elif (tenth := int(share * _STEPS_IN_A_LOG)) > self._tenth:
            self._tenth = tenth
            self._stream.write(f"{share:4.0%}  {note}")
            self._stream.flush()

    def close(self) -> None:
        """Leave the line as it is and go to the next one."""
        if self._is_terminal:
            self._stream.write("\n", ending="")
            self._stream.flush()

    def _remaining(self, share: float, now: float) -> str:
        if not 0 < share < 1:
            return ""
        seconds = (now - self._started) / share * (1 - share)
        return f"{seconds:.0f} s left"
