"""What becomes of people and devices, request by request, through each of the two doors and into the tables."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest

from ingest import app_keys, loop_door, pressure
from ingest.loop_door import LoopDoor
from ingest.models import IngestRequest
from ingest.tests import sending
from ingest.tests.sending import START, apply_all, event_keys_of, sessions_of, user_of
from ingest.tests.tables import RECEIPTS, dump
from ingest.tests.wire.minidumps import minidump
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.activity.models import Event, Session
from profiles.activity.querysets import span_of, with_spans
from profiles.crashes.handling import resolve
from profiles.crashes.models import Crash, CrashGroup, CrashUser
from profiles.users.models import AppUser, ConsentChange, DeviceToken, Merge, PropertyChange

pytestmark = pytest.mark.django_db

DAY = 86_400
AMERICAN_ADDRESS = "8.8.8.8"
FORM = {b"content-type": b"application/x-www-form-urlencoded", b"user-agent": b""}

Send = Callable[..., None]


@pytest.fixture
def app() -> App:
    return create_app(name="Kahve")


@pytest.fixture(params=["view", "event loop"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """Sends one request through one door: (app, device id, seconds after START, parameters)."""
    if request.param == "view":
        yield sending.send
        return
    with mock.patch.object(loop_door, "wake"):
        yield _send_to_loop


def _send_to_loop(app: App, device_id: str, at: float = 0.0, **parameters: Any) -> None:
    app_keys.find(app.key)
    pressure.current()
    values = {"app_key": app.key, "device_id": device_id}
    values["timestamp"] = str(int((START + timedelta(seconds=at)).timestamp() * 1000))
    values |= {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in parameters.items()}
    arrival = LoopDoor().take(b"/i", b"", FORM, urlencode(values).encode(), "10.0.0.7")
    assert arrival is not None
    assert LoopDoor().store([arrival]) == [True]


def crash(version: str) -> dict[str, Any]:
    return {
        "_error": "java.lang.IllegalStateException: no cup\n at com.kahve.Cup.fill(Cup.java:7)",
        "_os": "Android",
        "_app_version": version,
        "_nonfatal": False,
    }


class TestMergedFields:
    """Field by field, whichever of the two was there last."""

    @pytest.mark.rule("merge.fields")
    @pytest.mark.parametrize("is_phone_later", [False, True])
    def test_who_began_the_later_session_wins(self, app: App, send: Send, is_phone_later: bool) -> None:
        phone_at, elif_at = (1000, 0) if is_phone_later else (0, 1000)
        details: dict[str, Any] = {"name": "Phone", "email": "p@x.lv", "custom": {"a": 1, "both": "phone", "n": 5}}
        send(
            app,
            "phone",
            phone_at,
            begin_session=1,
            metrics={"_app_version": "1.0", "_carrier": "lmt", "_os": "Android", "_os_version": "14"},
            user_details=details,
            consent={"push": True, "views": True},
            events=[{"key": "x"}],
            crash=crash("1.0"),
        )
        send(app, "phone", phone_at + 60, session_duration=60)
        details = {"name": "Elif", "username": "elif", "custom": {"b": 2, "both": "elif", "n": 7}}
        send(
            app,
            "elif",
            elif_at,
            begin_session=1,
            metrics={"_app_version": "2.0"},
            user_details=details,
            consent={"push": False},
            events=[{"key": "y"}, {"key": "z"}],
        )
        send(app, "elif", elif_at + 30, session_duration=30, end_session=1)
        apply_all()
        uid = user_of(app, "elif").uid
        send(app, "elif", 2000, old_device_id="phone")
        apply_all()
        user = user_of(app, "elif")
        base = "phone" if is_phone_later else "elif"
        assert not AppUser.objects.filter(app=app, device_id="phone").exists()
        assert (user.uid, user.is_identified) == (uid, True)
        hot = user.activity
        assert (hot.sessions_count, hot.total_seconds, hot.events_count, hot.crashes_count) == (2, 90, 3, 1)
        assert (hot.first_seen_at, hot.last_seen_at) == (START, START + timedelta(seconds=2000))
        assert hot.session_started_at == START + timedelta(seconds=1000)
        assert hot.session_seconds == (60 if is_phone_later else 30)
        assert (hot.session_ended_at is None) is is_phone_later
        # Base wins, the other fills.
        assert user.name == base.capitalize()
        assert (user.email, user.username) == ("p@x.lv", "elif")
        assert user.app_version == ("1.0" if is_phone_later else "2.0")
        assert (user.carrier, user.platform, user.platform_version) == ("Lmt", "Android", "14")
        assert user.custom == {"a": 1, "b": 2, "both": base, "n": 5 if is_phone_later else 7}
        assert user.consent == {"push": is_phone_later, "views": True}
        # History comes along and still says whose it was.
        assert set(event_keys_of(app, user)) == {"x", "y", "z"}
        assert [row.count for row in CrashUser.objects.filter(user_id=user.id)] == [1]
        merge = Merge.objects.get(app=app)
        assert (merge.user_id, merge.absorbed_device_id) == (user.id, "phone")
        assert merge.survivor_before is not None
        assert merge.absorbed_before is not None

    @pytest.mark.rule("identity.former_names")
    def test_former_names_are_remembered(self, app: App, send: Send) -> None:
        for at, details in enumerate(
            ({"username": "elif87", "email": "a@x.lv"}, {"username": "elif"}, {"email": "b@x.lv"}, {"username": ""})
        ):
            send(app, "d", at, user_details=details)
        apply_all()
        assert user_of(app, "d").former_values.split("\n") == ["elif87", "a@x.lv", "elif"]


class TestChains:
    @pytest.mark.rule("merge.chains")
    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_chain_ends_in_one_whatever_arrives_first(self, app: App, send: Send, at_once: bool) -> None:
        requests: list[tuple[str, float, dict[str, Any]]] = [
            ("a", 0, {"begin_session": 1, "events": [{"key": "x"}]}),
            ("b", 5, {"old_device_id": "a", "events": [{"key": "y"}]}),
            ("c", 10, {"old_device_id": "b", "events": [{"key": "z"}]}),
        ]
        for order in permutations(requests):
            app = create_app(name="Kahve")
            for device_id, at, parameters in order:
                send(app, device_id, at, **parameters)
                if not at_once:
                    apply_all()
            apply_all()
            assert [user.device_id for user in AppUser.objects.filter(app=app)] == ["c"], order
            user = user_of(app, "c")
            assert event_keys_of(app, user) == ["x", "y", "z"]
            assert (user.activity.events_count, user.activity.sessions_count) == (3, 1)

    @pytest.mark.rule("merge.into_one_target")
    def test_two_merges_into_one_target_both_land(self, app: App, send: Send) -> None:
        for at, device_id in enumerate(("phone", "tablet", "elif")):
            send(app, device_id, at, begin_session=1)
        send(app, "elif", 10, old_device_id="phone")
        send(app, "elif", 11, old_device_id="tablet")
        apply_all()
        assert [user.device_id for user in AppUser.objects.all()] == ["elif"]
        assert user_of(app, "elif").activity.sessions_count == 3

    @pytest.mark.rule("retries.whole_queue")
    def test_a_whole_queue_sent_again_changes_nothing(self, app: App, send: Send) -> None:
        requests: list[tuple[str, float, dict[str, Any]]] = [
            ("a", 0, {"begin_session": 1, "user_details": {"custom": {"n": {"$inc": 1}, "t": {"$push": "x"}}}}),
            ("a", 3, {"crash": crash("1.0"), "token_session": 1, "android_token": "t"}),
            ("b", 5, {"old_device_id": "a", "session_duration": 5}),
            ("b", 6, {"old_device_id": "b", "events": [{"key": "y"}]}),
            ("c", 10, {"old_device_id": "b", "end_session": 1}),
        ]
        for device_id, at, parameters in requests:
            send(app, device_id, at, rr=5, **parameters)
        apply_all()
        before = dump()
        for device_id, at, parameters in [*requests, *reversed(requests)]:
            send(app, device_id, at, rr=0, **parameters)
            apply_all()
        assert {table: rows for table, rows in dump().items() if table not in RECEIPTS} == before
        verdicts = IngestRequest.objects.filter(app=app).values_list("verdict", flat=True)
        assert sum(verdict == IngestRequest.Verdict.DUPLICATE for verdict in verdicts) == 2 * len(requests)


class TestPlace:
    @pytest.mark.rule("location.fix_outlives_address")
    def test_a_young_fix_outlives_an_address_and_an_old_one_does_not(self, app: App, send: Send) -> None:
        send(app, "d", 0, location="56.9, 24.1", country_code="LV", city="Riga")
        send(app, "d", 6 * DAY, begin_session=1, ip_address=AMERICAN_ADDRESS)
        apply_all()
        user = user_of(app, "d")
        assert (user.country, user.city, user.latitude, user.longitude) == ("LV", "Riga", 56.9, 24.1)
        send(app, "d", 8 * DAY, begin_session=1, ip_address=AMERICAN_ADDRESS)
        apply_all()
        user = user_of(app, "d")
        assert (user.country, user.city, user.latitude) == ("US", None, None)

    @pytest.mark.rule("location.address_at_begin", "location.opt_out")
    def test_an_address_counts_at_a_begin_and_only_for_what_was_not_said(self, app: App, send: Send) -> None:
        send(app, "event", 0, events=[{"key": "x"}], ip_address=AMERICAN_ADDRESS)
        send(app, "begin", 0, begin_session=1, ip_address=AMERICAN_ADDRESS)
        send(app, "said", 0, begin_session=1, ip_address=AMERICAN_ADDRESS, country_code="TR", city="Izmir")
        send(app, "out", 0, begin_session=1, ip_address=AMERICAN_ADDRESS, location="")
        send(app, "android", 0, begin_session=1, ip=AMERICAN_ADDRESS)
        apply_all()
        places = {user.device_id: (user.country, user.city) for user in AppUser.objects.all()}
        assert places == {
            "event": (None, None),
            "begin": ("US", None),
            "said": ("TR", "Izmir"),
            "out": (None, None),
            "android": (None, None),
        }


class TestTokens:
    @pytest.mark.rule("push.token_moves")
    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_token_has_one_owner_the_last(self, app: App, send: Send, at_once: bool) -> None:
        other = create_app(name="Other")
        for of, device_id, at in ((app, "a", 0), (other, "a", 0), (app, "b", 1)):
            send(of, device_id, at, token_session=1, android_token="same", token_provider="FCM")
            if not at_once:
                apply_all()
        apply_all()
        assert DeviceToken.objects.get(app=app).user_id == user_of(app, "b").id
        assert DeviceToken.objects.get(app=other).user_id == user_of(other, "a").id

    @pytest.mark.rule("push.token_moves", "merge.history")
    def test_a_merge_takes_the_tokens_along(self, app: App, send: Send) -> None:
        send(app, "a", 0, token_session=1, android_token="one")
        send(app, "b", 0, token_session=1, ios_token="two", test_mode=0)
        send(app, "b", 1, old_device_id="a")
        apply_all()
        assert {(t.token, t.user_id) for t in DeviceToken.objects.all()} == {
            ("one", user_of(app, "b").id),
            ("two", user_of(app, "b").id),
        }


@pytest.mark.rule("crash.version_upgrade")
def test_a_resolved_group_comes_back_with_a_newer_version_only(app: App, send: Send) -> None:
    for device_id in ("a", "b"):
        send(app, device_id, 0, crash=crash("1.9"))
    apply_all()
    group = CrashGroup.objects.get(app=app)
    resolve(group=group, version="1.9")

    def state() -> str:
        apply_all()
        return str(CrashGroup.objects.get(app=app).state)

    send(app, "a", 10, metrics={"_app_version": "1.10"})
    assert state() == "resolved"
    send(app, "b", 20, crash=crash("1.9"))
    assert state() == "resolved"
    send(app, "a", 30, crash=crash("1.10"))
    assert state() == "reoccurred"
    group = CrashGroup.objects.get(app=app)
    assert (group.occurrences_count, group.users_count, group.latest_version) == (4, 2, "1.10")


@pytest.mark.rule("crash.fatal_apart")
def test_one_stack_fatal_and_not_is_two_groups(app: App, send: Send) -> None:
    for at, nonfatal in enumerate((False, "true", True, "false")):
        send(app, "d", at, crash=crash("1") | {"_nonfatal": nonfatal})
    apply_all()
    groups = CrashGroup.objects.filter(app=app).order_by("is_fatal")
    assert [(group.is_fatal, group.occurrences_count) for group in groups] == [(False, 2), (True, 2)]


@pytest.mark.rule("crash.groups")
def test_numbers_and_lines_do_not_part_a_group(app: App, send: Send) -> None:
    for at, (device_id, line) in enumerate((("a", 7), ("a", 8), ("b", 9))):
        error = (
            f"java.lang.IllegalStateException: no cup {line}00 at 0x7f{line}\n at com.kahve.Cup.fill(Cup.java:{line})"
        )
        send(app, device_id, at, crash=crash("1") | {"_error": error})
    apply_all()
    group = CrashGroup.objects.get(app=app)
    assert (group.occurrences_count, group.users_count) == (3, 2)
    counts = {row.user_id: (row.count, row.last_at) for row in CrashUser.objects.filter(group=group)}
    assert counts == {
        user_of(app, "a").id: (2, START + timedelta(seconds=1)),
        user_of(app, "b").id: (1, START + timedelta(seconds=2)),
    }


@pytest.mark.rule("crash.native")
def test_minidumps_are_told_apart_by_where_they_crashed(app: App, send: Send) -> None:
    """Android's SDK puts the dump where others have the trace, and only says so in `_native_cpp`."""
    dumps = [minidump(base=0x1000), minidump(base=0x9000, library="/data/app/~~Zz==/lib/arm64/libshop.so")]
    dumps.append(minidump(offset=0x2222))
    for at, sent in enumerate(dumps):
        send(app, "d", at, crash=crash("1") | {"_error": sent, "_native_cpp": True})
    apply_all()
    groups = CrashGroup.objects.filter(app=app).order_by("-occurrences_count")
    assert [(group.title, group.culprit, group.occurrences_count) for group in groups] == [
        ("SIGSEGV", "libshop.so", 2),
        ("SIGSEGV", "libshop.so", 1),
    ]
    occurrence = Crash.objects.get(app=app, occurred_at=START)
    assert occurrence.texts["native_dump"] == dumps[0]
    assert "libshop.so" in occurrence.texts["error"]


