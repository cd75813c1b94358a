"""Requests that official SDKs really sent, sent again: byte for byte, or shifted in time and signed anew.

One JSON object a line in `captures/`: method, path (the raw target), headers in wire order, body or body_b64.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from django.test import Client

from ingest.wire.parameters import is_multipart, read_parts

FILES: Final = ("nodejs", "web", "android-derived", "ios-derived")
SALT: Final = "sodiumchloride"
SALTED_DEVICES: Final = ("salted-device", "web-salted")
# Its recorded checksum is not that of its recorded bytes; those of its neighbours are. So a server must turn it away.
WRONGLY_SIGNED: Final = "nodejs:22"
KEYS: Final = {
    "nodejs": "APP_KEY_TEST",
    "web": "APP_KEY_WEB",
    "android-derived": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
    "ios-derived": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
}

_FOLDER: Final = Path(__file__).parent / "captures"
_STAMP: Final = re.compile(rb"(?<!\d)1[67]\d{11}(?!\d)")
_CHECKSUM: Final = re.compile(rb"&?checksum256=([0-9a-fA-F]{64})")
_CHECKSUM_PART: Final = re.compile(rb'(name="checksum256"\r\n\r\n)([0-9a-fA-F]{64})')


@dataclass(frozen=True)
class Capture:
    """One line of a file, as it goes over the wire."""

    file: str
    line: int
    method: str
    target: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition(b"?")[0].decode()

    @property
    def query(self) -> bytes:
        """What stands after the question mark, encoded as it came."""
        return self.target.partition(b"?")[2]

    @property
    def content_type(self) -> str:
        """The header, or nothing."""
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")

    @property
    def device_id(self) -> str:
        """Whose request it is; empty for a bulk, which names the device in each item."""
        if is_multipart(self.content_type):
            return next(p.content.decode() for p in read_parts(self.body, self.content_type) if p.name == b"device_id")
        text = (self.query or self.body).decode()
        return parse_qs(text).get("device_id", [""])[0]

    @property
    def is_salted(self) -> bool:
        """Whether it was sent by an SDK that had been given the salt."""
        return self.device_id in SALTED_DEVICES


@cache
def captures(file: str) -> tuple[Capture, ...]:
    """Give the requests of one file in their order."""
    return tuple(_read(file))


def _read(file: str) -> Iterator[Capture]:
    for line, text in enumerate((_FOLDER / f"{file}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
        seen = json.loads(text)
        body = b64decode(seen["body_b64"]) if "body_b64" in seen else (seen.get("body") or "").encode()
        headers = tuple((name, value) for name, value in seen["headers"])
        yield Capture(file, line, seen["method"], seen["path"].encode(), headers, body)


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    content: bytes
    headers: dict[str, str]

    @property
    def json(self) -> object:
        """The answer as an SDK reads it. Raises ValueError for anything but JSON."""
        answer: object = json.loads(self.content)
        return answer


def send(client: Client, capture: Capture) -> Answered:
    """Send a request through the whole of Django, undecoded; the client's own encoding never sees it."""
    headers = {
        name: value for name, value in capture.headers if name.lower() not in ("content-type", "content-length", "host")
    }
    response = client.generic(
        capture.method,
        capture.path,
        data=capture.body,
        content_type=capture.content_type,
        headers=headers,
        QUERY_STRING=capture.query.decode("latin-1"),
    )
    return Answered(response.status_code, response.content, dict(response.headers))


def shifted(capture: Capture, by: timedelta) -> Capture:
    """Move every time stamp in a request, those of its events and event ids too, and sign it anew if it is salted."""
    milliseconds = by // timedelta(milliseconds=1)

    def move(stamp: re.Match[bytes]) -> bytes:
        return b"%d" % (int(stamp[0]) + milliseconds)

    moved = replace(capture, target=_STAMP.sub(move, capture.target), body=_STAMP.sub(move, capture.body))
    return signed(moved, SALT) if capture.is_salted else moved


def signed(capture: Capture, salt: str) -> Capture:
    """Replace the checksum by one made with this salt, in the same case and place, if there is one."""

    def digest(payload: bytes, old: bytes) -> bytes:
        new = sha256(payload + salt.encode()).hexdigest()
        return (new.upper() if old.isupper() else new).encode()

    if is_multipart(capture.content_type):
        texts = [
            p for p in read_parts(capture.body, capture.content_type) if not p.is_file and p.name != b"checksum256"
        ]
        payload = b"&".join(b"%b=%b" % (part.name, part.content) for part in texts)
        return replace(capture, body=_CHECKSUM_PART.sub(lambda m: m[1] + digest(payload, m[2]), capture.body))

    def sign(text: bytes) -> bytes:
        found = _CHECKSUM.search(text)
        if found is None:
            return text
        payload = _CHECKSUM.sub(b"", text)
        return payload + b"&checksum256=" + digest(payload, found[1])

    path, mark, query = capture.target.partition(b"?")
    return replace(capture, target=path + mark + sign(query), body=sign(capture.body))
