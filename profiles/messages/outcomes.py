"""What a provider's answer means. Pure: an answer goes in, one of five things to do comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final


class Verdict(StrEnum):
    """What to do after an answer."""

    SENT = "sent"
    FAILED = "failed"
    """This delivery, for ever."""
    DROP_TOKEN = "drop_token"  # noqa: S105 - not a secret
    """This delivery, and nothing more to this token."""
    RETRY = "retry"
    REFRESH = "refresh"
    """Again, with a new provider token; the second time it is STOP."""
    STOP = "stop"
    """The whole message: nobody would get it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one post."""

    verdict: Verdict
    reason: str = ""
    retry_after_seconds: float | None = None
    """What the provider asked for."""
    is_for_all: bool = False
    """Whether the wait is for everything that goes to this provider, not for this device alone."""
    token_gone_at: datetime | None = None
    """When the provider learnt that the token is no more: one that is registered later is good."""


SENT: Final = Outcome(Verdict.SENT)

_APNS_GONE: Final = {"BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered", "ExpiredToken"}
_APNS_STOP: Final = {
    "BadTopic",
    "MissingTopic",
    "TopicDisallowed",
    "InvalidProviderToken",
    "MissingProviderToken",
    "BadCertificate",
    "BadCertificateEnvironment",
    "BadEnvironmentKeyInToken",
    "Forbidden",
}
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def apns(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """Read an answer of Apple's."""
    if status == 200:
        return SENT
    said = _json(body)
    reason = str(said.get("reason") or f"HTTP {status}")[:60]
    wait = retry_after(headers, now)
    if status == 410 or (status == 400 and reason in _APNS_GONE):
        gone = said.get("timestamp")
        at = datetime.fromtimestamp(gone / 1000, tz=UTC) if isinstance(gone, int | float) and gone > 0 else None
        return Outcome(Verdict.DROP_TOKEN, reason, token_gone_at=at)
    if reason == "ExpiredProviderToken":
        return Outcome(Verdict.REFRESH, reason)
    if status == 403 or reason in _APNS_STOP:
        return Outcome(Verdict.STOP, reason)
    if status == 429 or status >= 500:
        # TooManyRequests is about one device; a server that is down or renewing is down for all.
        return Outcome(Verdict.RETRY, reason, wait, is_for_all=reason != "TooManyRequests" and wait is not None)
    return Outcome(Verdict.FAILED, reason)


def fcm(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """Read an answer of Google's."""
    if status == 200:
        return SENT
    error = _json(body).get("error")
    error = error if isinstance(error, dict) else {}
    details = error.get("details")
    codes = [
        str(detail.get("errorCode"))
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, dict) and detail.get("@type") == _FCM_ERROR
    ]
    code = codes[0] if codes else ""
    reason = (code or str(error.get("status") or f"HTTP {status}"))[:60]
    wait = retry_after(headers, now)
    if code == "UNREGISTERED" or (status == 400 and code == "INVALID_ARGUMENT"):
        return Outcome(Verdict.DROP_TOKEN, reason)
    if code == "SENDER_ID_MISMATCH":
        return Outcome(Verdict.FAILED, reason)
    if code == "THIRD_PARTY_AUTH_ERROR":
        return Outcome(Verdict.STOP, reason)
    if status == 401:
        return Outcome(Verdict.REFRESH, reason)
    if status == 403 or (status == 404 and not code):
        return Outcome(Verdict.STOP, reason)  # no right to send, or no such project
    if status == 429 or status >= 500:
        return Outcome(Verdict.RETRY, reason, wait, is_for_all=status == 429 or wait is not None)
    return Outcome(Verdict.FAILED, reason)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for, given as a number or as a date."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isdigit():
        return min(float(said), 86_400.0)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return min(max(0.0, (at - now).total_seconds()), 86_400.0) if at.tzinfo else None


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
