"""One run of benchmarks: how large it is, what it says meanwhile, and the instance that its parts share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from countly_profiles.bench import places


@dataclass(slots=True)
class Run:
    """A run, short (`is_quick`) or whole. Use it as a context: what it started ends with it."""

    is_quick: bool
    tell: Callable[[str], None]
    numbers_sent: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)
    _instance: places.Instance | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def instance(self) -> places.Instance:
        """Return the running instance, started at the first call. This process's Django talks to its database."""
        if self._instance is None:
            self.tell("starting an instance ...")
            self._instance = self._stack.enter_context(places.instance())
        return self._instance

    def end_instance(self) -> None:
        """End the instance, so that it takes no time from what is measured next."""
        self._stack.close()
        self._instance = None

    def choose(self, whole: float, quick: float) -> float:
        """Return one of two sizes."""
        return quick if self.is_quick else whole


def wait_until(is_so: Callable[[], bool], *, seconds: float, every: float = 0.05) -> float:
    """Wait for something and return how long it took; raise TimeoutError."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > seconds:
            msg = f"nothing after {seconds:.0f} s"
            raise TimeoutError(msg)
        time.sleep(every)
    return time.monotonic() - started
