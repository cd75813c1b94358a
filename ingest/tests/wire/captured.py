"""Requests that official SDKs really sent, from ingest/tests/captures."""

import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.wire.request import RawRequest

FILES = ("nodejs", "web", "android-derived", "ios-derived")
# Later than every capture, so that no clock is ahead.
RECEIVED_AT = datetime(2026, 12, 1, tzinfo=UTC)
_FOLDER = Path(__file__).parent.parent / "captures"


@dataclass(frozen=True)
class Capture:
    """One line of a file."""

    file: str
    line: int
    path: str
    raw: RawRequest

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def captures(file: str) -> list[Capture]:
    """Give the requests of one file, in their order."""
    found = []
    for line, text in enumerate((_FOLDER / f"{file}.jsonl").read_text().splitlines(), 1):
        seen = json.loads(text)
        headers = {name.lower(): value for name, value in seen["headers"]}
        path, _, query = seen["path"].partition("?")
        body = b64decode(seen["body_b64"]) if "body_b64" in seen else (seen.get("body") or "").encode()
        raw = RawRequest(
            query.encode(),
            body,
            headers.get("content-type", ""),
            "198.51.100.7",
            headers.get("user-agent", ""),
            RECEIVED_AT,
        )
        found.append(Capture(file, line, path, raw))
    return found


ALL = [capture for file in FILES for capture in captures(file)]
