"""The door: SDK requests in, an exact answer out.

A request that may have an effect is appended to the inbox and committed before it is answered; nothing else is written
here, and nothing is read of it but who sent it.
"""

import logging
from collections.abc import Callable, Sequence
from functools import wraps

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from ingest import answers, app_keys, inbox, metrics, pressure, rates, sdk_reads
from ingest.arrivals import arrival, is_signed_right
from ingest.wake import wake
from ingest.wire import bulk
from ingest.wire.identity import Identity, peek
from ingest.wire.parameters import read_some_parameters
from ingest.wire.refusal import Refusal
from ingest.wire.values import as_text
from profiles.access.origin import client_address
from profiles.users import keys

log = logging.getLogger(__name__)

_ANSWERS_TO_REFUSALS = {
    Refusal.MISSING_APP_KEY: (400, answers.MISSING_IDENTITY),
    Refusal.MISSING_DEVICE_ID: (400, answers.MISSING_IDENTITY),
    Refusal.ZERO_IDFA: (200, answers.IGNORED_DEVICE_ID),
    Refusal.NOBODYS_DEVICE_ID: (200, answers.IGNORED_DEVICE_ID),
    Refusal.INVALID_APP_ID: (400, answers.INVALID_APP_ID),
    Refusal.INVALID_USER_ID: (400, answers.INVALID_USER_ID),
    Refusal.MISSING_REQUESTS: (400, answers.MISSING_REQUESTS),
    Refusal.INVALID_REQUESTS: (400, answers.INVALID_REQUESTS),
}
_METHOD = frozenset({"method", "callback"})
_DISCARD_BYTES = 1 << 16

_Door = Callable[[HttpRequest], HttpResponse]


class _TurnedAwayError(Exception):
    """A request may not come in; its answer is in here, and the slug that it is counted by."""

    def __init__(self, status: int, text: str, callback: str, reason: str) -> None:
        super().__init__(text)
        self.answer = answers.result(text, status=status, callback=callback)
        self.reason = reason


def _door(view: _Door) -> _Door:
    """Make a door for SDKs of a view: methods, preflight, and what to say when the request cannot be taken."""

    @csrf_exempt
    @wraps(view)
    def door(request: HttpRequest) -> HttpResponse:
        # No round trip to ask whether the connection lives: if it does not, the SDK hears that it must try again.
        connection.health_check_done = True  # type: ignore[attr-defined]
        if request.method == "OPTIONS":
            return answers.preflight()
        if request.method not in ("GET", "POST"):
            return answers.result(answers.METHOD_NOT_ALLOWED, status=405)
        try:
            return view(request)
        except _TurnedAwayError as turned_away:
            metrics.count_turned_away(turned_away.reason)
            return turned_away.answer
        except UnreadablePostError:
            metrics.count_turned_away("unreadable")
            return answers.result(answers.TRY_LATER, status=400)
        except DatabaseError as fault:
            # Not stored, so not acknowledged: the SDK keeps the request and sends it again. What the database says may
            # quote the request, so it is not logged.
            log.error("request_not_stored", extra={"fault": type(fault).__name__})  # noqa: TRY400
            connection.close_if_unusable_or_obsolete()
            metrics.count_turned_away("database")
            return answers.result(answers.TRY_LATER, status=503)

    return door


@_door
def take_request(request: HttpRequest) -> HttpResponse:
    """Answer `/i`: one SDK request."""
    return _take(request)


@_door
def take_feedback(request: HttpRequest) -> HttpResponse:
    """Answer `/i/feedback/input`: a rating or survey page sends one event, like an SDK but never signed."""
    return _take(request, must_be_signed=False)


@_door
def refuse_path(request: HttpRequest) -> HttpResponse:
    """Answer an address of the SDKs' world that does not exist."""
    return answers.result(answers.INVALID_PATH, status=400)


def _take(request: HttpRequest, *, must_be_signed: bool = True) -> HttpResponse:
    query, body, content_type = _parts(request)
    identity = peek(query, body, content_type)
    app = _let_in(request, identity, query, body, content_type, must_be_signed=must_be_signed)
    arrival = _arrival(request, app, identity.device_id, query, body, content_type)
    _slow_down(app, [arrival], identity.callback)
    _store([arrival])
    return answers.success(identity.callback)


