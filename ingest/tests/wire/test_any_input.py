"""Whatever comes in: nothing raises, what comes out can be stored, and the short look agrees with the long one."""

import json
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_plus

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ingest.tests.wire.building import CHROME, FORM, NOW, encode, multipart, raw
from ingest.wire.bulk import Bulk, parse_bulk
from ingest.wire.checksum import has_valid_checksum
from ingest.wire.identity import peek
from ingest.wire.limits import DEFAULT_LIMITS
from ingest.wire.parameters import read_parameters
from ingest.wire.request import RawRequest, SdkRequest, parse

NAMES = sorted(
    {"app_key", "device_id", "old_device_id", "t", "timestamp", "hour", "dow", "tz", "sdk_name", "sdk_version", "rr"}
    | {"ip_address", "begin_session", "end_session", "session_duration", "ignore_cooldown", "metrics", "events", "hc"}
    | {"user_details", "crash", "consent", "location", "country_code", "region", "city", "token_session", "locale"}
    | {
        "android_token",
        "ios_token",
        "test_mode",
        "token_provider",
        "campaign_id",
        "campaign_user",
        "checksum",
        "method",
    }
    | {"checksum256", "callback", "app_id", "user_id", "app_key[$ne]", "requests"}
)
INNER = sorted(
    {"key", "count", "sum", "dur", "segmentation", "timestamp", "hour", "dow", "id", "pvid", "cvid", "peid", "name"}
    | {"visit", "_idv", "_os", "_os_version", "_device", "_locale", "_app_version", "_density", "_store", "_ua"}
    | {"_error", "_nonfatal", "_logs", "_custom", "_bat", "_binary_images", "custom", "byear", "picture", "email"}
    | {"$inc", "$push", "$pull", "$setOnce", "$min", "mode", "rating", "shown", "i", "b"}
)
# Numbers, texts and keys that break things elsewhere.
ODD: list[Any] = [
    *(0, 1, -1, 60, 1732000000, 1732000000123, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 1e308, -0.0, 0.1, 1e22),
    *(
        "",
        "\0",
        "a\0b",
        "\ud83d",
        "\udc00x",
        "\U0001f600",
        "1e999",
        "NaN",
        "null",
        "true",
        "٣",
        "%7B%7D",
        "%",
        "x" * 5000,
    ),
    *("[CLY]_view", "[CLY]_nps", "[CLY]_push_action", "[CLY]_star_rating", "[CLY]_orientation", "\ufeff[]"),
]
scalars = st.none() | st.booleans() | st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*INNER, "\0", "$", "a.b", "\ud83d"]) | st.text(max_size=5), inner, max_size=6
        )
    ),
    max_leaves=25,
)
raw_texts = st.sampled_from(
    [
        "{",
        "[",
        '{"a":',
        "[" * 3000,
        '{"a":' * 3000,
        "NaN",
        "1" * 5000,
        '{"a":1e999}',
        '"\\ud83d"',
        "\ufeff{}",
        "%7B%22a%22",
    ]
)


NESTED = ["[" * depth + "]" * depth for depth in (9, 100, 900, 3000)]
NESTED += ['{"a":' * depth + "1" + "}" * depth for depth in (9, 100, 900, 3000)]


def write(value: Any) -> str:
    """Write JSON as Python does: with NaN, and escapes of half pairs."""
    return json.dumps(value)


texts = json_values.map(write) | raw_texts | st.text(max_size=30).map(lambda t: t.encode("utf-8", "replace").decode())
pairs = st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=12)
events = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(INNER, json_values)), max_size=4)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def form_of(items: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote(name)}={quote(text)}" for name, text in items).encode()


