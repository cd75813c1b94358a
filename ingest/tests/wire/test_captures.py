"""What official SDKs sent, and what it means."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from ingest.tests.wire.captured import ALL, Capture, captures
from ingest.wire.attribution import Campaign
from ingest.wire.details import PropertyChange
from ingest.wire.events import ViewLeft
from ingest.wire.identity import peek
from ingest.wire.limits import Note
from ingest.wire.location import Location
from ingest.wire.metrics import DeviceFacts
from ingest.wire.push_token import PushEnvironment, PushProvider, PushToken
from ingest.wire.refusal import Refusal
from ingest.wire.request import SdkRequest, parse
from profiles.users.properties import Operation

SINGLE = [c for c in ALL if c.path != "/i/bulk"]


def understood(file: str, line: int) -> SdkRequest:
    request = parse(captures(file)[line - 1].raw)
    assert isinstance(request, SdkRequest)
    return request


@pytest.mark.parametrize("capture", SINGLE, ids=str)
def test_every_captured_request_is_understood_without_loss(capture: Capture) -> None:
    request = parse(capture.raw)
    assert isinstance(request, SdkRequest)
    # The picture of the derived upload is a placeholder.
    lost = {Note.PICTURE_UNUSABLE} if str(capture) == "android-derived:14" else set()
    assert set(request.notes) == lost
    identity = peek(capture.raw.query, capture.raw.body, capture.raw.content_type)
    assert (identity.app_key, identity.device_id, identity.old_device_id, identity.refusal) == (
        request.app_key,
        request.device_id,
        request.old_device_id,
        None,
    )
    if request.method != "feedback":  # asked without a timestamp
        assert request.stamped_at == request.at
        assert request.digest is not None


def test_only_retries_have_one_digest() -> None:
    digests = Counter(
        request.digest for c in SINGLE if isinstance(request := parse(c.raw), SdkRequest) and request.digest
    )
    retried = {digest for digest, times in digests.items() if times > 1}
    again = [str(c) for c in SINGLE if isinstance(r := parse(c.raw), SdkRequest) and r.digest in retried]
    assert {name.partition(":")[0] for name in again} == {"nodejs", "web"}
    for name in again:
        file, line = name.split(":")
        assert understood(file, int(line)).device_id in ("retry-device", "web-fail"), "these two met a failing server"


def test_a_bulk_request_is_from_nobody() -> None:
    assert [parse(c.raw) for c in ALL if c.path == "/i/bulk"] == [Refusal.MISSING_DEVICE_ID] * 2


def test_android_begins() -> None:
    request = understood("android-derived", 3)
    assert request.begin_session
    assert request.at == datetime(2024, 11, 19, 7, 6, 40, 10_000, tzinfo=UTC)
    assert (request.hour, request.weekday, request.timezone_minutes) == (9, 2, 120)
    assert (request.sdk_name, request.sdk_version) == ("java-native-android", "26.1.2")
    assert request.facts == DeviceFacts(
        platform="Android",
        platform_version="14",
        device="Pixel 8",
        device_type="mobile",
        manufacturer="Google",
        carrier="Lmt",
        resolution="1080x2400",
        density="XXHDPI",
        locale="lv_LV",
        language="lv",
        app_version="1.4.2",
        source="com.android.vending",
        has_hinge=False,
    )
    assert request.location == Location(country_code="LV", city="Rīga", latitude=56.9496, longitude=24.1052)


def test_androids_events() -> None:
    request = understood("android-derived", 4)
    visit, purchase = request.events
    assert (visit.key, visit.view_id, visit.segmentation["name"]) == (
        "[CLY]_view",
        "q+7bN0sD1732000000014",
        "MainActivity",
    )
    assert (purchase.key, purchase.count, purchase.sum, purchase.duration_seconds) == ("purchase", 1, 19.99, 12.5)
    assert purchase.segmentation == {"sku": "gold & co", "qty": 2, "promo": True, "tags": ["a", "b"]}
    assert purchase.current_view_id == "q+7bN0sD1732000000014"
    assert request.views_left == (
        ViewLeft(
            at=datetime(2024, 11, 19, 7, 7, 11, tzinfo=UTC),
            view_id="q+7bN0sD1732000000014",
            name="MainActivity",
            seconds=31,
        ),
    )
    assert request.facts == DeviceFacts(orientation="portrait")


def test_androids_details() -> None:
    details = understood("android-derived", 6).details
    assert details is not None
    assert details.named == {
        "name": "Anna Bērziņa",
        "email": "anna@example.com",
        "phone": None,
        "gender": "F",
        "birth_year": 1990,
    }
    assert details.custom == (
        PropertyChange("plan", Operation.SET, "pro"),
        PropertyChange("visits", Operation.INCREMENT, 1),
        PropertyChange("tags", Operation.ADD_TO_SET, ["ios", "vip"]),
        PropertyChange("first_ref", Operation.SET_ONCE, "ad-7"),
        PropertyChange("old", Operation.UNSET, None),
    )


def test_androids_handled_error() -> None:
    crash = understood("android-derived", 7).crash
    assert crash is not None
    assert crash.error.startswith("java.lang.IllegalStateException: cart empty\n\tat com.shop")
    assert not crash.is_fatal
    assert (crash.os, crash.manufacturer, crash.cpu, crash.opengl) == ("Android", "Google", "arm64-v8a", "3")
    assert (crash.ram_current, crash.ram_total, crash.battery, crash.running_seconds) == (5100, 7600, 81, 65)
    assert (crash.is_rooted, crash.is_online, crash.in_background) == (False, True, False)
    assert crash.custom == {"screen": "cart"}
    assert crash.extra == {}


def test_android_token_consent_merge_and_campaign() -> None:
    assert understood("android-derived", 8).token == PushToken(
        provider=PushProvider.FCM, environment=PushEnvironment.PRODUCTION, token="fcm:APA91bH-token", locale="lv_LV"
    )
    assert understood("android-derived", 9).consent == {"sessions": True, "crashes": True, "push": False}
    merge = understood("android-derived", 10)
    assert (merge.device_id, merge.old_device_id) == ("customer 42", "d2f1c0ffee5a4b31")
    end = understood("android-derived", 11)
    assert (end.end_session, end.session_seconds) == (True, 20)
    assert understood("android-derived", 12).location == Location(is_opted_out=True)
    assert understood("android-derived", 13).campaign == Campaign(campaign_id="cmp7", campaign_user="cu9")


def test_ios() -> None:
    begin = understood("ios-derived", 1)
    assert begin.device_id_type == 1
    assert begin.location == Location(is_opted_out=True)
    assert begin.facts == DeviceFacts(
        platform="iOS",
        platform_version="17.2",
        device="iPhone15,2",
        device_type="mobile",
        manufacturer="Apple",
        resolution="1179x2556",
        density="@3x",
        locale="en_GB",
        language="en",
        app_version="3.1",
        source="iOS",
        source_channel="Direct",
    )
    visit, level_up = understood("ios-derived", 2).events
    assert visit.is_view
    assert level_up.segmentation == {"level": 4, "boss": "Ünï"}
    token = understood("ios-derived", 5).token
    assert token is not None
    assert (token.provider, token.environment) == (PushProvider.APNS, PushEnvironment.PRODUCTION)
    (opened,) = understood("ios-derived", 6).events
    assert opened.segmentation == {"i": "65f0c0ffee65f0c0ffee65f0", "b": 0, "p": "i"}
    crash = understood("ios-derived", 7).crash
    assert crash is not None
    assert (crash.name, crash.is_fatal, crash.is_online, crash.app_build) == ("NSRangeException", True, True, "311")
    assert understood("ios-derived", 8).device_id_type == 0


def test_nodes_modifiers() -> None:
    details = understood("nodejs", 7).details
    assert details is not None
    assert [(c.name, c.operation.value, c.value) for c in details.custom] == [
        ("plan", "set", "pro"),
        ("signup", "set_once", "2024-01-01"),
        ("old_prop", "unset", None),
        ("logins", "increment", 1),
        ("credits", "increment", 5),
        ("score", "multiply", 2),
        ("high", "max", 100),
        ("low", "min", 3),
        ("tags", "push", ["a", "b"]),
        ("tags", "pull", ["z"]),
        ("cats", "add_to_set", ["IT"]),
    ]


def test_nodes_picture_ip_and_crash() -> None:
    upload = understood("nodejs", 8)
    assert upload.picture is not None
    assert upload.picture.media_type == "image/png"
    assert upload.picture.content.startswith(b"\x89PNG")
    assert upload.details is not None
    assert upload.details.named == {"name": "Picture User"}
    assert upload.ip == "203.0.113.7"
    crash = understood("nodejs", 9).crash
    assert crash is not None
    assert (crash.is_os_independent, crash.is_javascript, crash.is_fatal) == (True, True, False)
    assert "reading 'foo'" in crash.error


def test_the_web_sdk() -> None:
    begin = next(r for c in captures("web") if isinstance(r := parse(c.raw), SdkRequest) and r.begin_session)
    assert begin.facts == DeviceFacts(
        platform="Linux",
        device_type="desktop",
        resolution="800x600",
        density="1.00",
        locale="en-US",
        language="en",
        app_version="2.0",
        browser="Chromium",
        browser_version="156",
        source="Linux",
        source_channel="Direct",
    )
    crash = understood("web", 9).crash
    assert crash is not None
    assert (crash.os, crash.browser, crash.view) == ("Linux", "Chrome", "/index.html")
    left = understood("web", 20)
    assert left.events == ()
    assert [(v.view_id, v.name, v.seconds) for v in left.views_left] == [("c5a21db01795459207594", "/checkout", 4)]
    upload = understood("web", 49)
    assert upload.device_id == "web-pic"
    assert upload.picture is not None
    assert upload.notes == {}


@pytest.mark.rule("health.no_session")
def test_a_health_check_begins_no_session() -> None:
    check = understood("web", 2)
    assert check.health_check == {"el": 0, "wl": 0, "sc": -1, "em": "", "bom": 0, "cbom": 0}
    assert not check.begin_session
    assert check.facts == DeviceFacts(app_version="2.0")
