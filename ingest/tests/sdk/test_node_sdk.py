"""Countly's Node SDK, unchanged, against a listening server: what the app said is what the profile holds."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from PIL import Image
from pytest_django.fixtures import Settings

from ingest import app_keys, inbox
from ingest.models import InboxRequest, IngestRequest
from ingest.tests.sdk.conftest import Scenario, apply_all
from profiles import pictures
from profiles.access.models import App
from profiles.activity.models import Event, Session
from profiles.crashes.models import Crash
from profiles.users.keys import user_key
from profiles.users.models import AppUser, Merge, UserActivity

pytestmark = pytest.mark.slow

DEVICE = "node-1"


def user(app: App, device_id: str = DEVICE) -> AppUser:
    return AppUser.objects.get(app_id=app.pk, device_id=device_id)


def activity(app: App, device_id: str = DEVICE) -> UserActivity:
    return UserActivity.objects.get(user_id=user(app, device_id).id)


def sessions(app: App, device_id: str = DEVICE) -> list[Session]:
    return list(Session.objects.filter(user_id=user(app, device_id).id).order_by("started_at"))


def events(app: App, key: str, device_id: str = DEVICE) -> list[Event]:
    return list(Event.objects.filter(user_id=user(app, device_id).id, key__key=key).order_by("occurred_at", "id"))


class TestEverything:
    @pytest.fixture(autouse=True)
    def sent(self, run_node: Scenario, app: App) -> datetime:
        before = datetime.now(UTC)
        run_node("everything")
        assert apply_all() > 5
        return before

    def test_all_of_it(self, app: App, sent: datetime) -> None:
        """One run of the SDK, looked at from all sides: starting Node for each would take longer than it tells."""
        self.check_details(app)
        self.check_device(app)
        self.check_activity(app, sent)
        self.check_events(app)
        self.check_views(app)
        self.check_crash(app)
        assert not IngestRequest.objects.exclude(verdict=IngestRequest.Verdict.APPLIED).exists()

    def check_details(self, app: App) -> None:
        profile = user(app)
        details = [profile.name, profile.username, profile.email, profile.organization, profile.phone]
        assert details == ["Ayşe Yılmaz", "ayse", "ayse@example.com", "Kahve", "+90 555 0100"]
        assert (profile.picture, profile.gender, profile.birth_year) == ("https://example.com/a.png", "F", 1990)
        assert profile.custom == {
            "text": "O'Hara <b>\"&",
            "number": 42,
            "float": 1.5,
            "list": ["x", "y"],
            "yes": True,
            "no": False,
        }
        assert profile.is_identified

    def check_device(self, app: App) -> None:
        profile = user(app)
        assert (profile.platform, profile.platform_version, profile.device) == ("Linux", "6.1", "Test Server")
        assert (profile.resolution, profile.carrier, profile.density) == ("1920x1080", "Vodafone", "2.00")
        assert (profile.locale, profile.language, profile.app_version) == ("tr_TR", "tr", "1.2.3")
        assert (profile.device_type, profile.source) == ("desktop", "npm")
        assert (profile.sdk_name, profile.sdk_version) == ("javascript_native_nodejs", "24.10.4")
        assert (profile.country, profile.city) == ("TR", "İzmir")
        assert profile.device_id_type == 0

    def check_activity(self, app: App, before: datetime) -> None:
        active = activity(app)
        assert (active.sessions_count, active.total_seconds, active.crashes_count) == (1, 75, 1)
        [session] = sessions(app)
        assert session.duration_seconds == 75
        assert before <= session.started_at <= datetime.now(UTC)
        assert session.ended_at is not None
        assert active.last_seen_at is not None
        assert timedelta() <= active.last_seen_at - session.ended_at < timedelta(seconds=1)

    def check_events(self, app: App) -> None:
        [purchase] = events(app, "purchase")
        assert (purchase.count, purchase.sum, purchase.duration_seconds) == (3, 2.97, 12.5)
        assert purchase.segmentation == {
            "product": "Türk Kahvesi & lokum",
            "quantity": 2,
            "tags": ["a", "b"],
            "gift": True,
            "price": 0.99,
        }
        [login] = events(app, "login")
        assert (login.count, login.sum) == (1, None)
        [brewing] = events(app, "brewing")
        assert brewing.duration_seconds in (2, 3)
        assert brewing.segmentation == {"method": "cezve"}
        assert events(app, "given_up") == []

    def check_views(self, app: App) -> None:
        home, settings = events(app, "[CLY]_view")
        assert home.segmentation is not None
        assert settings.segmentation is not None
        assert (home.segmentation["name"], home.segmentation["plan"]) == ("Home", "pro")
        assert home.duration_seconds in (2, 3)
        assert settings.segmentation["name"] == "Settings"

    def check_crash(self, app: App) -> None:
        crash = Crash.objects.get(user_id=user(app).id)
        assert crash.app_version == "1.2.3"
        assert crash.report["custom"] == {"screen": "checkout"}
        assert "TypeError: Cannot read properties of null" in str(crash.texts)
        assert "opened the app" in str(crash.texts)
        assert not crash.group.is_fatal


def test_a_session_that_the_sdk_keeps_alive(run_node: Scenario, app: App) -> None:
    run_node("automatic")
    apply_all()
    [session] = sessions(app)
    assert session.duration_seconds in (3, 4)
    assert session.ended_at is not None
    assert activity(app).total_seconds == session.duration_seconds


def test_the_rest(run_node: Scenario, app: App) -> None:
    run_node("the_rest")
    apply_all()
    assert user(app).campaign == {"id": "spring", "user": "visitor 7"}
    [rating] = events(app, "[CLY]_star_rating")
    said = rating.segmentation or {}
    assert (said["widget_id"], said["rating"], said["comment"], said["platform"]) == ("w1", 4, "Strong", "undefined")
    assert len(events(app, "as_another", "set by the app")) == 1  # no merge: the app had named the first one as well
    assert not IngestRequest.objects.exclude(verdict=IngestRequest.Verdict.APPLIED).exists()


def test_modifiers(run_node: Scenario, app: App) -> None:
    run_node("modifiers")
    apply_all()
    assert user(app).custom == {
        "plan": "pro",
        "first_seen": "free",
        "logins": 2,
        "points": 12,
        "score": 12,
        "highest": 70,
        "lowest": 5,
        "history": ["pro"],
        "tags": ["coffee"],
    }


def test_ids_with_and_without_a_merge(run_node: Scenario, app: App) -> None:
    run_node("identity")
    apply_all()
    customer = user(app, "customer 42")
    assert customer.name == "Anonymous no more"
    assert AppUser.objects.filter(app_id=app.pk).count() == 2
    [merge] = Merge.objects.all()
    assert (merge.user_id, merge.absorbed_device_id) == (customer.id, DEVICE)
    [before] = events(app, "before_login", "customer 42")
    assert before.original_user_id == user_key(app.public_id, DEVICE)
    assert len(events(app, "after_login", "customer 42")) == 1
    assert activity(app, "customer 42").sessions_count == 1
    assert len(events(app, "other_person", "someone else")) == 1
    assert activity(app, "someone else").sessions_count == 1
    assert user(app, "someone else").name is None


def test_consent(run_node: Scenario, app: App) -> None:
    run_node("consent")
    apply_all()
    profile = user(app)
    assert {feature for feature, is_given in profile.consent.items() if is_given} == {"sessions", "events", "users"}
    assert profile.consent["crashes"] is False
    assert profile.name == "Willing"
    assert len(events(app, "allowed")) == 1
    assert not Event.objects.filter(app_id=app.pk, key__key__startswith="not_allowed").exists()
    assert activity(app).sessions_count == 1
    assert (profile.country, profile.city) == (None, None)


def test_remote_config(run_node: Scenario, app: App) -> None:
    assert run_node("remote_config") == {"error": False, "configuration": {}}
    apply_all()
    assert activity(app).sessions_count == 0


class TestOffline:
    def test_a_queue_survives_a_restart_and_hours(self, run_node: Scenario, app: App, tmp_path: Path) -> None:
        storage = str(tmp_path / "storage.json")
        started = datetime.now(UTC)
        queued = run_node("offline", url="http://127.0.0.1:9", storage=storage)
        assert queued["waiting"] >= 5
        assert not InboxRequest.objects.exists()
        assert run_node("online", storage=storage) == {"waiting": 0}
        apply_all()
        first, second = sessions(app)
        assert (first.duration_seconds, second.duration_seconds) == (75, 10)
        assert abs(first.started_at - (started - timedelta(hours=2))) < timedelta(seconds=20)
        assert abs(second.started_at - (started - timedelta(hours=1))) < timedelta(seconds=20)
        assert activity(app).total_seconds == 85
        [tunnel] = events(app, "in_the_tunnel")
        assert first.started_at < tunnel.occurred_at <= first.started_at + timedelta(seconds=61)
        assert len(events(app, "back_again")) == 1

    def test_a_failing_database_costs_nothing(
        self, run_node: Scenario, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original, refusals = inbox.append, iter(range(2))

        def append(arrivals: Any) -> None:
            if next(refusals, None) is not None:
                raise OperationalError("the database is away")
            original(arrivals)

        monkeypatch.setattr(inbox, "append", append)
        run_node("modifiers")
        apply_all()
        assert user(app).custom["logins"] == 2
        assert next(refusals, None) is None

    def test_an_answer_that_was_lost_counts_once(
        self, run_node: Scenario, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stored, but the SDK never heard of it: it sends the request again."""
        original, lost = inbox.append, iter(range(2))

        def append(arrivals: Any) -> None:
            original(arrivals)
            if next(lost, None) is not None:
                raise OperationalError("the connection is gone")

        monkeypatch.setattr(inbox, "append", append)
        run_node("modifiers")
        apply_all()
        assert user(app).custom["logins"] == 2
        assert IngestRequest.objects.filter(verdict=IngestRequest.Verdict.DUPLICATE).count() == 2


