"""One-time codes: the vectors of RFC 6238, and what is taken when."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from profiles.access import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_vectors_of_the_rfc(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, seconds // 30) == code
    now = datetime.fromtimestamp(seconds, tz=UTC)
    assert totp.matching_step(SECRET, code, now, after=0) == seconds // 30


def test_a_code_is_taken_half_a_minute_off_and_no_more() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    code = totp.code_at(SECRET, totp.step_of(now))
    taken = [
        off for off in range(-3, 4) if totp.matching_step(SECRET, code, now + timedelta(seconds=30 * off), after=0)
    ]
    assert taken == [-1, 0, 1]


def test_no_code_is_taken_twice() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    step = totp.step_of(now)
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step), now, after=step) is None


@pytest.mark.parametrize("typed", ["", "x", "12345", "٢٨٧٠٨٢", "\ud800", "0" * 1000])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, datetime(2026, 11, 20, tzinfo=UTC), after=0) is None


def test_the_address_holds_names_safely() -> None:
    said = totp.address(SECRET, account="a&b@host:80", issuer="Countly Profiles")
    assert said.startswith("otpauth://totp/Countly%20Profiles:a%26b%40host%3A80?secret=")
