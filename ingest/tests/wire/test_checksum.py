import hashlib

import pytest

from ingest.tests.wire.building import FORM, multipart
from ingest.tests.wire.captured import ALL, Capture
from ingest.wire.checksum import has_valid_checksum
from ingest.wire.identity import peek

SALT = "sodiumchloride"
NO_SALT = "null"  # what Android appends when it has none
# The hash recorded with this request is not that of the bytes recorded with it, in any form or order tried. Its
# neighbours of the same device and session all match, so the record is taken to be at fault, and is refused like
# anything else that does not match.
UNEXPLAINED = "nodejs:22"
SIGNED = [c for c in ALL if peek(c.raw.query, c.raw.body, c.raw.content_type).is_signed]


def sha256(payload: bytes, salt: str = SALT) -> bytes:
    return hashlib.sha256(payload + salt.encode()).hexdigest().encode()


def sha1(payload: bytes, salt: str = SALT) -> bytes:
    return hashlib.sha1(payload + salt.encode()).hexdigest().encode()


def matching_salts(capture: Capture) -> list[str]:
    raw = capture.raw
    return [salt for salt in (SALT, NO_SALT) if has_valid_checksum(raw.query, raw.body, raw.content_type, salt)]


@pytest.mark.rule("checksum.captured")
@pytest.mark.parametrize("capture", [c for c in SIGNED if str(c) != UNEXPLAINED], ids=str)
def test_it_accepts_what_sdks_signed_and_with_their_salt_only(capture: Capture) -> None:
    # Of the derived Android requests the last two were made with a salt.
    unsalted = capture.file == "android-derived" and capture.line <= 12
    assert matching_salts(capture) == [NO_SALT if unsalted else SALT]


def test_the_captured_hash_that_nothing_explains_is_refused() -> None:
    assert [matching_salts(c) for c in SIGNED if str(c) == UNEXPLAINED] == [[]]


@pytest.mark.rule("checksum.payloads")
def test_it_accepts_a_signed_query_body_or_upload() -> None:
    payload = b"app_key=a&device_id=it's&rr=0"
    signed = payload + b"&checksum256=" + sha256(payload)
    assert has_valid_checksum(signed, b"", "", SALT)
    assert has_valid_checksum(b"", signed, FORM, SALT)
    assert not has_valid_checksum(b"", signed, "text/plain", SALT)
    body, content_type = multipart(
        ("file", b"\x89PNG"), ("app_key", "a"), ("b", "x y"), ("checksum256", sha256(b"app_key=a&b=x y").decode())
    )
    assert has_valid_checksum(b"", body, content_type, SALT)


@pytest.mark.rule("checksum.first")
def test_checksum_counts_before_checksum256() -> None:
    payload = b"app_key=a&device_id=d"
    good = b"&checksum256=" + sha256(payload)
    assert has_valid_checksum(payload + b"&checksum=" + sha1(payload), b"", "", SALT)
    assert has_valid_checksum(payload + b"&checksum=" + sha1(payload) + b"&checksum256=0", b"", "", SALT)
    assert not has_valid_checksum(payload + b"&checksum=0" + good, b"", "", SALT)


@pytest.mark.rule("checksum.case")
def test_case_and_place_of_the_checksum_do_not_matter() -> None:
    payload = b"app_key=a&device_id=d"
    claimed = b"checksum256=" + sha256(payload).upper()
    assert has_valid_checksum(payload + b"&" + claimed, b"", "", SALT)
    assert has_valid_checksum(claimed + b"&" + payload, b"", "", SALT)


@pytest.mark.parametrize(
    "tail", [b"", b"&checksum256=", b"&checksum256=%ff", b"&checksum256=1&checksum256=2", b"&checksum="]
)
def test_it_refuses_what_is_not_signed(tail: bytes) -> None:
    assert not has_valid_checksum(b"app_key=a&device_id=d" + tail, b"", "", SALT)


@pytest.mark.rule("checksum.raw_bytes")
def test_nothing_is_decoded_before_hashing() -> None:
    payload = b"app_key=a&device_id=it%27s"
    assert not has_valid_checksum(b"app_key=a&device_id=it's&checksum256=" + sha256(payload), b"", "", SALT)
