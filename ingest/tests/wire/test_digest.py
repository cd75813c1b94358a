import pytest

from ingest.tests.wire.building import multipart
from ingest.wire.digest import digest_of
from ingest.wire.parameters import read_parameters

STAMPED = b"app_key=a&device_id=d&timestamp=1732000000000"


def digest(query: bytes, body: bytes = b"", content_type: str = "") -> bytes | None:
    return digest_of(read_parameters(query, body, content_type))


def test_it_is_sixteen_bytes_and_the_same_each_time() -> None:
    first = digest(STAMPED)
    assert first is not None
    assert len(first) == 16
    assert first == digest(STAMPED)


@pytest.mark.rule("retries.changing")
def test_a_retry_differs_in_queue_length_and_checksums_only() -> None:
    assert digest(STAMPED + b"&rr=3&checksum256=aa") == digest(STAMPED + b"&checksum=bb&rr=0") == digest(STAMPED)


def test_order_and_place_of_parameters_do_not_matter() -> None:
    assert digest(STAMPED) == digest(b"timestamp=1732000000000&device_id=d&app_key=a")
    assert digest(STAMPED) == digest(b"", STAMPED) == digest(b"app_key=a", b"device_id=d&timestamp=1732000000000")


def test_any_other_difference_matters() -> None:
    digests = {
        digest(query)
        for query in (
            STAMPED,
            STAMPED + b"&events=1",
            STAMPED + b"&event=s1",
            STAMPED.replace(b"=d", b"=e"),
            STAMPED.replace(b"=a", b"=b"),
            STAMPED.replace(b"00000", b"00001"),
        )
    }
    assert len(digests) == 6


def test_order_of_keys_in_a_json_body_does_not_matter() -> None:
    one = digest(b"", b'{"timestamp": 1732000000000, "events": [{"a": 1, "b": 2}]}', "application/json")
    other = digest(b"", b'{"events": [{"b": 2, "a": 1}], "timestamp": 1732000000000}', "application/json")
    assert one is not None
    assert one == other


@pytest.mark.rule("retries.unstamped")
def test_without_a_usable_timestamp_there_is_none() -> None:
    assert digest(b"app_key=a&device_id=d") is None
    assert digest(b"app_key=a&device_id=d&timestamp=61") is None
    assert digest(b"", b'{"timestamp": true}', "application/json") is None


def test_two_pictures_are_two_requests() -> None:
    def upload(content: bytes) -> bytes | None:
        body, content_type = multipart(("timestamp", "1732000000000"), ("file", content))
        return digest(b"", body, content_type)

    assert upload(b"one") == upload(b"one")
    assert upload(b"one") != upload(b"two")
