import pytest

from ingest.tests.wire.building import CHROME, sent
from ingest.wire.limits import DEFAULT_LIMITS, Note
from ingest.wire.metrics import DeviceFacts
from ingest.wire.values import JsonValue

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) {WEBKIT}"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 17_2 like Mac OS X) {WEBKIT}"


def facts(**metrics: JsonValue) -> DeviceFacts:
    found = sent(metrics=metrics).facts
    return DeviceFacts() if found is None else found


@pytest.mark.rule("metrics.facts", "metrics.carrier", "metrics.source")
@pytest.mark.parametrize(
    ("metric", "fact", "value", "meant"),
    [
        ("_os", "platform", "Android", "Android"),
        ("_os", "platform", "[My OS]", "My OS"),
        ("_os", "platform", "$x", "x"),
        ("_os", "platform", "a\0b", "ab"),
        ("_os_version", "platform_version", "17.2", "17.2"),
        ("_os_version", "platform_version", 14, "14"),
        ("_device", "device", "Pixel 8", "Pixel 8"),
        ("_device_type", "device_type", "Mobile", "mobile"),
        ("_manufacturer", "manufacturer", "Google", "Google"),
        ("_carrier", "carrier", "lmt gsm", "Lmt Gsm"),
        ("_carrier", "carrier", "LMT", "Lmt"),
        ("_carrier", "carrier", "0123456789abcdef", None),
        ("_carrier", "carrier", "24701", None),
        ("_carrier", "carrier", 310260, None),
        ("_carrier", "carrier", "--", None),
        ("_resolution", "resolution", "1080x2400", "1080x2400"),
        ("_density", "density", "2", "2.00"),
        ("_density", "density", 2.625, "2.62"),
        ("_density", "density", "XXHDPI", "XXHDPI"),
        ("_density", "density", "@3x", "@3x"),
        ("_locale", "locale", "lv_LV", "lv_LV"),
        ("_locale", "language", "lv_LV", "lv"),
        ("_locale", "language", "en-US", "en"),
        ("_locale", "locale", ["en_US", "UTF-8"], "en_US"),
        ("_locale", "locale", [None, None], None),
        ("_locale", "locale", "en_", "en"),
        ("_locale", "language", "EN", "en"),
        ("_app_version", "app_version", "7", "7.0"),
        ("_app_version", "app_version", 7, "7.0"),
        ("_app_version", "app_version", "1.2.3", "1.2.3"),
        ("_app_version", "app_version", "7b", "7b"),
        ("_store", "source", "com.android.vending", "com.android.vending"),
        ("_store", "source", "https://www.example.com/a?utm_source=x&b=1&utm_medium=y", "example.com/a?b=1"),
        ("_store", "source", "http://example.com/?utm_source=x", "example.com"),
        ("_store", "source", "x" * 200, "x" * 100),
        ("_source_channel", "source_channel", "Organic", "Organic"),
        ("_browser", "browser", "Chromium", "Chromium"),
        ("_browser_version", "browser_version", "156", "156"),
        ("_has_hinge", "has_hinge", "false", False),
        ("_has_hinge", "has_hinge", True, True),
        ("_has_hinge", "has_hinge", "hinged", True),
        ("_has_hinge", "has_hinge", "perhaps", None),
    ],
)
def test_each_metric_becomes_a_clean_fact(metric: str, fact: str, value: JsonValue, meant: object) -> None:
    assert getattr(facts(**{metric: value}), fact) == meant


@pytest.mark.rule("metrics.empty")
@pytest.mark.parametrize("value", ["", None, 0, False])
def test_empty_metrics_say_nothing(value: JsonValue) -> None:
    assert sent(metrics={"_os": value, "_device": value, "_locale": value}).facts is None


@pytest.mark.rule("metrics.version_codes")
@pytest.mark.parametrize(
    ("platform", "version", "meant"),
    [
        ("Android", "a14", "14"),
        ("iOS", "i17.2", "17.2"),
        ("Windows", "mw10", "10"),
        ("Windows", "10", "10"),
        ("Android", "alpha", "alpha"),
        ("Plan9", "p4", "p4"),
    ],
)
def test_versions_lose_countlys_platform_code(platform: str, version: str, meant: str) -> None:
    assert facts(_os=platform, _os_version=version).platform_version == meant


