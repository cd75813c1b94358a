"""The exact answers of the wire: what an SDK reads as delivered is 2xx and a JSON object with `result`.

Whatever is wrong for ever is answered 200, because SDKs send everything else again, for ever, and in order.
"""

import json
import re
from typing import Any

from django.http import HttpResponse

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "X-Frame-Options": "deny",
    "X-XSS-Protection": "1; mode=block",
    "Cache-Control": "no-store",
}
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "countly-token, Content-Type",
}
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}", re.ASCII)
_NO_PAGE = b"<!doctype html><meta charset=utf-8><title>No survey</title><p>This survey is not available."
_SUCCESS = b'{"result":"Success"}'

ACCEPTED = "Success"
MISSING_IDENTITY = 'Missing parameter "app_key" or "device_id"'
IGNORED_DEVICE_ID = "Ignoring device_id"
UNKNOWN_APP = "App does not exist"
PAUSED_APP = "App is currently not accepting data"
LOCKED_APP = "App is locked"
NO_CHECKSUM = "Request does not have checksum"
WRONG_CHECKSUM = "Request does not match checksum"
TOO_LARGE = "Request is too large"
INVALID_PATH = "Invalid path"
INVALID_METHOD = "Invalid method"
METHOD_NOT_ALLOWED = "Method not allowed"
MISSING_REQUESTS = 'Missing parameter "requests"'
INVALID_REQUESTS = 'Invalid parameter "requests"'
INVALID_APP_ID = 'Invalid parameter "app_id"'
INVALID_USER_ID = 'Invalid parameter "user_id"'
UNKNOWN_WIDGET = "Widget not found."
TRY_LATER = "Try again later"


def success(callback: str = "") -> HttpResponse:
    """Return the answer to what is durably stored."""
    if callback:
        return answer({"result": ACCEPTED}, callback=callback)
    return HttpResponse(_SUCCESS, content_type="application/json; charset=utf-8", headers=_HEADERS)


def result(text: str, *, status: int = 200, callback: str = "") -> HttpResponse:
    """Return {"result": text}."""
    return answer({"result": text}, status=status, callback=callback)


def answer(content: Any, *, status: int = 200, callback: str = "") -> HttpResponse:
    """Return compact JSON, wrapped for JSONP where a well-formed callback is asked for."""
    body = json.dumps(content, separators=(",", ":"))
    if callback and _CALLBACK.fullmatch(callback):
        headers = _HEADERS | {"X-Content-Type-Options": "nosniff"}
        return HttpResponse(
            f"{callback}({body})", content_type="application/javascript; charset=utf-8", status=status, headers=headers
        )
    return HttpResponse(body, content_type="application/json; charset=utf-8", status=status, headers=_HEADERS)


def no_page() -> HttpResponse:
    """Return the page of a survey that does not exist."""
    return HttpResponse(_NO_PAGE, content_type="text/html; charset=utf-8", status=404, headers=_HEADERS)


def preflight() -> HttpResponse:
    """Return the answer to a browser that asks whether it may."""
    return HttpResponse(b"", headers=_PREFLIGHT_HEADERS)
