"""One-time codes of an authenticator app (RFC 6238: SHA-1, six digits, half minutes, as every such app understands)."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
DIGITS: Final = 6
_SECRET_BYTES: Final = 20
_STEPS_OFF: Final = 1  # a code is taken half a minute early or late: clocks differ, fingers are slow


def new_secret() -> str:
    """Return a random secret in base 32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def step_of(now: datetime) -> int:
    """Return the number of the half minute since 1970."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Return the code of a half minute."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """Return the half minute later than `after` whose code this is, or None. Takes the same time for every code."""
    step = step_of(now)
    typed = code.encode("utf-8", "replace")
    found = None
    for candidate in range(step - _STEPS_OFF, step + _STEPS_OFF + 1):
        is_same = hmac.compare_digest(code_at(secret, candidate).encode(), typed)
        if is_same and candidate > after:
            found = candidate
    return found


def address(secret: str, *, account: str, issuer: str) -> str:
    """Return the otpauth address that a QR code holds."""
    query = urlencode({"secret": secret, "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{query}"
