import json

import pytest

from ingest.tests.wire.building import encode, multipart, raw, sent
from ingest.wire.limits import DEFAULT_LIMITS, Note
from ingest.wire.request import SdkRequest, parse
from ingest.wire.values import JsonValue


@pytest.mark.rule("base.flags")
@pytest.mark.parametrize("name", ["begin_session", "end_session", "ignore_cooldown", "no_meta"])
@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("true", True), ("yes", True), ("0", False), ("false", False), ("", False), ("False", False)],
)
def test_switches_of_zero_and_false_are_off(name: str, value: str, on: bool) -> None:
    assert getattr(sent(DEFAULT_LIMITS, **{name: value}), name) is on


@pytest.mark.rule("sessions.seconds")
@pytest.mark.parametrize(
    ("value", "seconds", "note"),
    [
        ("60", 60, None),
        ("60.9", 60, None),
        (60, 60, None),
        ("0", None, None),
        ("NaN", None, None),
        ("", None, None),
        ("x", None, None),
        ("-5", 30, Note.SESSION_SECONDS_NEGATIVE),
        ("86401", 86_400, Note.SESSION_SECONDS_OVER_LIMIT),
        ("1" * 30, 86_400, Note.SESSION_SECONDS_OVER_LIMIT),
    ],
)
def test_session_seconds(value: JsonValue, seconds: int | None, note: Note | None) -> None:
    request = sent(session_duration=value)
    assert request.session_seconds == seconds
    assert request.notes == ({note: 1} if note else {})


@pytest.mark.rule("base.device_id_type")
@pytest.mark.parametrize(
    ("value", "meant"), [("0", 0), ("1", 1), (9, 9), ("", None), ("x", None), ("-1", None), ("1e9", None)]
)
def test_device_id_type(value: JsonValue, meant: int | None) -> None:
    assert sent(t=value).device_id_type == meant


@pytest.mark.rule("base.ip_address")
def test_ip_address_overrides_the_connections() -> None:
    assert sent().ip == "198.51.100.7"
    assert sent(ip_address="203.0.113.7").ip == "203.0.113.7"
    assert sent(ip_address="2001:DB8::1").ip == "2001:db8::1"
    wrong = sent(ip_address="here")
    assert wrong.ip == "198.51.100.7"
    assert wrong.notes == {Note.IP_ADDRESS_UNUSABLE: 1}


@pytest.mark.rule("base.ip_ignored")
def test_androids_ip_does_not_count() -> None:
    assert sent(ip="203.0.113.7").ip == "198.51.100.7"


@pytest.mark.rule("base.sdk")
def test_base_parameters() -> None:
    request = sent(
        old_device_id="o",
        sdk_name="java-native-android",
        sdk_version="26.1.2",
        rr="3",
        method="ab_opt_out",
        picturePath="/x",
    )
    assert (request.app_key, request.device_id, request.old_device_id) == ("a", "d", "o")
    assert (request.sdk_name, request.sdk_version) == ("java-native-android", "26.1.2")
    assert (request.queued_requests, request.method) == (3, "ab_opt_out")


@pytest.mark.rule("answers.malformed_is_success")
def test_each_parameter_stands_alone() -> None:
    broken = sent(
        metrics="{",
        events="[",
        user_details="}",
        crash="x",
        consent="[]",
        hc="1",
        session_duration="7",
        campaign_id="c",
    )
    assert broken.session_seconds == 7
    assert broken.campaign is not None
    assert set(broken.notes) == {
        Note.METRICS_UNREADABLE,
        Note.EVENTS_UNREADABLE,
        Note.DETAILS_UNREADABLE,
        Note.CRASH_UNREADABLE,
        Note.CONSENT_UNREADABLE,
        Note.HEALTH_CHECK_UNREADABLE,
    }


@pytest.mark.rule("parameters.json_body")
def test_structured_parameters_may_be_real_json_or_text() -> None:
    parameters: dict[str, JsonValue] = {
        "app_key": "a",
        "device_id": "d",
        "timestamp": 1732000000,
        "begin_session": True,
        "metrics": {"_os": "iOS"},
        "events": [{"key": "k", "segmentation": {"a": 1}}],
        "user_details": {"name": "n", "custom": {"p": 1}},
        "consent": {"push": True},
        "crash": {"_error": "e", "_app_version": "1", "_os": "iOS"},
        "hc": {"el": 1},
    }
    real = parse(raw(body=json.dumps(parameters).encode(), content_type="application/json"))
    text = parse(raw(body=encode({**parameters, "begin_session": "1"})))
    assert isinstance(real, SdkRequest)
    assert isinstance(text, SdkRequest)
    for name in ("at", "begin_session", "facts", "events", "details", "consent", "crash", "health_check", "notes"):
        assert getattr(real, name) == getattr(text, name)


@pytest.mark.rule("details.picture")
def test_pictures_come_in_any_field_in_any_place() -> None:
    png = b"\x89PNG\r\n\x1a\nrest"
    texts = (("app_key", "a"), ("device_id", "d"))
    for field in ("file", "pictureFile", "binaryFile", "user_picture", "user_details[picture]"):
        for body, content_type in (multipart((field, png), *texts), multipart(*texts, (field, png))):
            request = parse(raw(b"", body, content_type))
            assert isinstance(request, SdkRequest)
            assert request.picture is not None
            assert request.picture.content == png


@pytest.mark.rule("details.picture_content")
def test_what_is_no_picture_is_noted() -> None:
    request = parse(raw(b"", *multipart(("app_key", "a"), ("device_id", "d"), ("file", b"<svg/>"))))
    assert isinstance(request, SdkRequest)
    assert request.picture is None
    assert request.notes == {Note.PICTURE_UNUSABLE: 1}


@pytest.mark.rule("parameters.repeated")
def test_repeated_parameters_are_noted() -> None:
    request = parse(raw(b"app_key=a&device_id=d&hour=1&hour=2"))
    assert isinstance(request, SdkRequest)
    assert request.hour is None
    assert request.notes == {Note.PARAMETER_REPEATED: 1}


def test_a_long_text_is_cut() -> None:
    assert sent(sdk_name="x" * 1000).sdk_name == "x" * DEFAULT_LIMITS.sdk_text
