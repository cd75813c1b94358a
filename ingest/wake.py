"""Tells the worker that something waits: coalesced, from a thread of its own, and never trusted.

A request never waits for the broker. A wake that is lost costs at most a second, because beat sweeps.
"""

import logging
import threading
import time

from celery import current_app
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TASK = "ingest.tasks.apply_waiting"
KEY = "countly-profiles:ingest:wake"
SECONDS_HELD = 1  # a wake on its way is not repeated for so long, unless the worker took it
SECONDS_BETWEEN = 0.02
SECONDS_AFTER_FAILURE = 1.0

_wanted = threading.Event()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def wake() -> None:
    """Ask for the worker. Returns at once."""
    global _thread
    _wanted.set()
    if _thread is None or not _thread.is_alive():
        with _starting:
            if _thread is None or not _thread.is_alive():
                _thread = threading.Thread(target=_send_for_ever, name="wake", daemon=True)
                _thread.start()


def taken() -> None:
    """Say that the worker is awake and about to look: what comes from now on deserves a new wake."""
    try:
        _broker().delete(KEY)
    except RedisError:
        log.warning("wake_mark_not_deleted")


def _broker() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _send_for_ever() -> None:
    broker = _broker()
    while True:
        _wanted.wait()
        _wanted.clear()
        try:
            if broker.set(KEY, 1, nx=True, ex=SECONDS_HELD):
                current_app.send_task(TASK, queue="ingest", expires=30, retry=False)
        except Exception:  # noqa: BLE001 - whatever the broker does, this thread lives on; beat sweeps meanwhile
            log.warning("wake_not_sent")
            time.sleep(SECONDS_AFTER_FAILURE)
        time.sleep(SECONDS_BETWEEN)