@_door
def take_bulk(request: HttpRequest) -> HttpResponse:
    """Answer `/i/bulk`: many SDK requests in one, all of them stored or none."""
    query, body, content_type = _parts(request)
    taken = bulk.parse_bulk(query, body, content_type)
    identity = peek(query, body, content_type)
    if isinstance(taken, Refusal):
        _file_refused(request, identity, taken, query, body, content_type)
        metrics.count_turned_away(taken.value)
        status, text = _ANSWERS_TO_REFUSALS[taken]
        return answers.result(text, status=status, callback=identity.callback)
    is_signature_good: dict[tuple[str, ...], bool] = {}
    limited: dict[int, app_keys.KnownApp] = {}

    def app_of(item: bulk.BulkItem | bulk.SkippedItem) -> app_keys.KnownApp | None:
        """Return the app that takes the item, if one does."""
        app = app_keys.find(item.app_key) if item.app_key else None
        if app is None or app.is_paused:
            return None
        if app.salts not in is_signature_good:
            is_signature_good[app.salts] = is_signed_right(app, query, body, content_type)
        return app if is_signature_good[app.salts] else None

    arrivals = []
    for item in taken.items:
        app = app_of(item)
        if app is not None and not (app.is_locked and item.is_invented):
            limited[app.id] = app
            arrivals.append(_arrival(request, app, item.device_id, b"", item.body, bulk.ITEM_CONTENT_TYPE))
    refused = []
    for skipped in taken.skipped:
        app = app_of(skipped) if skipped.reason is not bulk.Skip.ZERO_IDFA else None
        if app is not None:
            arrival = _arrival(request, app, "", b"", skipped.body, bulk.ITEM_CONTENT_TYPE)
            refused.append((arrival, inbox.NOBODY, skipped.reason.value))
    for app in limited.values():
        _slow_down(app, [one for one in arrivals if one.app_id == app.id], identity.callback)
    if arrivals:
        _store(arrivals)
    if refused:
        inbox.file_refused(refused)
    return answers.success(identity.callback)


@_door
def answer_read(request: HttpRequest) -> HttpResponse:
    """Answer `/o/sdk` and its kin: what SDKs read.

    It makes the profile known and merges like any request, so it is stored too.
    """
    query, body, content_type = _parts(request)
    identity = peek(query, body, content_type)
    app = _let_in(request, identity, query, body, content_type)
    method = as_text(read_some_parameters(query, body, content_type, _METHOD).get("method"))
    status, content = sdk_reads.answer_to(method)
    if status == 200:
        _store([_arrival(request, app, identity.device_id, query, body, content_type)])
    else:
        _file_refused(request, identity, Refusal.UNKNOWN_METHOD, query, body, content_type)
    return answers.answer(content, status=status, callback=identity.callback)


@_door
def find_widget(request: HttpRequest) -> HttpResponse:
    """Answer what asks for the definition of one feedback widget: there are none here."""
    return answers.result(answers.UNKNOWN_WIDGET, status=404, callback=peek(*_parts(request)).callback)


@_door
def list_widgets(request: HttpRequest) -> HttpResponse:
    """Answer what asks for the definitions of several feedback widgets."""
    return answers.answer([], callback=peek(*_parts(request)).callback)


@_door
def show_widget(request: HttpRequest) -> HttpResponse:
    """Answer the web view in which an SDK would show a survey."""
    return answers.no_page()


