"""The order of start and end, and the watch in between."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from countly_profiles.supervisor.child import Child, describe_exit
from countly_profiles.supervisor.parent import Parent

_LOOK_EVERY_SECONDS = 0.2
_ROTATE_EVERY_SECONDS = 60.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):  # noqa: N818 - a request, not an error
    """Somebody asked the instance to end."""


class StartError(Exception):
    """A process did not start; the message says why and shows its last lines."""


def tell(message: str) -> None:
    """Write a line for the person who watches; standard output is for the one line of readiness."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


class Supervisor:
    """Holds the children in the order of their start.

    The first stop signal raises StopRequested wherever the main thread is; further ones are
    ignored, so that a second Ctrl-C does not break the ordered end.
    """

    def __init__(self, parent: Parent | None = None) -> None:
        self._parent = parent
        self._children: list[Child] = []
        self._groups: list[list[Child]] = []

    def listen_for_signals(self) -> None:
        """Turn stop signals into StopRequested. A signal that we were started to ignore (nohup) stays ignored."""
        for number in _STOP_SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, self._on_stop_signal)

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        for other in _STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise StopRequested(signal.Signals(number).name)

    def pause(self, seconds: float) -> None:
        """Sleep; raise StopRequested if our parent was interrupted."""
        time.sleep(seconds)
        if self._parent and self._parent.was_interrupted():
            raise StopRequested("the parent was interrupted")

    def start(self, *children: Child) -> None:
        """Start children that belong together; they will be asked to end together, after all later groups."""
        group: list[Child] = []
        self._groups.append(group)
        for child in children:
            group.append(child)
            self._children.append(child)
            child.start()

    def wait_until(self, child: Child, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait for a child's readiness; raise StartError if it ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            status = child.process.poll() if child.process else None
            if status is not None:
                msg = f"{child.name} {describe_exit(status)}:\n{child.log_tail()}"
                raise StartError(msg)
            if time.monotonic() > deadline:
                msg = f"{child.name} is not ready after {seconds:g} s:\n{child.log_tail()}"
                raise StartError(msg)
            self.pause(0.05)

    def watch(self) -> None:
        """Start again what ends and keep logs short, until StopRequested."""
        rotate_at = time.monotonic() + _ROTATE_EVERY_SECONDS
        while True:
            for child in self._children:
                happened = child.revive()
                if happened:
                    tell(happened)
            if time.monotonic() > rotate_at:
                rotate_at = time.monotonic() + _ROTATE_EVERY_SECONDS
                for child in self._children:
                    child.rotate_log()
            self.pause(_LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        """End everything, the last started first."""
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for group in reversed(self._groups):
            for child in group:
                child.ask_to_stop()
            for child in group:
                complaint = child.wait_for_end()
                if complaint:
                    tell(complaint)
