"""The door of ordinary requests: taken on the web server's event loop, committed many at a time.

What is not plainly in order (a refusal, an unknown app, a wrong checksum, a full disk) is not taken here and goes the
common way to `ingest.views`, which decides and answers. Nothing here asks the database but `store`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from django.db import DataError, Error, connection
from django.http import HttpResponse

from ingest import answers, app_keys, inbox, metrics, pressure, rates
from ingest.arrivals import arrival, is_signed_right
from ingest.inbox import Arrival
from ingest.wake import wake
from ingest.wire.identity import peek
from profiles.access.origin import believed_address

log = logging.getLogger(__name__)

PATHS = frozenset((b"/i", b"/i/"))


class LoopDoor:
    """What the web server's worker asks; see `countly_profiles.gunicorn_worker`."""

    def take(
        self, path: bytes, query: bytes, headers: Mapping[bytes, bytes], body: bytes, connected: str
    ) -> Arrival | None:
        """Return what is to be stored of a request, or None when a view has to look at it. Header names are small."""
        if path not in PATHS:
            return None
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        identity = peek(query, body, content_type)
        if identity.refusal is not None or identity.callback:
            return None
        app = app_keys.remembered(identity.app_key)
        if (
            app is None
            or app.is_paused
            or (app.is_locked and identity.is_invented)
            or not pressure.is_known_to_be_none()
        ):
            return None
        if not is_signed_right(app, query, body, content_type):
            return None
        taken = arrival(
            app,
            identity.device_id,
            query=query,
            body=body,
            content_type=content_type,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            ip=believed_address(
                connected,
                forwarded=headers.get(b"x-forwarded-for", b"").decode("latin-1"),
                real_ip=headers.get(b"x-real-ip", b"").decode("latin-1"),
            ),
        )
        return taken if rates.is_let_in(app.id, app.requests_per_second, taken.ip) else None

    def store(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Commit arrivals, wake the worker, and return which are durable. Blocks; never raises."""
        connection.health_check_done = True  # type: ignore[attr-defined]
        try:
            inbox.append(arrivals)
        except DataError:
            if len(arrivals) > 1:  # one of them has a value that the database refuses; the others are in order
                return [is_stored for each in arrivals for is_stored in self.store([each])]
            log.error("request_not_stored", extra={"fault": "DataError"})  # noqa: TRY400 - it may quote the request
            return [False]
        except Error as fault:
            log.error("requests_not_stored", extra={"fault": type(fault).__name__})  # noqa: TRY400 - as above
            connection.close_if_unusable_or_obsolete()
            metrics.count_turned_away("database", len(arrivals))
            return [False] * len(arrivals)
        wake()
        return [True] * len(arrivals)

    def answer(self, *, is_stored: bool) -> HttpResponse:
        """Return what an SDK is told."""
        return answers.success() if is_stored else answers.result(answers.TRY_LATER, status=503)
