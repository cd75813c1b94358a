"""The SDK lens, a box of a user's page: the last raw requests of the user's devices, what became of them and why.

A device's requests are found along the key of their table; of what waits only the newest are looked through. What was
sent holds personal data in any of its texts: whoever may not see every field is told what kind of things were sent, by
a closed list of parameters that say nothing of a person.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from ingest.models import IngestRequest
from ingest.wire.limits import Note
from ingest.wire.parameters import Parameters, read_parameters
from ingest.wire.refusal import Refusal
from ingest.wire.values import JsonValue, as_text
from profiles.access import masking
from profiles.access.models import App
from profiles.activity.boxes import cursor_text
from profiles.activity.happenings import gap_text
from profiles.activity.querysets import Cursor
from profiles.bulk import array_literal
from profiles.profile.boxes import Asked, Box, register
from profiles.users import keys
from profiles.users.identities import load_identities
from profiles.users.models import AppUser
from profiles.users.querysets import identities_of

ROWS: Final = 15
_WAITING_READ: Final = 500  # of the newest that wait, of all devices
_MOST_READ: Final = 256 * 1024  # bytes of a request that are read for its page
_LONGEST_VALUE: Final = 4000
_WORTH_A_WORD: Final = timedelta(minutes=10)

# What says nothing of a person, whoever looks.
_OF_NOBODY: Final = frozenset(
    {
        "sdk_name",
        "sdk_version",
        "timestamp",
        "hour",
        "dow",
        "tz",
        "begin_session",
        "session_duration",
        "end_session",
        "ignore_cooldown",
        "t",
        "rr",
        "method",
        "av",
        "no_meta",
        "test_mode",
    }
)
_SECRET: Final = frozenset({"app_key", "checksum", "checksum256", "android_token", "ios_token", "token"})
_WORDS: Final = {
    "begin_session": "session begins",
    "session_duration": "session goes on",
    "end_session": "session ends",
    "events": "events",
    "user_details": "user details",
    "crash": "crash",
    "consent": "consent",
    "token_session": "push token",
    "location": "location",
    "old_device_id": "device id changes",
    "hc": "health check",
    "campaign_id": "campaign",
}
_REASONS: Final[dict[str, str]] = {
    Refusal.ZERO_IDFA: "The device id is the advertising id of all zeros, which many devices share",
    Refusal.INVALID_APP_ID: "The app key is none",
    Refusal.INVALID_USER_ID: "The device id is none",
    Refusal.TOO_LARGE: "The request is too large",
    Refusal.UNKNOWN_METHOD: "The method is unknown",
    Refusal.MISSING_DEVICE_ID: "The device id is missing",
    Refusal.MISSING_APP_KEY: "The app key is missing",
}
_NOTES: Final[dict[str, str]] = {
    Note.TIMESTAMP_IN_FUTURE: "the device's clock is ahead of ours",
    Note.TIMESTAMP_TOO_OLD: "the timestamp is too old",
    Note.TIMESTAMP_UNUSABLE: "the timestamp cannot be read",
    Note.EVENT_KEY_RESERVED: "an event with a reserved key was left out",
    Note.EVENT_KEY_MISSING: "an event without a key was left out",
    Note.EVENTS_OVER_LIMIT: "too many events",
}

_DEVICES = """
SELECT r.id, r.device_key, r.received_at, r.stamped_at, r.settled_at, r.verdict, r.reason, r.notes, r.query, r.body,
    r.content_type, r.ip, r.user_agent
FROM unnest(%(devices)s::uuid[]) AS d (key) CROSS JOIN LATERAL (
    SELECT * FROM ingest_request
    WHERE device_key = d.key AND app_id = %(app)s
        AND (%(at)s::timestamptz IS NULL OR (received_at, id) < (%(at)s, %(id)s))
    ORDER BY received_at DESC, id DESC LIMIT %(limit)s
) r
ORDER BY r.received_at DESC, r.id DESC LIMIT %(limit)s
"""
_WAITING = """
SELECT id, received_at, query, body, content_type, ip, user_agent FROM (
    SELECT * FROM ingest_inboxrequest ORDER BY id DESC LIMIT %s
) newest
WHERE app_id = %s AND shard = ANY(%s::smallint[]) ORDER BY id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that was sent, and its value as whoever looks may see it."""

    name: str
    value: str
    is_covered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A request as the box shows it."""

    id: int
    verdict: str
    tone: str
    reason: str
    notes: tuple[str, ...]
    received_at: datetime
    stamped_at: datetime | None
    settled_at: datetime | None
    sdk: str
    contents: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    bytes_sent: int
    sender: str

    @property
    def arrived(self) -> str:
        """How long after the device's stamp it was received; with a minus the device's clock is ahead."""
        return gap_text(self.received_at - self.stamped_at) if self.stamped_at else ""

    @property
    def is_clock_ahead(self) -> bool:
        """Tell whether the device's clock is ahead of ours by more than the way takes."""
        return self.stamped_at is not None and self.stamped_at - self.received_at > timedelta(seconds=2)

    @property
    def is_late(self) -> bool:
        """Tell whether it stayed on the device for long, or the device's clock is behind: nobody can tell which."""
        return self.stamped_at is not None and self.received_at - self.stamped_at > _WORTH_A_WORD

    @property
    def waited(self) -> str:
        """How long it waited here until it was settled."""
        if self.settled_at is None:
            return ""
        seconds = max(0.0, (self.settled_at - self.received_at).total_seconds())
        return f"{seconds:.1f} s" if seconds < 60 else gap_text(timedelta(seconds=seconds)).removeprefix("+")


