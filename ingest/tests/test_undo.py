"""Undoing a merge: as it was before, and, where data came meanwhile, as if there had been no merge."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from ingest.tests.sending import START, apply_all, event_keys_of, send, user_of
from ingest.tests.tables import RECEIPTS, dump
from profiles.access.models import App, AppTotals
from profiles.access.services import create_app
from profiles.activity import recounting
from profiles.activity.models import DailyActivity, Session
from profiles.crashes.models import AppCrashDay, CrashGroup, CrashUser
from profiles.identity.services import CannotMergeError, merge_by_hand
from profiles.identity.undoing import CannotUndoError, undo
from profiles.tests.factories import make_person
from profiles.users import services as user_services
from profiles.users.models import AppUser, DeviceToken, Merge

pytestmark = pytest.mark.django_db

_one_at_a_time = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_NOW = datetime(2100, 1, 1, tzinfo=UTC)  # later than whatever is received
_BOOKKEEPING = {"profiles_merge", "profiles_identity", "profiles_stale"}  # what a merge leaves behind on purpose

# Known by days only: of a device that was merged more than once they stay with the survivor.
_BY_DAY = {"profiles_crashedsession", "profiles_appcrashday"}


Sent = tuple[str, dict[str, Any]]

_parameters: list[dict[str, Any]] = [
    {"begin_session": 1, "metrics": {"_os": "Android", "_device": "Pixel 8", "_app_version": "1.0"}},
    {"session_duration": 10},
    {"end_session": 1},
    {"events": [{"key": "x"}, {"key": "y"}]},
    {"user_details": {"name": "Bo", "custom": {"plan": "pro"}}},
    {"user_details": {"name": "Elif", "email": "elif@kahve.test"}},
    {"user_details": {"custom": {"plan": "free", "tags": ["a"]}}},
    {"user_details": {"custom": {"plan": None}}},
    {"crash": {"_error": "Error: x\n at y (z.js:1:1)", "_os": "web", "_app_version": "1"}},
    {"consent": {"events": True}},
    {"token_session": 1, "android_token": "t1", "test_mode": 0},
    {"events": [{"key": "[CLY]_view", "segmentation": {"name": "Menu", "visit": 1}}]},
    {"events": [{"key": "[CLY]_view", "dur": 5, "segmentation": {"name": "Menu"}}]},
]
# Deleting what is not there leaves no trace of who did it, so it cannot be told apart again.
_told_apart = [one for one in _parameters if one != {"user_details": {"custom": {"plan": None}}}]
_sent = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(_told_apart))


@pytest.fixture
def alice() -> User:
    return make_person("alice")


def _settled() -> dict[str, list[str]]:
    """Give what counts of all tables; days of apps are kept in parts, whose sum it is that counts."""
    tables = {table: rows for table, rows in dump().items() if table not in {*RECEIPTS, *_BOOKKEEPING, *_BY_DAY}}
    days: Counter[str] = Counter()
    for row in map(json.loads, tables["profiles_appday"]):
        for name in ("users", "sessions"):
            days[f"{name} of {row['app_id']} on {row['on']}"] += row[name]
    return tables | {"profiles_appday": sorted(f"{name}: {count}" for name, count in days.items() if count)}


def _fold_again(app: App) -> None:
    """Fold interleaved sessions, which merges of SDKs leave as they were."""
    for row in user_services.load_activity(list(AppUser.objects.filter(app=app).values_list("id", flat=True))).values():
        recounting.fold_again(row, ZoneInfo(app.timezone))
        user_services.save_activity([row])


_histories = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.one_of(
            st.fixed_dictionaries({"old_device_id": st.sampled_from(["a", "b", "c"])}), st.sampled_from(_parameters)
        ),
    ),
    min_size=2,
    max_size=12,
)


@_one_at_a_time
@given(history=_histories)
def test_a_merge_and_its_undoing_leave_everything_as_it_was(alice: User, history: list[Sent]) -> None:
    app = create_app(name="Kahve")
    for at, (device_id, parameters) in enumerate(history):
        send(app, device_id, at, **parameters)
    apply_all()
    users = list(AppUser.objects.filter(app=app).order_by("device_id"))
    if len(users) < 2:
        return
    _fold_again(app)
    before = _settled()
    merge = merge_by_hand(survivor=users[0], absorbed=users[1], merged_by=alice, now=_NOW)
    assert AppUser.objects.filter(app=app).count() == len(users) - 1
    undo(app=app, merge=merge, undone_by=alice, now=_NOW)
    assert _settled() == before


def _deliver(history: list[tuple[int, Sent]], asks: int, *, is_merged: bool) -> App:
    """Send a history in which request number `asks`, of device a, asks to merge b into it, or does not."""
    app = create_app(name="Kahve")
    for number, (at, (device_id, parameters)) in enumerate(history):
        if number == asks:
            send(app, "a", at, events=[{"key": "asked"}], **({"old_device_id": "b"} if is_merged else {}))
        else:
            send(app, device_id, at, **_as_own(device_id, parameters))
        apply_all()
    return app


def _as_own(device_id: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Let no two devices send one text: a late value that is held already leaves no trace of who sent it."""
    if "consent" in parameters:
        return {"consent": {f"{feature} of {device_id}": given for feature, given in parameters["consent"].items()}}
    if "user_details" not in parameters:
        return parameters
    details = parameters["user_details"]
    said: dict[str, Any] = {
        name: f"{value} of {device_id}" for name, value in details.items() if isinstance(value, str)
    }
    custom = details.get("custom", {})
    said["custom"] = {name: f"{value} of {device_id}" if value else value for name, value in custom.items()}
    return parameters | {"user_details": said}