@pytest.mark.rule("crash.plcrash")
def test_reports_of_plcrashreporter_are_told_apart_by_the_crashed_thread(app: App, send: Send) -> None:
    def report(main: str, crashed: str) -> str:
        return (
            "Incident Identifier: 1D3\nException Type:  SIGABRT\nCrashed Thread:  1\n\nThread 0:\n"
            f"0   Kahve   0x0000000104c5a1a8 -[{main}] + 40\n\n"
            f"Thread 1 Crashed:\n0   Kahve   0x0000000104c5a1a8 -[{crashed}] + 40\n"
            "1   UIKitCore   0x0000000000000001 -[UIView x] + 8\n"
        )

    shown = [report("Main run", "Cart pay"), report("Main wait", "Cart pay"), report("Main run", "Cup fill")]
    for at, error in enumerate(shown):
        apple = {"_error": error, "_os": "iOS", "_plcrash": True, "_executable_name": "Kahve"}
        send(app, "d", at, crash=crash("1") | apple)
    apply_all()
    groups = CrashGroup.objects.filter(app=app).order_by("-occurrences_count")
    assert [(group.culprit, group.occurrences_count) for group in groups] == [("-[Cart pay]", 2), ("-[Cup fill]", 1)]


@pytest.mark.rule("details.lasting")
def test_properties_last_until_they_are_set_again_or_deleted(app: App, send: Send) -> None:
    send(app, "d", 0, user_details={"custom": {"plan": "pro", "seat": 7}})
    send(app, "d", 1 * DAY, begin_session=1, user_details={"custom": {"seat": {"$expire": 60}}})
    send(app, "d", 100 * DAY, events=[{"key": "x"}])
    apply_all()
    assert user_of(app, "d").custom == {"plan": "pro", "seat": 7}
    send(app, "d", 101 * DAY, user_details={"custom": {"plan": "free", "seat": ""}})
    apply_all()
    assert user_of(app, "d").custom == {"plan": "free"}
    remembered = PropertyChange.objects.filter(user_id=user_of(app, "d").id).order_by("changed_at", "name")
    assert [((one.changed_at - START).days, one.name, one.value) for one in remembered] == [
        (0, "custom.plan", "pro"),
        (0, "custom.seat", 7),
        (101, "custom.plan", "free"),
        (101, "custom.seat", None),
    ]


