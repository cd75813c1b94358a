import pytest

from ingest.tests.wire.building import CHROME, sent
from ingest.wire.crash import CrashReport
from ingest.wire.limits import DEFAULT_LIMITS, Limits, Note
from ingest.wire.values import JsonValue

LEAST: dict[str, JsonValue] = {"_error": "Error: x\n  at y", "_app_version": "2.0", "_os": "Linux"}


def crash(**fields: JsonValue) -> CrashReport:
    found = sent(crash={**LEAST, **fields}).crash
    assert found is not None
    return found


def test_names_are_spelled_out() -> None:
    found = crash(
        _os_version="6.1",
        _manufacturer="Google",
        _run=65,
        _bat="81.0",
        _ram_total="7600",
        _not_os_specific=True,
        _javascript=True,
        _logs="one\ntwo",
        _custom={"screen": "cart", "$x": 1.5, "gone": None},
        _ob=3,
        _cpu_bit=64,
        _new={"a": 1},
        plain="x",
    )
    assert found == CrashReport(
        error="Error: x\n  at y",
        app_version="2.0",
        os="Linux",
        os_version="6.1",
        manufacturer="Google",
        running_seconds=65.0,
        battery=81.0,
        ram_total=7600.0,
        is_os_independent=True,
        is_javascript=True,
        logs="one\ntwo",
        custom={"screen": "cart", "x": 1.5},
        extra={"new": {"a": 1}, "plain": "x"},
    )


@pytest.mark.rule("crash.required")
@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("_error", Note.CRASH_WITHOUT_ERROR),
        ("_app_version", Note.CRASH_WITHOUT_APP_VERSION),
        ("_os", Note.CRASH_WITHOUT_OS),
    ],
)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_crash_without_a_required_field_is_none(name: str, note: Note, nothing: JsonValue) -> None:
    request = sent(crash={**LEAST, name: nothing})
    assert request.crash is None
    assert request.notes == {note: 1}


@pytest.mark.rule("crash.web_platform")
def test_a_browsers_platform_is_in_its_user_agent() -> None:
    for request in (
        sent(DEFAULT_LIMITS, CHROME, crash={**LEAST, "_os": ""}),
        sent(metrics={"_ua": CHROME}, crash={"_error": "e", "_app_version": "1"}),
    ):
        assert request.crash is not None
        assert (request.crash.os, request.crash.browser) == ("Linux", "Chrome")


@pytest.mark.rule("crash.fatal")
@pytest.mark.parametrize(
    ("value", "fatal"), [(True, False), ("true", False), (False, True), ("false", True), (None, True)]
)
def test_missing_nonfatal_means_fatal(value: JsonValue, fatal: bool) -> None:
    assert crash(_nonfatal=value).is_fatal is fatal


@pytest.mark.rule("crash.flags")
@pytest.mark.parametrize(
    ("value", "meant"),
    [(True, True), ("false", False), (1, True), (0, False), ("maybe", None), (None, None), ({}, None)],
)
def test_flags_come_as_booleans_texts_and_numbers(value: JsonValue, meant: bool | None) -> None:
    assert crash(_root=value).is_rooted is meant


@pytest.mark.rule("crash.manufacturer")
def test_manufacturer_has_two_spellings() -> None:
    assert crash(_manufacture="LG").manufacturer == "LG"
    assert crash(_manufacture="LG", _manufacturer="Google").manufacturer == "Google"


@pytest.mark.rule("crash.logs")
def test_logs_may_be_a_list() -> None:
    assert crash(_logs=["one", "two"]).logs == "one\ntwo"


@pytest.mark.rule("crash.images")
def test_binary_images_become_json_text() -> None:
    images: JsonValue = {"Shop": {"la": "0x1", "id": "6A1C"}}
    assert crash(_binary_images=images).binary_images == '{"Shop":{"la":"0x1","id":"6A1C"}}'
    assert crash(_binary_images="as sent").binary_images == "as sent"


@pytest.mark.rule("crash.unreadable")
@pytest.mark.parametrize("broken", ["{", "[]", "1"])
def test_unreadable_crashes_lose_nothing_else(broken: str) -> None:
    request = sent(crash=broken, session_duration="5")
    assert request.crash is None
    assert request.session_seconds == 5
    assert request.notes == {Note.CRASH_UNREADABLE: 1}


def test_long_texts_are_cut() -> None:
    request = sent(crash={**LEAST, "_view": "x" * 1000})
    assert request.crash is not None
    assert request.crash.view == "x" * 256
    assert request.notes == {Note.CRASH_TEXT_CUT: 1}


def test_custom_values_have_a_limit_and_may_be_unreadable() -> None:
    request = sent(Limits(crash_custom_keys=1), crash={**LEAST, "_custom": {"a": 1, "b": 2}})
    assert request.crash is not None
    assert request.crash.custom == {"a": 1}
    assert request.notes == {Note.CRASH_CUSTOM_OVER_LIMIT: 1}
    assert crash(_custom="{").custom == {}


def test_a_list_of_images_is_whole_or_missing() -> None:
    request = sent(Limits(crash_dump=10), crash={**LEAST, "_binary_images": {"Shop": {"la": "0x1"}}})
    assert request.crash is not None
    assert request.crash.binary_images == ""
    assert request.notes == {Note.CRASH_TEXT_CUT: 1}