@_door
def ping(request: HttpRequest) -> HttpResponse:
    """Answer `/o/ping`: whether the database is there."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return answers.result("DB Error", status=404)
    return answers.success()


def _slow_down(app: app_keys.KnownApp, arrivals: Sequence[inbox.Arrival], callback: str) -> None:
    """Raise `_TurnedAwayError` where an app or an address sends faster than it may."""
    if not rates.is_let_in(app.id, app.requests_per_second, arrivals[0].ip, len(arrivals)):
        raise _TurnedAwayError(429, answers.TRY_LATER, callback, "too_fast")


def _store(arrivals: Sequence[inbox.Arrival]) -> None:
    """Commit arrivals, all or none, and wake the worker; raise `_TurnedAwayError` when no more can be taken now."""
    if under := pressure.current():
        raise _TurnedAwayError(503, answers.TRY_LATER, "", under.value)
    inbox.append(arrivals)
    wake()


def _file_refused(
    request: HttpRequest, identity: Identity, reason: Refusal, query: bytes, body: bytes, content_type: str
) -> None:
    """Keep what can never be applied, with the reason, if it is for an app that would have let it in."""
    app = app_keys.find(identity.app_key) if identity.app_key else None
    if app is None or app.is_paused or not is_signed_right(app, query, body, content_type):
        return
    if under := pressure.current():
        raise _TurnedAwayError(503, answers.TRY_LATER, identity.callback, under.value)
    device_key = keys.user_key(app.public_id, identity.device_id) if identity.device_id else inbox.NOBODY
    refused = _arrival(request, app, identity.device_id, query, body, content_type)
    inbox.file_refused([(refused, device_key, reason.value)])


def _parts(request: HttpRequest) -> tuple[bytes, bytes, str]:
    """Return query, body and content type of a request, undecoded; raise `_TurnedAwayError` if it is too large."""
    query = request.META["QUERY_STRING"].encode("latin-1", "replace")
    content_type = request.headers.get("content-type", "")
    try:
        body = request.body if request.method == "POST" else b""
    except RequestDataTooBig:
        _discard(request, query, content_type)
        raise _TurnedAwayError(200, answers.TOO_LARGE, "", Refusal.TOO_LARGE.value) from None
    return query, body, content_type


def _let_in(
    request: HttpRequest,
    identity: Identity,
    query: bytes,
    body: bytes,
    content_type: str,
    *,
    must_be_signed: bool = True,
) -> app_keys.KnownApp:
    """Return the app that a request belongs to; raise `_TurnedAwayError` with the answer if it may not come in."""
    if identity.refusal is not None:
        if identity.refusal is not Refusal.ZERO_IDFA:
            _file_refused(request, identity, identity.refusal, query, body, content_type)
        status, text = _ANSWERS_TO_REFUSALS[identity.refusal]
        raise _TurnedAwayError(status, text, identity.callback, identity.refusal.value)
    app = app_keys.find(identity.app_key)
    if app is None:
        raise _TurnedAwayError(400, answers.UNKNOWN_APP, identity.callback, "unknown_app")
    if app.is_paused:
        raise _TurnedAwayError(400, answers.PAUSED_APP, identity.callback, "paused_app")
    if app.is_locked and identity.is_invented:
        raise _TurnedAwayError(403, answers.LOCKED_APP, identity.callback, "locked_app")
    if not app.salts or not must_be_signed:
        return app
    if not identity.is_signed:
        raise _TurnedAwayError(200, answers.NO_CHECKSUM, identity.callback, "no_checksum")
    if not is_signed_right(app, query, body, content_type):
        raise _TurnedAwayError(200, answers.WRONG_CHECKSUM, identity.callback, "wrong_checksum")
    return app


def _arrival(
    request: HttpRequest, app: app_keys.KnownApp, device_id: str, query: bytes, body: bytes, content_type: str
) -> inbox.Arrival:
    """Return what is kept of a request."""
    return arrival(
        app,
        device_id,
        query=query,
        body=body,
        content_type=content_type,
        user_agent=request.headers.get("user-agent", ""),
        ip=client_address(request),
    )


def _discard(request: HttpRequest, query: bytes, content_type: str) -> None:
    """Read and forget a body that is too large, so that the SDK hears the answer and goes on with its queue.

    Its head is kept, as refused, where that tells whose it is.
    """
    head = b""
    left = int(request.headers.get("content-length") or 0)
    while left > 0:
        chunk = request.read(min(left, _DISCARD_BYTES))
        if not chunk:
            break
        head = head or chunk
        left -= len(chunk)
    _file_refused(request, peek(query, head, content_type), Refusal.TOO_LARGE, query, head, content_type)