@pytest.mark.rule("purchases.events")
def test_a_purchase_is_an_event_with_its_sum(app: App, send: Send) -> None:
    segmentation = {"productID": "beans", "quantity": 2, "price": 9.5, "currency": "EUR"}
    send(app, "d", 0, events=[{"key": "IAP", "count": 2, "sum": 19, "segmentation": segmentation}])
    apply_all()
    event = Event.objects.get(app=app)
    assert (event.key.key, event.count, event.sum, event.segmentation) == ("IAP", 2, 19, segmentation)


@pytest.mark.rule("location.switches")
@pytest.mark.parametrize("part", ["country", "city"])
def test_an_app_may_not_want_places_known(app: App, send: Send, part: str) -> None:
    setattr(app, f"keeps_{part}", False)
    app.save()
    app_keys.forget()
    send(app, "d", 0, begin_session=1, country_code="LV", city="Riga", location="56.9,24.1", ip_address="8.8.8.8")
    apply_all()
    user = user_of(app, "d")
    assert getattr(user, part) is None
    assert (user.country, user.city) in ((None, "Riga"), ("LV", None), (None, None))


@pytest.mark.rule("base.app_version")
def test_the_apps_version_is_that_of_the_metrics(app: App, send: Send) -> None:
    send(app, "d", 0, begin_session=1, av="9.9", session_id="1", dr=1, metrics={"_app_version": "1.2"})
    apply_all()
    assert user_of(app, "d").app_version == "1.2"