@pytest.mark.rule("metrics.device_type")
@pytest.mark.parametrize(
    ("platform", "device", "device_type"),
    [
        ("iOS", "iPhone15,2", "mobile"),
        ("iOS", "iPod9,1", "mobile"),
        ("iOS", "iPad13,1", "tablet"),
        ("watchOS", "Watch6,1", "wearable"),
        ("tvOS", "AppleTV11,1", "smarttv"),
        ("macOS", "Mac14,2", "desktop"),
        ("Android", "Pixel 8", None),
    ],
)
def test_device_type_is_derived(platform: str, device: str, device_type: str | None) -> None:
    assert facts(_os=platform, _device=device).device_type == device_type
    assert facts(_os=platform, _device=device, _device_type="console").device_type == "console"


@pytest.mark.rule("metrics.apple")
def test_apple_makes_what_runs_on_apples_systems() -> None:
    assert facts(_os="iOS").manufacturer == "Apple"
    assert facts(_os="Android").manufacturer is None


@pytest.mark.rule("metrics.any_request")
def test_metrics_count_on_any_request_and_say_only_what_they_say() -> None:
    request = sent(metrics={"_app_version": "1.4.2"}, hc={"el": 0})
    assert request.facts == DeviceFacts(app_version="1.4.2")


@pytest.mark.rule("metrics.unreadable")
@pytest.mark.parametrize("metrics", ["{", "[]", "1", '"x"'])
def test_unreadable_metrics_lose_nothing_else(metrics: str) -> None:
    request = sent(metrics=metrics, events=[{"key": "k"}])
    assert request.facts is None
    assert len(request.events) == 1
    assert request.notes == {Note.METRICS_UNREADABLE: 1}


def test_metrics_are_cut_and_nested_ones_are_none() -> None:
    request = sent(metrics={"_device": "x" * 300, "_os": {"a": 1}})
    assert request.facts == DeviceFacts(device="x" * 256)
    assert request.notes == {Note.METRIC_CUT: 1, Note.METRIC_UNUSABLE: 1}


@pytest.mark.rule("metrics.user_agent")
def test_user_agent_fills_what_is_missing_at_begin() -> None:
    found = sent(begin_session="1", metrics={"_ua": IPHONE, "_app_version": "2.0"}).facts
    assert found == DeviceFacts(
        app_version="2.0",
        platform="iOS",
        platform_version="17.2",
        browser="Mobile Safari",
        browser_version="17.2",
        device="iPhone",
        device_type="mobile",
        manufacturer="Apple",
        source="iOS",
        source_channel="Direct",
    )


@pytest.mark.rule("metrics.user_agent")
def test_user_agent_says_nothing_on_other_requests() -> None:
    assert sent(DEFAULT_LIMITS, CHROME, metrics={"_ua": IPHONE}).facts is None


@pytest.mark.rule("metrics.ua_wins")
def test_user_agent_of_metrics_counts_before_the_header() -> None:
    found = sent(DEFAULT_LIMITS, CHROME, begin_session="1", metrics={"_ua": IPAD}).facts
    assert found is not None
    assert (found.platform, found.device_type) == ("iOS", "tablet")


def test_user_agent_of_a_native_sdk_says_nothing() -> None:
    dalvik = "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A.240105.004)"
    found = sent(DEFAULT_LIMITS, dalvik, begin_session="1", metrics={"_os": "Android"}).facts
    assert found == DeviceFacts(platform="Android", source="Android", source_channel="Direct")


def test_a_version_belongs_to_its_own_browser_and_platform() -> None:
    found = sent(DEFAULT_LIMITS, IPHONE, begin_session="1", metrics={"_os": "Linux", "_browser": "Chromium"}).facts
    assert found is not None
    assert (found.platform_version, found.browser_version) == (None, None)


def test_an_unknown_browser_is_a_desktop() -> None:
    found = sent(DEFAULT_LIMITS, "Mozilla/5.0 (Plan 9)", begin_session="1").facts
    assert found == DeviceFacts(device_type="desktop")


def test_a_begin_that_says_nothing_has_no_facts() -> None:
    assert sent(begin_session="1").facts is None
