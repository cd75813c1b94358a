"""Malformed requests, as broken SDKs and strangers send them: of parameters, and of HTTP itself."""

import random
from urllib.parse import quote_plus

NAMES = (
    "events",
    "metrics",
    "user_details",
    "crash",
    "consent",
    "location",
    "country_code",
    "city",
    "timestamp",
    "hour",
    "dow",
    "tz",
    "t",
    "rr",
    "begin_session",
    "end_session",
    "session_duration",
    "old_device_id",
    "token_session",
    "android_token",
    "ios_token",
    "test_mode",
    "hc",
    "campaign_id",
    "apm",
    "ip_address",
    "method",
    "requests",
    "callback",
    "checksum256",
    "no_meta",
    "ignore_cooldown",
    "sdk_name",
    "picture",
)
PIECES = (
    "{", "}", "[", "]", '"', ":", ",", "null", "true", "-1", "1e999", "NaN", "9" * 40, "\0", "\ud83d", "\\ud800", "é",
    "$inc", "$push", '{"key":"x"}', '[{"key":"[CLY]_view","segmentation":{"visit":1,"name":"n"}}]', "1732000000",
    "1732000000000", '{"custom":{"a":{"$inc":1e308}}}', '{"name":"\\u0000"}', '{"_error":"x","_os":"y"}', "[" * 200,
    '{"custom":{"a":{"$push":[[1],{}]}}}', "90,180", "d1", "d2", "%", "%zz", "&", "=", "1", "0", "sc", "a" * 300,
)  # fmt: skip
TYPES = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", "")


def _piece(chance: random.Random) -> str:
    return "".join(chance.choices(PIECES, k=chance.randint(0, 4)))


def parameters(chance: random.Random, key: str) -> bytes:
    """Return parameters of which most are no good; most name an app and a device."""
    pairs = [f"app_key={key}", f"device_id=d{chance.randint(0, 50)}"] if chance.random() < 0.9 else []
    for name in chance.choices(NAMES, k=chance.randint(0, 8)):
        noise = _piece(chance).encode("utf-8", "replace").decode()
        pairs.append(f"{name}={quote_plus(noise) if chance.random() < 0.7 else noise}")
    return "&".join(pairs).encode()


_PATHS = (b"/i",) * 12 + (
    b"/i/", b"/i/bulk", b"/o/sdk", b"/prefix/i", b"//i", b"/i/../i", b"/%69", b"http://evil.test/i", b"*", b"/i#x",
)  # fmt: skip
_HEADERS = (
    b"Content-Length: 99999999999999999999",
    b"Content-Length: -1",
    b"Content-Length: 3\r\nContent-Length: 4",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Expect: 100-continue",
    b"Expect: the worst",
    b"Connection: close",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"X-Forwarded-For: 999.1.1.1, ,\xff",
    b"X-Real-IP: ::::",
    b"Host: other\r\nHost: another",
    b"User-Agent: \xc3\x28\x00",
    b"no colon",
    b" folded",
    b"Content-Encoding: gzip",
    b"X: " + b"a" * 9000,
)


_FIRST_LINES = (b"PUT /i HTTP/1.1", b"GET /i", b"get /i HTTP/1.1", b"GET /i HTTP/9.9", b"GET  /i  HTTP/1.1")


def http_request(chance: random.Random, key: str) -> bytes:
    """Return the bytes of a request: mostly whole HTTP with malformed parameters, now and then broken HTTP."""
    query = parameters(chance, key) if chance.random() < 0.5 else b""
    query = query.replace(b" ", b"+") if chance.random() < 0.9 else query
    body = parameters(chance, key) if chance.random() < 0.8 else chance.randbytes(60)
    verb = chance.choice((b"GET", b"POST", b"POST", b"POST"))
    if verb == b"GET" and chance.random() < 0.9:
        body = b""
    target = chance.choice(_PATHS) + (b"?" + query if query or chance.random() < 0.1 else b"")
    lines = [b"%b %b HTTP/1.1" % (verb, target), b"Host: x", b"Content-Type: " + chance.choice(TYPES).encode()]
    if verb == b"POST":
        lines.append(b"Content-Length: %d" % len(body))
    if chance.random() < 0.08:
        lines.insert(chance.randint(1, len(lines)), chance.choice(_HEADERS))
    if chance.random() < 0.02:
        lines[0] = chance.choice(
            (b"PUT /i HTTP/1.1", b"GET /i", b"get /i HTTP/1.1", b"GET /i HTTP/9.9", chance.randbytes(20))
        )
    whole = b"\r\n".join(lines) + b"\r\n\r\n" + body
    return whole[: chance.randint(1, len(whole))] if chance.random() < 0.01 else whole
