import pytest

from ingest.tests.wire.building import raw
from ingest.wire.identity import peek
from ingest.wire.limits import DEFAULT_LIMITS, Note
from ingest.wire.refusal import Refusal
from ingest.wire.request import SdkRequest, parse

JSON = "application/json"
ZERO = b"00000000-0000-0000-0000-000000000000"


@pytest.mark.rule("answers.missing_identity", "identity.nobodys")
@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (b"", Refusal.MISSING_APP_KEY),
        (b"device_id=d", Refusal.MISSING_APP_KEY),
        (b"app_key=&device_id=d", Refusal.MISSING_APP_KEY),
        (b"app_key=a", Refusal.MISSING_DEVICE_ID),
        (b"app_key=a&device_id=", Refusal.MISSING_DEVICE_ID),
        (b"app_key=a&device_id=%00", Refusal.MISSING_DEVICE_ID),
        (b"app_key=a&device_id=" + ZERO, Refusal.ZERO_IDFA),
        (b"app_key=a&device_id=undefined", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=null", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=%28null%29", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=[object%20Object]", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=00000000000000000000000000000000", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=00000000-0000-0000", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=+%20", Refusal.NOBODYS_DEVICE_ID),
        (b"app_key=a&device_id=0000001", None),
        (b"app_key=a&device_id=00000000-0000-0000-0000-000000000001", None),
        (b"app_key=a&device_id=undefined-1", None),
        (b"app_key=a&device_id=d&app_id=1", Refusal.INVALID_APP_ID),
        (b"app_key=a&device_id=d&user_id=1", Refusal.INVALID_USER_ID),
        (b"app_key=a&device_id=d&app_id=0123456789abcdef01234567", None),
        (b"app_key=a&device_id=0", None),
        (b"app_key=a&device_id=d", None),
    ],
)
def test_it_refuses_a_request_from_nobody(query: bytes, refusal: Refusal | None) -> None:
    assert peek(query, b"", "").refusal is refusal
    assert peek(b"", query, "").refusal is refusal
    parsed = parse(raw(query))
    assert parsed is refusal if refusal else isinstance(parsed, SdkRequest)


@pytest.mark.rule("identity.text")
@pytest.mark.parametrize(
    ("written", "device_id"),
    [
        (b'"42"', "42"),
        (b"42", "42"),
        (b"42.0", "42"),
        (b"4.5", "4.5"),
        (b"true", "true"),
        (b'"a\\u0000b"', "ab"),
        (b'"\\ud83d"', "\N{REPLACEMENT CHARACTER}"),
        (b"0", ""),
        (b"false", ""),
        (b"null", ""),
        (b"[1]", ""),
        (b'{"$gt": 0}', ""),
    ],
)
def test_a_device_id_is_a_text(written: bytes, device_id: str) -> None:
    body = b'{"app_key": "a", "device_id": %b}' % written
    assert peek(b"", body, JSON).device_id == device_id


@pytest.mark.rule("identity.any_characters")
@pytest.mark.parametrize("device_id", ["customer 42", "user@example.com", "a+b/c=", "Jānis", "日本", "'\"<x>"])
def test_a_device_id_may_hold_any_characters(device_id: str) -> None:
    body = f'{{"app_key": "a", "device_id": {device_id!r}}}'.replace("'", '"') if "'" not in device_id else ""
    if body:
        assert peek(b"", body.encode(), JSON).device_id == device_id
    encoded = b"".join(b"%%%02X" % byte for byte in device_id.encode())
    assert peek(b"app_key=a&device_id=" + encoded, b"", "").device_id == device_id


@pytest.mark.rule("identity.long_ids")
def test_long_device_ids_that_begin_alike_stay_two() -> None:
    start = b"x" * 1000
    first = peek(b"app_key=a&device_id=%b1" % start, b"", "")
    second = peek(b"app_key=a&device_id=%b2" % start, b"", "")
    assert first.device_id != second.device_id
    assert len(first.device_id) == len(second.device_id) == DEFAULT_LIMITS.device_id
    request = parse(raw(b"app_key=a&device_id=%b1" % start))
    assert isinstance(request, SdkRequest)
    assert request.device_id == first.device_id
    assert request.notes == {Note.DEVICE_ID_SHORTENED: 1}


@pytest.mark.rule("merge.another_id")
def test_a_merge_needs_another_device_id() -> None:
    assert peek(b"app_key=a&device_id=d&old_device_id=o", b"", "").old_device_id == "o"
    assert peek(b"app_key=a&device_id=d&old_device_id=d", b"", "").old_device_id is None
    assert peek(b"app_key=a&device_id=d&old_device_id=", b"", "").old_device_id is None


def test_it_sees_checksum_and_callback() -> None:
    plain = peek(b"app_key=a&device_id=d", b"", "")
    assert not plain.is_signed
    assert plain.callback == ""
    assert peek(b"app_key=a&device_id=d&checksum=1", b"", "").is_signed
    assert peek(b"app_key=a&device_id=d&callback=fn", b"checksum256=", "").is_signed
    assert peek(b"app_key=a&device_id=d&callback=fn", b"", "").callback == "fn"