def test_a_fatal_crash_arrives_with_the_next_start(run_node: Scenario, app: App, tmp_path: Path) -> None:
    storage = str(tmp_path / "storage.json")
    run_node("crash", exit_code=1, storage=storage)
    run_node("online", storage=storage)
    apply_all()
    crash = Crash.objects.get(user_id=user(app).id)
    assert crash.group.is_fatal
    assert "RangeError: no cups left" in str(crash.texts)
    assert "about to fail" in str(crash.texts)


def test_long_queues_are_posted_in_batches(run_node: Scenario, app: App) -> None:
    run_node("long")
    apply_all()
    assert [len(events(app, f"event_{i}")) for i in range(3)] == [40, 40, 40]
    assert user(app).custom == {"it's": "a 'quoted' ~value~ (here)! + 100 %"}


class TestSalt:
    @pytest.fixture(autouse=True)
    def salted(self, app: App) -> None:
        app.salt = "sodiumchloride"
        app.save()
        app_keys.forget()

    @pytest.mark.parametrize("scenario", ["modifiers", "long"])
    def test_signed_requests_are_taken(self, run_node: Scenario, app: App, scenario: str) -> None:
        run_node(scenario, salt="sodiumchloride")
        assert apply_all() > 1
        assert user(app).custom

    def test_a_picture_is_signed_too(self, run_node: Scenario, app: App, tmp_path: Path, settings: Settings) -> None:
        settings.MEDIA_ROOT = tmp_path / "media"
        picture = tmp_path / "me.png"
        Image.new("RGB", (300, 200), "teal").save(picture)
        run_node("picture", salt="sodiumchloride", picture=str(picture))
        apply_all()
        assert user(app).name == "Pic"
        assert pictures.load(app.public_id, pictures.name_in(user(app).picture)) is not None

    def test_another_salt_stores_nothing_and_blocks_nothing(self, run_node: Scenario) -> None:
        run_node("modifiers", salt="pepper")
        assert not InboxRequest.objects.exists()


@pytest.mark.parametrize("salt", ["", "sodiumchloride"])
def test_bulk(run_node: Scenario, app: App, salt: str) -> None:
    App.objects.update(salt=salt)
    app_keys.forget()
    at = int(time.time() * 1000) - 600_000
    run_node("bulk", at=at, salt=salt)
    apply_all()
    profile = user(app, "bulk-1")
    assert (profile.name, profile.custom, profile.platform) == ("Bulk User", {"tier": "gold"}, "Android")
    assert (profile.country, profile.city) == ("LV", "Rīga")
    active = activity(app, "bulk-1")
    assert (active.sessions_count, active.total_seconds) == (1, 90)
    [session] = sessions(app, "bulk-1")
    assert session.started_at == datetime.fromtimestamp(at // 1000, UTC)
    assert [e.segmentation for e in events(app, "imported", "bulk-1")] == [{"row": 1}, {"row": 2}]
    assert activity(app, "bulk-2").sessions_count == 1
    assert user(app, "bulk-2").sdk_name == "javascript_native_nodejs_bulk"
