import json

import pytest

from ingest.tests.wire.building import encode, raw
from ingest.tests.wire.captured import captures
from ingest.wire.bulk import ITEM_CONTENT_TYPE, Bulk, Skip, parse_bulk
from ingest.wire.limits import Limits
from ingest.wire.refusal import Refusal
from ingest.wire.request import SdkRequest, parse
from ingest.wire.values import JsonValue


def bulk(requests: JsonValue, limits: Limits | None = None, **parameters: JsonValue) -> Bulk:
    found = parse_bulk(b"", encode({"requests": requests, **parameters}), "", limits or Limits())
    assert isinstance(found, Bulk)
    return found


@pytest.mark.rule("bulk.missing")
@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", Refusal.MISSING_REQUESTS),
        (b"requests=", Refusal.MISSING_REQUESTS),
        (b"requests=[", Refusal.MISSING_REQUESTS),
        (b"requests=null", Refusal.MISSING_REQUESTS),
        (b"requests={}", Refusal.INVALID_REQUESTS),
        (b"requests=5", Refusal.INVALID_REQUESTS),
    ],
)
def test_it_refuses_what_is_no_list(body: bytes, refusal: Refusal) -> None:
    assert parse_bulk(b"", body, "") is refusal
    assert parse_bulk(body, b"", "") is refusal


@pytest.mark.rule("bulk.in_order")
def test_items_keep_their_order_and_get_the_common_app_key() -> None:
    found = bulk([{"device_id": "1"}, {"device_id": "2", "app_key": "own"}, {"device_id": 3}], app_key="common")
    assert [(i.position, i.app_key, i.device_id) for i in found.items] == [
        (0, "common", "1"),
        (1, "own", "2"),
        (2, "common", "3"),
    ]
    assert json.loads(found.items[0].body) == {"device_id": "1", "app_key": "common"}


@pytest.mark.rule("bulk.bad_items_skipped")
def test_bad_items_are_skipped_with_a_reason() -> None:
    found = bulk(
        [
            None,
            5,
            {"app_key": "a"},
            {"device_id": "d"},
            {"app_key": "a", "device_id": "00000000-0000-0000-0000-000000000000"},
            {"app_key": "a", "device_id": "d", "user_id": "x"},
            {"app_key": "a", "device_id": "d"},
        ]
    )
    assert [i.position for i in found.items] == [6]
    assert [s.reason for s in found.skipped] == [
        Skip.NOT_AN_OBJECT,
        Skip.NOT_AN_OBJECT,
        Skip.MISSING_DEVICE_ID,
        Skip.MISSING_APP_KEY,
        Skip.ZERO_IDFA,
        Skip.INVALID_PARAMETER,
    ]


def test_items_over_the_limit_are_skipped() -> None:
    found = bulk([{"app_key": "a", "device_id": "d"}] * 3, Limits(bulk_items=2))
    assert len(found.items) == 2
    [rest] = found.skipped
    assert (rest.position, rest.reason, rest.body) == (2, Skip.OVER_LIMIT, b'[{"app_key":"a","device_id":"d"}]')


def test_switches_of_the_whole() -> None:
    assert not bulk([]).is_safe
    assert bulk([], safe_api_response="1", checksum256="x").is_safe
    assert bulk([], checksum256="x").is_signed


@pytest.mark.rule("bulk.real_json")
def test_requests_may_be_real_json() -> None:
    found = parse_bulk(b"app_key=a", b'{"requests": [{"device_id": 1}]}', "application/json")
    assert isinstance(found, Bulk)
    assert [i.device_id for i in found.items] == ["1"]


@pytest.mark.rule("bulk.same_stamp")
def test_items_with_one_timestamp_are_not_duplicates() -> None:
    item: dict[str, JsonValue] = {"app_key": "a", "device_id": "d", "timestamp": 1732000000}
    found = bulk([{**item, "events": [{"key": "x"}]}, {**item, "events": [{"key": "y"}]}])
    digests = {read(item.body).digest for item in found.items}
    assert len(digests) == 2
    assert None not in digests


def read(body: bytes) -> SdkRequest:
    request = parse(raw(b"", body, ITEM_CONTENT_TYPE))
    assert isinstance(request, SdkRequest)
    return request


@pytest.mark.rule("bulk.captured")
def test_the_captured_bulk_requests() -> None:
    odd, whole = [c.raw for c in captures("nodejs") if c.path == "/i/bulk"]
    # The first holds the stamps `true` and `61` on purpose: these items mean server time, and are no duplicates.
    for sent, unstamped in ((odd, [True, True, False, False]), (whole, [False] * 4)):
        found = parse_bulk(sent.query, sent.body, sent.content_type)
        assert isinstance(found, Bulk)
        assert found.skipped == ()
        begin, ping, details, events = (read(item.body) for item in found.items)
        assert {r.device_id for r in (begin, ping, details, events)} == {"bulk-user-1"}
        assert begin.begin_session
        assert begin.facts is not None
        assert begin.facts.platform == "Android"
        assert ping.session_seconds == 60
        assert details.details is not None
        assert details.details.named == {"name": "Bulk User"}
        assert [e.key for e in events.events] == ["Test"]
        assert [r.digest is None for r in (begin, ping, details, events)] == unstamped