@dataclass(frozen=True, slots=True)
class LensBox:
    """A page of requests, newest first."""

    lines: list[Line]
    older: str
    is_first: bool
    is_covered: bool
    kept_days: int


def lens_box(app: App, user: AppUser, before: Cursor | None = None) -> LensBox:
    """Read a page, in three queries; the first page in four, with what waits."""
    devices = {user.id, *(identity.device_key for identity in identities_of(user.id))}
    is_covered = bool(masking.current())
    owners = load_identities(devices)
    lines = [] if before else _waiting(app, devices, is_covered)
    with connection.cursor() as cursor:
        cursor.execute(
            _DEVICES,
            {
                "devices": array_literal(devices, "uuid"),
                "app": app.pk,
                "at": before.at if before else None,
                "id": before.id if before else 0,
                "limit": ROWS + 1,
            },
        )
        found = cursor.fetchall()
    is_cut = len(found) > ROWS
    found = found[:ROWS]
    lines += [
        _settled(row, is_covered) for row in found if owners.owner(row[1], min(row[3] or row[2], row[2])) == user.id
    ]
    older = cursor_text(Cursor(found[-1][2], found[-1][0])) if is_cut else ""
    return LensBox(lines, older, before is None, is_covered, settings.REQUESTS_KEPT_DAYS)


def _waiting(app: App, devices: Collection[UUID], is_covered: bool) -> list[Line]:
    shards = sorted({keys.shard_of(key) for key in devices})
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [_WAITING_READ, app.pk, array_literal(shards, "smallint"), ROWS])
        found = cursor.fetchall()
    lines = []
    for id_, received_at, query, body, content_type, ip, user_agent in found:
        sent = _read(query, body, content_type)
        device_id = as_text(sent.values.get("device_id"))
        if keys.user_key(app.public_id, device_id) not in devices:
            continue
        size = len(query) + len(body)
        about = _about(sent, size, is_covered, ip, user_agent)
        lines.append(
            Line(
                id=id_,
                verdict="Waiting",
                tone="accent",
                reason="Not applied yet",
                notes=(),
                received_at=received_at,
                stamped_at=None,
                settled_at=None,
                **about,
            )
        )
    return lines


_TONES: Final = {
    IngestRequest.Verdict.APPLIED: "good",
    IngestRequest.Verdict.PARTLY: "warn",
    IngestRequest.Verdict.DUPLICATE: "",
    IngestRequest.Verdict.REFUSED: "bad",
}


def _settled(row: Sequence[Any], is_covered: bool) -> Line:
    id_, _, received_at, stamped_at, settled_at, number, reason, notes, query, body, content_type, ip, user_agent = row
    verdict = IngestRequest.Verdict(number)
    about = _about(_read(query, body, content_type), len(query) + len(body), is_covered, ip, user_agent)
    words = "The same request was applied before" if verdict == IngestRequest.Verdict.DUPLICATE else _reason(reason)
    counts = json.loads(notes) if isinstance(notes, str) else notes or {}
    return Line(
        id=id_,
        verdict=verdict.label,
        tone=_TONES[verdict],
        reason=words,
        notes=tuple(
            _NOTES.get(slug, slug.replace("_", " ")) + (f" ×{times}" if times > 1 else "")
            for slug, times in counts.items()
        ),
        received_at=received_at,
        stamped_at=stamped_at,
        settled_at=settled_at,
        **about,
    )


def _reason(slug: str) -> str:
    return _REASONS.get(slug, slug.replace("_", " ").capitalize())


def _read(query: bytes, body: bytes, content_type: str) -> Parameters:
    if len(query) + len(body) > _MOST_READ:
        return Parameters({})
    return read_parameters(bytes(query), bytes(body), content_type)


def _about(sent: Parameters, size: int, is_covered: bool, ip: str, user_agent: str) -> dict[str, Any]:
    """Return what a request says of itself, as whoever looks may see it."""
    values = sent.values
    sdk = f"{as_text(values.get('sdk_name'))[:40]} {as_text(values.get('sdk_version'))[:20]}".strip()
    contents = tuple(word for name, word in _WORDS.items() if values.get(name) not in (None, "", "0"))
    return {
        "sdk": sdk,
        "contents": (*contents, "picture") if sent.files else contents,
        "parameters": tuple(_parameter(name, value, is_covered) for name, value in sorted(values.items())),
        "bytes_sent": size,
        "sender": "" if is_covered else " · ".join(part for part in (ip, user_agent) if part),
    }


def _parameter(name: str, value: JsonValue, is_covered: bool) -> Parameter:
    if name in _SECRET or (is_covered and name not in _OF_NOBODY):
        known = name in _SECRET or name in _OF_NOBODY or name in _WORDS or not is_covered
        return Parameter(name[:60] if known else masking.DOTS, masking.DOTS, is_covered=True)
    text = as_text(value) if isinstance(value, str | int | float | bool) else json.dumps(value, ensure_ascii=False)
    if text[:1] in ("{", "["):
        text = _indented(text)
    return Parameter(name[:60], text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…", is_covered=False)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _load(asked: Asked) -> object:
    return lens_box(asked.app, asked.user, asked.choices.requests)


register(Box("sdk-lens", "SDK lens", "right", _load, "ingest/_lens.html"))