@pytest.mark.rule("sessions.begin_wins")
def test_a_request_that_begins_and_ends_begins(app: App, send: Send) -> None:
    send(app, "d", 0, begin_session=1, end_session=1, session_duration=4)
    send(app, "d", 60, session_duration=60)
    apply_all()
    assert sessions_of(app) == [(0, 64, False)]


@pytest.mark.rule("events.action")
def test_a_click_is_an_event(app: App, send: Send) -> None:
    segmentation = {"type": "click", "x": 3, "y": 4, "width": 100, "height": 200, "view": "/"}
    send(app, "d", 0, events=[{"key": "[CLY]_action", "segmentation": segmentation}])
    apply_all()
    assert Event.objects.get(app=app).segmentation == segmentation
    assert user_of(app, "d").activity.events_count == 1


@pytest.mark.rule("consent.history")
def test_only_changes_of_consent_are_remembered(app: App, send: Send) -> None:
    send(app, "d", 0, consent={"views": True, "push": False})
    send(app, "d", 1, consent={"views": True, "push": False})
    send(app, "d", 2, consent={"views": False, "push": False})
    apply_all()
    changes = ConsentChange.objects.order_by("changed_at")
    assert [((change.changed_at - START).total_seconds(), change.changes) for change in changes] == [
        (0, {"views": True, "push": False}),
        (2, {"views": False}),
    ]


