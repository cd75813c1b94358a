"""Whether more can be taken: the disk of the data and the length of the inbox, looked at once a second per process.

A request that is not taken is answered so that the SDK keeps it and comes again. The reserve on the disk is what the
database needs to apply what it has.
"""

from __future__ import annotations

import os
import threading
import time
from enum import StrEnum

from django.conf import settings

from ingest import inbox

SECONDS_REMEMBERED = 1.0


class Pressure(StrEnum):
    """Why nothing more is taken."""

    NONE = ""
    DISK = "disk"
    BACKLOG = "backlog"


_remembered = Pressure.NONE
_look_again_at = 0.0
_looking = threading.Lock()


def current() -> Pressure:
    """Return why nothing more is taken, as it was a second ago. At most one thread looks, the others do not wait.

    Raises DatabaseError.
    """
    global _remembered, _look_again_at
    if time.monotonic() >= _look_again_at and _looking.acquire(blocking=False):
        try:
            _remembered = look()
            _look_again_at = time.monotonic() + SECONDS_REMEMBERED
        finally:
            _looking.release()
    return _remembered


def is_known_to_be_none() -> bool:
    """Tell whether somebody looked within the last second and found no reason; asks nobody."""
    return not _remembered and time.monotonic() < _look_again_at


def look() -> Pressure:
    """Look now: one system call, and one query of two index entries."""
    if settings.MIN_FREE_DISK_BYTES and _free_bytes() < settings.MIN_FREE_DISK_BYTES:
        return Pressure.DISK
    if inbox.length_at_most() > settings.MOST_WAITING:
        return Pressure.BACKLOG
    return Pressure.NONE


def forget() -> None:
    """Forget what was seen, for tests."""
    global _remembered, _look_again_at
    _remembered, _look_again_at = Pressure.NONE, 0.0


def _free_bytes() -> int:
    disk = os.statvfs(settings.DATABASE_DIR)
    return disk.f_bavail * disk.f_frsize
