"""Requests for tests, written by their parameters."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

from ingest.wire.limits import DEFAULT_LIMITS, Limits
from ingest.wire.request import RawRequest, SdkRequest, parse
from ingest.wire.values import JsonValue

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
FORM = "application/x-www-form-urlencoded"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def raw(
    query: bytes = b"", body: bytes = b"", content_type: str = FORM, user_agent: str = "", received_at: datetime = NOW
) -> RawRequest:
    """Give a request as it would be received."""
    return RawRequest(query, body, content_type, "198.51.100.7", user_agent, received_at)


def encode(parameters: dict[str, JsonValue]) -> bytes:
    """Write parameters as an SDK does: what is structured as JSON text, everything urlencoded."""
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in parameters.items()}
    return urlencode(texts).encode()


def sent(limits: Limits = DEFAULT_LIMITS, user_agent: str = "", /, **parameters: JsonValue) -> SdkRequest:
    """Parse a POST of these parameters by device `d` of app `a`."""
    body = encode({"app_key": "a", "device_id": "d", **parameters})
    request = parse(raw(body=body, user_agent=user_agent), limits)
    assert isinstance(request, SdkRequest)
    return request


def multipart(*parts: tuple[str, str | bytes], boundary: str = "XX") -> tuple[bytes, str]:
    """Write a multipart body and its type; bytes are files."""
    pieces: list[bytes] = []
    for name, content in parts:
        file = b'; filename="me.png"\r\nContent-Type: image/jpeg' if isinstance(content, bytes) else b""
        value = content if isinstance(content, bytes) else content.encode()
        head = b'Content-Disposition: form-data; name="%b"%b' % (name.encode(), file)
        pieces.append(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head, value))
    return b"".join(pieces) + b"--%b--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"