@pytest.mark.rule("time.first_and_last")
def test_late_data_moves_first_times_back_and_never_last_ones(app: App, send: Send) -> None:
    send(app, "d", 5000, begin_session=1)
    apply_all()
    send(app, "d", 100, begin_session=1)
    apply_all()
    row = user_of(app, "d").activity
    seconds = [
        (at - START).total_seconds() for at in (row.first_seen_at, row.last_seen_at, row.session_started_at) if at
    ]
    assert (seconds, row.sessions_count) == ([100, 5000, 5000], 2)


@pytest.mark.rule("base.unknown")
def test_unknown_parameters_are_ignored(app: App, send: Send) -> None:
    send(app, "d", 0, begin_session=1, av="9", session_id=7, dr=1, hello="world", _proto_={"a": 1})
    apply_all()
    assert sessions_of(app) == [(0, 0, False)]
    assert user_of(app, "d").app_version is None
    assert IngestRequest.objects.get(app=app).verdict == IngestRequest.Verdict.APPLIED


@pytest.mark.rule("events.session")
def test_events_belong_to_the_session_that_they_happened_in(app: App, send: Send) -> None:
    send(app, "d", 5000, events=[{"key": "late"}])
    apply_all()
    assert sessions_of(app) == []
    send(app, "d", 1000, begin_session=1)
    send(app, "d", 60, end_session=1, session_duration=60)
    send(app, "d", 0, begin_session=1)
    stamp = int(START.timestamp() * 1000)
    keys = {"before": -5, "first": 30, "just after": 70, "between": 500, "second": 1010}
    events = [{"key": key, "timestamp": stamp + at * 1000} for key, at in keys.items()]
    send(app, "d", 1100, events=events)
    apply_all()
    inside = []
    for span in map(span_of, with_spans(Session.objects.filter(app=app)).order_by("started_at")):
        found = Event.objects.filter(app=app, occurred_at__gte=span.start, occurred_at__lt=span.end)
        inside.append(set(found.values_list("key__key", flat=True)))
    assert inside == [{"first", "just after"}, {"second"}]