def _users(app: App) -> dict[str, dict[str, Any]]:
    """Return what the app's users are and did; somebody of whom nothing is known is nobody."""
    return {user.device_id: _user(app, user) for user in AppUser.objects.filter(app=app).select_related("activity")}


def _user(app: App, user: AppUser) -> dict[str, Any]:
    row = user.activity
    sessions = Session.objects.filter(user_id=user.id).order_by("started_at", "id")
    days = DailyActivity.objects.filter(user_id=user.id).order_by("on")
    return {
        "who": [user.name, user.email, user.custom, user.consent, user.is_identified, row.is_identified],
        "counts": [row.sessions_count, row.total_seconds, row.events_count, row.crashes_count],
        "events": event_keys_of(app, user),
        "sessions": [((s.started_at - START).total_seconds(), s.duration_seconds, s.ended_at) for s in sessions],
        "present": [row.session_started_at, row.session_ended_at, row.session_seconds, row.last_signal_at],
        "days": [(day.on, day.sessions, day.events, day.seconds) for day in days],
        "crashes": sorted(CrashUser.objects.filter(user_id=user.id).values_list("count", flat=True)),
        "tokens": DeviceToken.objects.filter(user_id=user.id).count(),
    }


def _app_counts(app: App) -> list[Any]:
    totals = AppTotals.objects.filter(app=app)
    groups = CrashGroup.objects.filter(app=app).values_list("occurrences_count", "users_count")
    return [sum(one.users for one in totals), sum(one.identified for one in totals), sorted(groups)]


@pytest.mark.rule("merge.undone")
@_one_at_a_time
@given(
    history=st.lists(st.tuples(st.integers(0, 90), _sent), min_size=3, max_size=12, unique_by=lambda sent: sent[0]),
    data=st.data(),
)
def test_undone_is_as_if_there_had_been_no_merge(
    alice: User, history: list[tuple[int, Sent]], data: st.DataObject
) -> None:
    asks = data.draw(st.integers(0, len(history) - 1), "number of the request that asks")
    merged, apart = (_deliver(history, asks, is_merged=is_merged) for is_merged in (True, False))
    merge = Merge.objects.filter(app=merged).first()
    if merge is None:
        return
    undo(app=merged, merge=merge, undone_by=alice, now=_NOW)
    found, expected = _users(merged), _users(apart)
    assert found == expected
    assert _app_counts(merged) == _app_counts(apart)


def test_what_comes_after_a_merge_by_hand_is_the_survivors_until_it_is_undone(alice: User) -> None:
    app = create_app(name="Kahve")
    for device_id in ("phone", "tablet"):
        send(app, device_id, 0, events=[{"key": f"first on {device_id}"}])
    apply_all()
    merge = merge_by_hand(survivor=user_of(app, "phone"), absorbed=user_of(app, "tablet"), merged_by=alice, now=_NOW)
    send(app, "tablet", 60, events=[{"key": "meanwhile"}])
    apply_all()
    assert event_keys_of(app, user_of(app, "phone")) == ["first on phone", "first on tablet", "meanwhile"]
    undo(app=app, merge=merge, undone_by=alice, now=_NOW)
    send(app, "tablet", 90, events=[{"key": "later"}])
    apply_all()
    assert event_keys_of(app, user_of(app, "phone")) == ["first on phone"]
    assert event_keys_of(app, user_of(app, "tablet")) == ["first on tablet", "meanwhile", "later"]


def test_it_refuses_what_cannot_be_done(alice: User) -> None:
    app = create_app(name="Kahve")
    for device_id in ("a", "b", "c"):
        send(app, device_id, 0, events=[{"key": "x"}])
    apply_all()
    a, b, c = (user_of(app, device_id) for device_id in ("a", "b", "c"))
    with pytest.raises(CannotMergeError):
        merge_by_hand(survivor=a, absorbed=a, merged_by=alice, now=_NOW)
    inner = merge_by_hand(survivor=b, absorbed=c, merged_by=alice, now=_NOW)
    outer = merge_by_hand(survivor=a, absorbed=b, merged_by=alice, now=_NOW)
    with pytest.raises(CannotMergeError):
        merge_by_hand(survivor=a, absorbed=c, merged_by=alice, now=_NOW)
    with pytest.raises(CannotUndoError):
        undo(app=app, merge=inner, undone_by=alice, now=_NOW)
    undo(app=app, merge=outer, undone_by=alice, now=_NOW)
    with pytest.raises(CannotUndoError):
        undo(app=app, merge=outer, undone_by=alice, now=_NOW)
    undo(app=app, merge=inner, undone_by=alice, now=_NOW)
    assert [len(event_keys_of(app, user_of(app, device_id))) for device_id in ("a", "b", "c")] == [1, 1, 1]


def test_days_with_crashes_are_apart_again(alice: User) -> None:
    app = create_app(name="Kahve")
    for device_id in ("a", "b"):
        send(app, device_id, 0, begin_session=1)
        send(
            app,
            device_id,
            5,
            crash={"_error": "java.lang.Error: x\n\tat a.B.c(B.java:1)", "_os": "Android", "_app_version": "1"},
        )
    apply_all()
    before = {table: dump()[table] for table in _BY_DAY}
    assert all(before.values())
    merge = merge_by_hand(survivor=user_of(app, "a"), absorbed=user_of(app, "b"), merged_by=alice, now=_NOW)
    undo(app=app, merge=merge, undone_by=alice, now=_NOW)
    after = dump()
    assert after["profiles_crashedsession"] == before["profiles_crashedsession"]
    days = AppCrashDay.objects.filter(app=app)
    assert (sum(day.users for day in days), sum(day.sessions for day in days)) == (2, 2)
