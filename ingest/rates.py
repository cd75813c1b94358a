"""How many requests a second are taken of an app, and of an address: beyond, SDKs are told to come later, and do.

Counted in each process by itself, without asking anybody: each lets its share of the limit in. What comes too fast is
answered 429, which every SDK takes as "not delivered": it keeps its queue and comes again.
"""

import threading
import time
from collections.abc import Hashable

from django.conf import settings

MOST_REMEMBERED = 10_000
BURST_SECONDS = 2.0  # what was not used in this time can be used at once: requests come in bunches


class Buckets:
    """Token buckets by key. A key that was not seen for long is forgotten, which fills its bucket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, per_second: float, now: float, number: int = 1) -> bool:
        """Tell whether `number` more may come in at `now`, and count them if so. More than a whole bucket never fit:
        they may come in when it is full.
        """
        full = max(per_second * BURST_SECONDS, 1.0)
        with self._lock:
            left, at = self._left.get(key, (full, now))
            left = min(full, left + (now - at) * per_second)
            is_let_in = left >= min(number, full)
            if len(self._left) >= MOST_REMEMBERED and key not in self._left:
                self._left.clear()
            self._left[key] = (left - number if is_let_in else left, now)
        return is_let_in

    def forget(self) -> None:
        """Fill every bucket, for tests."""
        with self._lock:
            self._left.clear()


_apps = Buckets()
_addresses = Buckets()


def is_let_in(app_id: int, requests_per_second: int | None, ip: str, number: int = 1) -> bool:
    """Tell whether so many requests for an app from an address are taken now, and count them."""
    of_address = settings.REQUESTS_PER_SECOND_PER_ADDRESS
    if requests_per_second is None and not of_address:
        return True
    now = time.monotonic()
    share = 1 / settings.WEB_WORKERS
    if of_address and ip and not _addresses.take(ip, of_address * share, now, number):
        return False
    return requests_per_second is None or _apps.take(app_id, requests_per_second * share, now, number)


def forget() -> None:
    """Fill every bucket, for tests."""
    _apps.forget()
    _addresses.forget()
