"""All that real SDKs sent, through the door and into the profiles: answers, states, a second time for nothing."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import time_machine
from django.db import transaction
from django.db.models import QuerySet
from django.test import Client

from ingest import app_keys
from ingest.apply import apply_waiting
from ingest.models import InboxRequest, IngestRequest
from ingest.tasks import make_partitions
from ingest.tests.replay import FILES, KEYS, SALT, WRONGLY_SIGNED, Answered, Capture, captures, send, shifted
from ingest.tests.tables import dump
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.activity.models import Event, KeptViewEnd, Session
from profiles.crashes.models import Crash
from profiles.users.device_models import look_up_device_names
from profiles.users.keys import user_key
from profiles.users.models import AppUser, Merge, UserActivity

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)  # later than every capture, so that none is in the future
Verdict = IngestRequest.Verdict

# What an SDK reads where it does not expect {"result": …}.
READS = {"sc": {"v", "t", "c"}, "fetch_remote_config": set(), "feedback": {"result"}}
# Without a stamp a repeat cannot be told from a second request: a bulk with odd stamps, and a look for feedback widgets
# by a device that had already become somebody else's.
WITHOUT_STAMP = ("nodejs:35", "web:15")


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        make_partitions()
        yield


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.views.wake", lambda: None)


@pytest.fixture
def app(request: pytest.FixtureRequest) -> App:
    file = getattr(request, "param", "nodejs")
    app_keys.forget()
    return create_app(name="Captured", key=KEYS[file])


def apply_all() -> int:
    total = 0
    while done := apply_waiting():
        total += done
    return total


def use_salt(app: App, salt: str) -> None:
    if app.salt != salt:
        app.salt = salt
        app.save(update_fields=["salt"])
        app_keys.forget()


def replay(app: App, *requests: Capture) -> list[Answered]:
    """Send requests; the app has the salt when, and only when, the SDK had it."""
    client = Client()
    answers = []
    for capture in requests:
        use_salt(app, SALT if capture.is_salted else "")
        answers.append(send(client, capture))
    return answers


def lines(file: str, *numbers: int) -> list[Capture]:
    return [capture for capture in captures(file) if capture.line in numbers]


def user(app: App, device_id: str) -> AppUser:
    return AppUser.objects.get(id=user_key(app.public_id, device_id))


def activity(app: App, device_id: str) -> UserActivity:
    return UserActivity.objects.get(user_id=user_key(app.public_id, device_id))


def sessions(app: App, device_id: str) -> list[Session]:
    return list(Session.objects.filter(user_id=user_key(app.public_id, device_id)).order_by("started_at"))


def events(app: App, device_id: str, key: str) -> list[Event]:
    found = Event.objects.filter(user_id=user_key(app.public_id, device_id), key__key=key)
    return list(found.order_by("occurred_at", "id"))


each_file = pytest.mark.parametrize(("app", "file"), [(file, file) for file in FILES], indirect=["app"], ids=FILES)


@each_file
class TestEveryCapture:
    @pytest.mark.rule("answers.success", "delivery.queue_never_blocked")
    def test_is_answered_as_an_sdk_expects(self, app: App, file: str) -> None:
        for capture, answered in zip(captures(file), replay(app, *captures(file)), strict=True):
            assert answered.status == 200, capture
            assert answered.headers["Access-Control-Allow-Origin"] == "*"
            answer = answered.json
            assert isinstance(answer, dict), capture
            method = next((m for m in READS if f"method={m}".encode() in capture.query + b"&" + capture.body), "")
            if capture.path == "/o/sdk":
                assert READS[method] <= set(answer), capture
            elif str(capture) == WRONGLY_SIGNED:
                assert answer == {"result": "Request does not match checksum"}
            else:
                assert answer == {"result": "Success"}, capture

    def test_is_applied(self, app: App, file: str) -> None:
        replay(app, *captures(file))
        waiting = InboxRequest.objects.count()
        assert apply_all() == waiting
        assert not InboxRequest.objects.exists()
        assert not IngestRequest.objects.filter(verdict=Verdict.REFUSED).exists()

    def test_is_applied_alike_one_by_one_and_at_once(self, app: App, file: str) -> None:
        beginning = transaction.savepoint()
        replay(app, *captures(file))
        apply_all()
        at_once = dump()
        transaction.savepoint_rollback(beginning)
        for capture in captures(file):
            replay(app, capture)
            apply_all()
        one_by_one = dump()
        # Short ids are given out in another order.
        assert without_uid(one_by_one["profiles_appuser"]) == without_uid(at_once["profiles_appuser"])
        assert one_by_one["profiles_dailyactivity"] == at_once["profiles_dailyactivity"]
        assert {table: len(rows) for table, rows in one_by_one.items()} == {t: len(rows) for t, rows in at_once.items()}

    @pytest.mark.rule("order.shuffled")
    def test_is_the_same_in_any_order_of_arrival(self, app: App, file: str) -> None:
        beginning = transaction.savepoint()
        stamped = [capture for capture in captures(file) if str(capture) not in WITHOUT_STAMP]
        replay(app, *stamped)
        apply_all()
        in_order = picture_of(app)
        assert in_order["sessions"]
        for seed in range(3):
            transaction.savepoint_rollback(beginning)
            beginning = transaction.savepoint()
            replay(app, *random.Random(seed).sample(stamped, k=len(stamped)))
            apply_all()
            assert picture_of(app) == in_order, seed

    @pytest.mark.rule("retries.once")
    def test_changes_nothing_the_second_time(self, app: App, file: str) -> None:
        again = [c for c in captures(file) if str(c) not in WITHOUT_STAMP]
        replay(app, *captures(file))
        apply_all()
        before = dump()
        assert any(before.values())
        duplicates_before = IngestRequest.objects.filter(verdict=Verdict.DUPLICATE).count()
        replay(app, *again)
        apply_all()
        after = dump()
        for table in before:
            assert after[table] == before[table], table
        taken = [c for c in again if c.path != "/i/bulk" and str(c) != WRONGLY_SIGNED]
        assert IngestRequest.objects.filter(verdict=Verdict.DUPLICATE).count() - duplicates_before >= len(taken)


def picture_of(app: App) -> dict[str, list[Any]]:
    """Return what became of an app's requests, in whatever order they came.

    Without the numbers that were given out in the order of arrival.
    """
    users = {user.id: user for user in AppUser.objects.filter(app=app)}

    def rows(found: QuerySet[Any], *columns: str) -> list[Any]:
        return sorted(([users[row[0]].device_id, *row[1:]] for row in found.values_list("user_id", *columns)), key=repr)

    by_app = {"app_id": app.pk}
    return {
        "users": sorted(
            [u.device_id, u.is_identified, u.name, u.email, u.picture is None, u.platform, u.app_version, u.country]
            for u in users.values()
        ),
        "totals": rows(
            UserActivity.objects.filter(**by_app),
            "sessions_count",
            "total_seconds",
            "events_count",
            "crashes_count",
            "first_seen_at",
            "last_seen_at",
        ),
        "sessions": rows(
            Session.objects.filter(**by_app),
            "started_at",
            "ended_at",
            "duration_seconds",
            "app_version",
            "platform",
            "device",
            "country",
            "city",
        ),
        "events": rows(
            Event.objects.filter(**by_app),
            "key__key",
            "occurred_at",
            "count",
            "sum",
            "duration_seconds",
            "segmentation",
        ),
        "views left": rows(KeptViewEnd.objects.filter(user_id__in=users), "at", "name", "seconds", "visit_at"),
        "crashes": rows(Crash.objects.filter(**by_app), "occurred_at", "group__title", "group__is_fatal"),
        "consent": sorted([u.device_id, u.consent] for u in users.values()),
    }


def without_uid(rows: list[str]) -> list[dict[str, Any]]:
    users = [json.loads(row) for row in rows]
    return [{name: value for name, value in row.items() if name not in ("uid", "search_text")} for row in users]


class TestAndroid:
    """Its first start, with all that Android sends of itself."""

    @pytest.fixture
    def app(self) -> App:
        app_keys.forget()
        return create_app(name="Shop", key=KEYS["android-derived"])

    def test_first_start(self, app: App) -> None:
        replay(app, *lines("android-derived", 1, 2, 3))
        apply_all()
        profile, active = user(app, "d2f1c0ffee5a4b31"), activity(app, "d2f1c0ffee5a4b31")
        assert active.sessions_count == 1
        start = datetime.fromtimestamp(1732000000.010, UTC)
        assert [session.started_at for session in sessions(app, "d2f1c0ffee5a4b31")] == [start]
        assert active.first_seen_at == datetime.fromtimestamp(1732000000.003, UTC)
        assert active.last_seen_at == start
        assert profile.app_version == "1.4.2"
        assert (profile.platform, profile.platform_version) == ("Android", "14")
        assert (profile.device, profile.manufacturer, profile.device_type) == ("Pixel 8", "Google", "mobile")
        assert profile.carrier == "Lmt"
        assert (profile.locale, profile.language) == ("lv_LV", "lv")
        assert (profile.city, profile.country) == ("Rīga", "LV")
        assert (profile.latitude, profile.longitude) == (56.9496, 24.1052)
        assert profile.timezone_offset_minutes == 120
        assert (profile.sdk_name, profile.sdk_version) == ("java-native-android", "26.1.2")
        assert not profile.is_identified

    def test_whole_life(self, app: App) -> None:
        replay(app, *captures("android-derived"))
        apply_all()
        profile, active = user_of_merge(app, "d2f1c0ffee5a4b31", "customer 42")
        assert profile.name == "Anna Bērziņa"
        assert profile.email == "anna@example.com"
        assert (profile.gender, profile.birth_year, profile.phone) == ("F", 1990, None)
        assert profile.custom == {"plan": "pro", "visits": 1, "tags": ["ios", "vip"], "first_ref": "ad-7"}
        assert profile.is_identified
        assert active.sessions_count == 1
        assert active.total_seconds == 80
        assert active.crashes_count == 1
        assert profile.consent == {"sessions": True, "crashes": True, "push": False}


class TestIos:
    @pytest.fixture
    def app(self) -> App:
        app_keys.forget()
        return create_app(name="Shop", key=KEYS["ios-derived"])

    def test_whole_life(self, app: App) -> None:
        replay(app, *captures("ios-derived"))
        apply_all()
        profile, active = user_of_merge(app, "7E0F2C1A-5B3D-4C8E-9F10-223344556677", "user@example.com")
        assert profile.name == "John O'Hara"
        assert profile.custom == {"plan": "pro", "points": 0, "tags": ["a", "b"], "flag": True}
        assert (profile.device, profile.manufacturer, profile.platform) == ("iPhone15,2", "Apple", "iOS")
        assert (active.sessions_count, active.total_seconds, active.crashes_count) == (1, 64, 1)
        assert profile.country is None


def user_of_merge(app: App, old_device_id: str, new_device_id: str) -> tuple[AppUser, UserActivity]:
    """Give the one user that is left of two, by whichever key it goes on."""
    keys = [user_key(app.public_id, device_id) for device_id in (old_device_id, new_device_id)]
    profile = AppUser.objects.get(id__in=keys)
    assert profile.device_id == new_device_id
    return profile, UserActivity.objects.get(user_id=profile.id)


class TestNode:
    @pytest.mark.rule("details.modifiers")
    def test_modifiers_on_a_fresh_profile(self, app: App) -> None:
        replay(app, *lines("nodejs", 7))
        apply_all()
        device_id = "482b0339-dc5a-479e-a4aa-3035738a0c81"
        once = {
            "plan": "pro",
            "signup": "2024-01-01",
            "logins": 1,
            "credits": 5,
            "score": 0,
            "high": 100,
            "low": 3,
            "tags": ["a", "b"],
            "cats": ["IT"],
        }
        assert user(app, device_id).custom == once
        assert user(app, device_id).is_identified
        replay(app, *(shifted(capture, timedelta(hours=1)) for capture in lines("nodejs", 7)))
        apply_all()
        assert user(app, device_id).custom == once | {"logins": 2, "credits": 10, "tags": ["a", "b", "a", "b"]}

    def test_details_events_view_and_crash(self, app: App) -> None:
        """The name was given anew with the picture, in line 8."""
        replay(app, *lines("nodejs", *range(1, 12)))
        apply_all()
        device_id = "482b0339-dc5a-479e-a4aa-3035738a0c81"
        profile, active = user(app, device_id), activity(app, device_id)
        details = (profile.name, profile.username, profile.email, profile.organization, profile.phone)
        assert details == ("Picture User", "ar2rsawseen", "test@test.com", "Countly", "+37112345678")
        assert (profile.gender, profile.birth_year) == ("M", 1987)
        assert profile.picture
        assert profile.custom["key3"] == ["x", "y"]
        assert profile.custom["flag"] is True
        assert (profile.country, profile.city) == ("US", "Portland")
        assert (profile.platform, profile.app_version, profile.device) == ("Linux", "1.2.3", "Test Server")
        [bought] = events(app, device_id, "in_app_purchase")
        assert (bought.count, bought.sum, bought.duration_seconds) == (3, 2.97, 300)
        assert bought.segmentation == {"app_version": "1.0", "country": "Türkiye & co", "tags": ["a", "b"], "vip": True}
        [timed] = events(app, device_id, "timed")
        assert timed.duration_seconds == 1
        views = events(app, device_id, "[CLY]_view")
        assert [(view.segmentation or {}).get("name") for view in views] == ["Home", "Settings"]
        assert views[0].duration_seconds == 2
        assert active.crashes_count == 1
        crash = Crash.objects.get()
        assert crash.app_version == "1.2.3"

    @pytest.mark.rule("merge.with_and_without")
    def test_ids_change_with_and_without_a_merge(self, app: App) -> None:
        replay(app, *lines("nodejs", *range(1, 22)))
        apply_all()
        merged, active = user_of_merge(app, "482b0339-dc5a-479e-a4aa-3035738a0c81", "user-42")
        assert merged.name == "Picture User"
        assert (active.sessions_count, active.total_seconds) == (1, 8)
        [merge] = Merge.objects.all()
        assert merge.absorbed_device_id == "482b0339-dc5a-479e-a4aa-3035738a0c81"
        other = activity(app, "user-43")
        assert (other.sessions_count, other.total_seconds) == (1, 5)

    @pytest.mark.rule("sessions.retried_begin")
    def test_a_retried_begin_is_one_session(self, app: App) -> None:
        replay(app, *(capture for capture in captures("nodejs") if capture.device_id == "retry-device"))
        apply_all()
        assert activity(app, "retry-device").sessions_count == 1
        assert IngestRequest.objects.filter(verdict=Verdict.DUPLICATE).count() == 2

    @pytest.mark.rule("consent.never_blocks")
    def test_consent_and_no_place(self, app: App) -> None:
        replay(app, *(capture for capture in captures("nodejs") if capture.device_id == "consent-device"))
        apply_all()
        profile = user(app, "consent-device")
        assert profile.consent["events"] is True
        assert profile.consent["star-rating"] is False
        assert (profile.country, profile.city) == (None, None)

    @pytest.mark.rule("bulk.captured")
    def test_bulk(self, app: App) -> None:
        replay(app, *(capture for capture in captures("nodejs") if capture.path == "/i/bulk"))
        apply_all()
        profile = user(app, "bulk-user-1")
        assert (profile.name, profile.custom) == ("Bulk User", {"tier": "gold"})
        assert len(events(app, "bulk-user-1", "Test")) == 2
        assert activity(app, "bulk-user-1").total_seconds == 120

    def test_items_without_a_stamp_count_again(self, app: App) -> None:
        odd = lines("nodejs", 35)
        replay(app, *odd, *odd)
        apply_all()
        verdicts = Counter(IngestRequest.objects.values_list("verdict", flat=True))
        assert verdicts[Verdict.DUPLICATE] == 2
        assert verdicts.total() == 8
        assert activity(app, "bulk-user-1").total_seconds == 120


class TestWeb:
    @pytest.fixture
    def app(self) -> App:
        app_keys.forget()
        return create_app(name="Site", key=KEYS["web"])

    def test_a_visitor_who_signs_in(self, app: App) -> None:
        replay(app, *captures("web"))
        apply_all()
        profile, active = user_of_merge(app, "bca46356-be2b-4ce8-8691-e6a36bf1b704", "web-user-1")
        assert (profile.name, profile.email, profile.gender, profile.birth_year) == ("Web User", "w@x.y", "F", 1990)
        assert profile.custom["plan"] == "free"
        assert profile.custom["utm_source"] == "news"
        assert "utm_term" not in profile.custom
        assert (profile.country, profile.city) == ("DE", "Berlin")
        assert profile.browser
        assert (active.sessions_count, active.crashes_count) == (1, 1)
        assert Merge.objects.count() == 1

    @pytest.mark.rule("sessions.web_without_cookie")
    def test_without_a_cookie_each_ping_begins_a_session(self, app: App) -> None:
        replay(app, *(capture for capture in captures("web") if capture.device_id == "web-consent"))
        apply_all()
        begun = sum(b"begin_session" in c.body for c in captures("web") if c.device_id == "web-consent")
        assert activity(app, "web-consent").sessions_count == begun > 1


class TestSalt:
    def test_salted_devices_are_let_in_with_the_right_salt_only(self, app: App) -> None:
        salted = [c for c in captures("nodejs") if c.is_salted and str(c) != WRONGLY_SIGNED]
        use_salt(app, "another salt")
        for capture in salted:
            assert send(Client(), capture).json == {"result": "Request does not match checksum"}
        assert not InboxRequest.objects.exists()
        replay(app, *salted)
        apply_all()
        assert user(app, "salted-device").name == "Pic"
        assert user(app, "salted-device").custom == {"a": 1}

    @pytest.mark.rule("answers.no_checksum")
    def test_an_unsigned_request_is_turned_away_with_200(self, app: App) -> None:
        use_salt(app, SALT)
        answered = send(Client(), lines("nodejs", 1)[0])
        assert (answered.status, answered.json) == (200, {"result": "Request does not have checksum"})
        assert not InboxRequest.objects.exists()

    def test_shifted_ones_are_signed_anew(self, app: App) -> None:
        salted = [shifted(c, timedelta(days=-2)) for c in captures("nodejs") if c.is_salted]
        assert [answered.json for answered in replay(app, *salted)] == [{"result": "Success"}] * len(salted)


class TestOffline:
    """Begin at T, a minute, a quarter, end; begin an hour later: all of it delivered within a second."""

    @pytest.mark.rule("sessions.offline")
    def test_an_hour_is_two_sessions(self, app: App) -> None:
        start = NOW - timedelta(hours=3)
        parts: list[tuple[float, dict[str, Any]]] = [
            (0, {"begin_session": 1, "metrics": json.dumps({"_os": "iOS"})}),
            (60, {"session_duration": 60}),
            (75, {"session_duration": 15, "end_session": 1}),
            (3600, {"begin_session": 1, "metrics": json.dumps({"_os": "iOS"})}),
        ]
        client = Client()
        for seconds, what in parts:
            stamp = round((start + timedelta(seconds=seconds)).timestamp() * 1000)
            sent = {"app_key": app.key, "device_id": "offline", "timestamp": stamp, **what}
            assert client.get(f"/i?{urlencode(sent)}").json() == {"result": "Success"}
        apply_all()
        first, second = sessions(app, "offline")
        assert (first.started_at, first.duration_seconds) == (start, 75)
        assert first.ended_at == start + timedelta(seconds=75)
        assert (second.started_at, second.duration_seconds) == (start + timedelta(hours=1), 0)
        assert activity(app, "offline").total_seconds == 75


@pytest.mark.rule("metrics.names")
def test_devices_browsers_and_countries_are_those_of_the_captures() -> None:
    app_keys.forget()
    apps = {key: create_app(name="Captured", key=key) for key in dict.fromkeys(KEYS.values())}
    for file in FILES:
        replay(apps[KEYS[file]], *captures(file))
        apply_all()
    assert look_up_device_names(NOW) == 3
    rows = AppUser.objects.filter(app__in=apps.values()).order_by("app_id", "device_id")
    columns = (
        "device_id",
        "platform",
        "platform_version",
        "device",
        "device_name",
        "device_type",
        "browser",
        "country",
    )
    server = ("Linux", "6.1.0", "Test Server", None, "desktop", None)
    chromium = ("Linux", None, None, None, "desktop", "Chromium")  # which the metrics say; the user agent says Chrome
    assert list(rows.values_list(*columns)) == [
        ("bulk-user-1", "Android", "13", None, None, None, None, None),
        ("consent-device", *server, None),
        ("retry-device", *server, None),
        ("salted-device", *[None] * 7),  # its begin is the request with the faulty checksum
        ("user-42", *server, "US"),
        ("user-43", *server, "US"),
        ("web-consent", *chromium, None),
        ("web-fail", *chromium, None),
        ("web-pic", *[None] * 7),
        ("web-salted", *chromium, None),
        ("web-user-1", *chromium, "DE"),
        ("web-user-2", *chromium, "DE"),
        ("customer 42", "Android", "14", "Pixel 8", None, "mobile", None, None),  # which is its name as well
        ("user@example.com", "iOS", "17.2", "iPhone15,2", "iPhone 14 Pro", "mobile", None, None),
    ]


PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
    " Mobile Safari/537.36"
)


@pytest.mark.rule("metrics.names")
@pytest.mark.parametrize("is_in_metrics", [True, False])
def test_what_a_browser_does_not_say_is_in_its_user_agent(is_in_metrics: bool) -> None:
    app_keys.forget()
    app = create_app(name="Captured", key=KEYS["web"])
    [begin] = lines("web", 4)
    header = next(value for name, value in begin.headers if name == "User-Agent")
    metrics = json.dumps({"_app_version": "2.0"} | ({"_ua": PHONE} if is_in_metrics else {}))
    body = re.sub(rb"metrics=[^&]*", b"metrics=" + quote(metrics).encode(), begin.body)
    body = re.sub(rb"(country_code|city)=[^&]*", b"x=", body) + b"&ip_address=8.8.8.8"
    agent = header if is_in_metrics else PHONE
    headers = tuple((name, agent if name == "User-Agent" else value) for name, value in begin.headers)
    replay(app, replace(begin, body=body, headers=headers))
    apply_all()
    look_up_device_names(NOW)
    found = user(app, begin.device_id)
    assert (found.platform, found.platform_version, found.device) == ("Android", "14", "SM-S921B")
    assert found.device_name == "Samsung Galaxy S24"
    assert (found.device_type, found.browser, found.browser_version) == ("mobile", "Chrome Mobile", "142.0")
    assert found.country == "US"