class TestViews:
    @pytest.mark.rule("events.view_left_late")
    def test_a_view_left_after_the_end_belongs_to_its_visit(self, app: App, send: Send) -> None:
        visit = {"key": "[CLY]_view", "id": "v1", "segmentation": {"name": "Menu", "visit": 1, "start": 1}}
        leave = {"key": "[CLY]_view", "id": "v1", "dur": 12, "segmentation": {"name": "Menu"}}
        send(app, "d", 0, begin_session=1, events=[visit])
        send(app, "d", 12, end_session=1, session_duration=12)
        apply_all()
        send(app, "d", 13, events=[leave])
        apply_all()
        event = Event.objects.get(app=app)
        assert event.duration_seconds == 12
        assert sessions_of(app) == [(0, 12, True)]
        assert user_of(app, "d").activity.events_count == 1

    @pytest.mark.rule("identity.strays_of_a_change")
    def test_strays_of_a_change_of_id_are_neither_visits_nor_sessions(self, app: App, send: Send) -> None:
        """The old user's end and view come under the new id, just before its begin."""
        leave = {"key": "[CLY]_view", "dur": 9, "segmentation": {"name": "Menu"}}
        send(app, "new", 0, end_session=1, session_duration=9)
        send(app, "new", 0.5, events=[leave])
        send(app, "new", 1, begin_session=1)
        apply_all()
        assert sessions_of(app) == [(1, 0, False)]
        assert not Event.objects.filter(app=app).exists()
        assert user_of(app, "new").activity.total_seconds == 9