def leaves(value: Any, depth: int = 0) -> Iterator[tuple[Any, int]]:
    """Give everything in a request that will be stored, with how deep it is nested in JSON."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, depth
            yield from leaves(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, depth + 1)
    else:
        yield value, depth


def check(request: RawRequest) -> None:
    """Parse it, and see that PostgreSQL would take what comes of it."""
    identity = peek(request.query, request.body, request.content_type)
    found = parse(request)
    if not isinstance(found, SdkRequest):
        assert found is identity.refusal
        return
    assert identity.refusal is None
    assert (found.app_key, found.device_id, found.old_device_id) == (
        identity.app_key,
        identity.device_id,
        identity.old_device_id,
    )
    values = read_parameters(request.query, request.body, request.content_type).values
    assert identity.is_signed == ("checksum" in values or "checksum256" in values)
    for value, depth in leaves(found):
        assert depth <= DEFAULT_LIMITS.json_depth + 2
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
        elif isinstance(value, float):
            assert math.isfinite(value)
        elif isinstance(value, int):
            assert -(2**63) <= value < 2**63
        elif isinstance(value, datetime) and value is not found.stamped_at:
            assert DEFAULT_LIMITS.earliest <= value <= NOW
    for event in found.events:
        msgspec.json.encode(event.segmentation)
        assert 0 < len(event.key) <= DEFAULT_LIMITS.event_key + len("_shown")
        assert 1 <= event.count < 2**31
        assert len(event.segmentation) <= DEFAULT_LIMITS.segmentation_keys + 4
    assert found.old_device_id != found.device_id


@pytest.mark.rule("delivery.any_input")
@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(["", FORM, "application/json", "text/plain"]))
@quick
def test_any_bytes(query: bytes, body: bytes, content_type: str) -> None:
    check(raw(query, body, content_type))
    check(raw(b"app_key=a&device_id=d&" + query, body, content_type))
    has_valid_checksum(query + b"&checksum=1", body, content_type, "salt")
    parse_bulk(query, body, content_type)


@pytest.mark.rule("delivery.any_input")
@given(st.text(max_size=60), st.binary(max_size=300))
@quick
def test_any_multipart(boundary: str, body: bytes) -> None:
    content_type = f"multipart/form-data; boundary={boundary}"
    check(raw(b"app_key=a&device_id=d", body, content_type))
    delimiter = b"--" + boundary.encode("utf-8", "replace")
    check(raw(b"app_key=a&device_id=d", body.join([delimiter + b'\r\n;name="a"\r\n\r\n'] * 3), content_type))
    has_valid_checksum(b"checksum=1", body, content_type, "salt")


@pytest.mark.rule("delivery.any_input")
@given(pairs, pairs)
@quick
def test_any_parameters(asked: list[tuple[str, str]], sent: list[tuple[str, str]]) -> None:
    check(raw(form_of(asked), form_of(sent), FORM, CHROME))
    identified = [("app_key", "a"), ("device_id", "d")]
    rest = [(name, text) for name, text in asked if name not in ("app_key", "device_id", "app_id", "user_id")]
    check(raw(form_of(identified + rest), form_of(sent), FORM, CHROME))
    body, content_type = multipart(*[(name, text) for name, text in identified + rest])
    check(raw(b"", body, content_type, CHROME))


@pytest.mark.rule("delivery.any_input")
@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=10))
@quick
def test_any_json_body(document: dict[str, Any]) -> None:
    body = write({"app_key": "a", "device_id": "d", **document}).encode()
    check(raw(b"", body, "application/json", CHROME))
    bulk = parse_bulk(b"", write({"requests": [document] * 2, "app_key": "a"}).encode(), "application/json")
    if isinstance(bulk, Bulk):
        for item in bulk.items:
            found = parse(raw(b"", item.body, "application/json"))
            assert isinstance(found, SdkRequest)
            assert (found.app_key, found.device_id, found.old_device_id) == (
                item.app_key,
                item.device_id,
                item.old_device_id,
            )


@given(events, json_values, json_values, json_values)
@quick
def test_any_payload(events: Any, metrics: Any, details: Any, crash: Any) -> None:
    parameters = {"events": events, "metrics": metrics, "user_details": details, "crash": crash, "begin_session": "1"}
    check(
        raw(b"app_key=a&device_id=d", encode({name: write(value) for name, value in parameters.items()}), FORM, CHROME)
    )


@given(st.dictionaries(st.sampled_from(INNER), json_values, max_size=8))
@quick
def test_any_crash_details_and_views(inner: dict[str, Any]) -> None:
    for wrapped in (
        {"crash": {"_error": "e", "_app_version": "1", "_os": "o", **inner}},
        {"user_details": {"custom": inner, "name": inner}},
        {"events": [{"key": "[CLY]_view", "segmentation": inner, **inner}, {**inner, "key": "[CLY]_nps"}]},
        {"metrics": inner, "consent": inner, "hc": inner},
    ):
        check(
            raw(b"app_key=a&device_id=d", encode({name: write(value) for name, value in wrapped.items()}), FORM, CHROME)
        )


@pytest.mark.parametrize(
    "name", ["events", "metrics", "user_details", "crash", "consent", "hc", "device_id", "requests"]
)
@pytest.mark.parametrize("nested", NESTED, ids=lambda nested: f"{nested[:5]}{len(nested)}")
def test_deep_nesting(name: str, nested: str) -> None:
    for value in (
        nested,
        f'[{{"key":{nested},"segmentation":{{"a":{nested}}}}}]',
        f'{{"_os":{nested},"custom":{{"a":{nested}}}}}',
    ):
        check(raw(b"app_key=a&device_id=d", f"{name}={value}".encode(), FORM, CHROME))
        body = f'{{"timestamp":1732000000,"{name}":{value}}}'.encode()
        check(raw(b"app_key=a&device_id=d", body, "application/json", CHROME))
        parse_bulk(b"app_key=a", f'{{"requests":[{{"device_id":"d","{name}":{value}}}]}}'.encode(), "application/json")


def test_what_the_decoder_can_just_read_the_encoder_can_write() -> None:
    for depth in range(800, 1010):
        nested = "[" * depth + "]" * depth
        body = f'{{"app_key":"a","device_id":"d","timestamp":1732000000,"x":{nested}}}'
        check(raw(b"app_key=a&device_id=d", body.encode(), "application/json"))
        parse_bulk(b"", f'{{"requests":[{body}]}}'.encode(), "application/json")
        parse_bulk(b"", f"requests=[{body}]".encode(), FORM)


@given(st.binary(max_size=60))
@quick
def test_decoding_agrees_with_the_standard_library(value: bytes) -> None:
    value = value.replace(b"&", b"")
    found = read_parameters(b"x=" + value, b"", "").values["x"]
    assert found == unquote_plus(value.decode("latin-1"), encoding="latin-1").encode("latin-1").decode(
        "utf-8", "replace"
    )


@given(st.permutations([("app_key", "a"), ("device_id", "d"), ("timestamp", "1732000000"), ("x", "1"), ("rr", "2")]))
def test_the_digest_does_not_know_the_order(items: list[tuple[str, str]]) -> None:
    found = parse(raw(form_of(items)))
    usual = parse(raw(b"app_key=a&device_id=d&timestamp=1732000000&x=1"))
    assert isinstance(found, SdkRequest)
    assert isinstance(usual, SdkRequest)
    assert found.digest == usual.digest
