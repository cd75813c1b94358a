"""What the boxes about the user say."""

from datetime import UTC, datetime, timedelta

import pytest

from profiles.tests.factories import make_app, make_property_change, make_user
from profiles.users import boxes
from profiles.users.models import ConsentChange, Identity, Merge

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_earlier_values_leave_the_present_one_out() -> None:
    app = make_app()
    user = make_user(app, custom={"plan": "pro"}, email="new@kahve.test")
    for days, value in ((3, "free"), (2, None), (1, "pro")):
        make_property_change(user, "custom.plan", value, NOW - timedelta(days=days))
    make_property_change(user, "email", "old@kahve.test", NOW - timedelta(days=9))
    make_property_change(user, "email", "new@kahve.test", NOW - timedelta(days=8))

    (plan,) = boxes.properties_box(app, user, NOW).groups[0].properties
    assert [(one.value.text, one.is_deletion) for one in plan.earlier] == [("null", True), ("free", False)]
    person = boxes.details_box(app, user, NOW).groups[0].facts
    (email,) = [fact for fact in person if fact.label == "E-mail"]
    assert [one.value.text for one in email.earlier] == ["old@kahve.test"]


def test_what_comes_from_facebook_has_a_group_of_its_own() -> None:
    app = make_app()
    user = make_user(app, custom={"zip": 1, "fb_id": "1", "Facebook_link": "x", "plan": "pro"})
    first, facebook = boxes.properties_box(app, user, NOW).groups
    assert [one.name for one in first.properties] == ["plan", "zip"]
    assert facebook.name == "Facebook"
    assert [one.name for one in facebook.properties] == ["Facebook_link", "fb_id"]


def test_times_come_from_the_memory_of_the_property() -> None:
    app = make_app()
    times = {"custom.plan": [0, 1_700_000_000_000], "custom.broken": "no", "custom.far": [1, 10**30]}
    user = make_user(app, custom={"plan": 1, "broken": 1, "far": 1}, property_times=times)
    by_name = {one.name: one for one in boxes.properties_box(app, user, NOW).groups[0].properties}
    assert by_name["plan"].first_set_at is None
    assert by_name["plan"].last_set_at == datetime.fromtimestamp(1_700_000_000, tz=UTC)
    assert by_name["broken"].last_set_at is None
    assert by_name["far"].last_set_at is None


def test_unknown_and_zero_are_not_the_same() -> None:
    app = make_app()
    facts = {fact.label: fact for group in boxes.details_box(app, make_user(app), NOW).groups for fact in group.facts}
    assert facts["Sessions"].text == "0"
    assert facts["Average session"].text == ""
    assert facts["Last seen"].at is None
    assert facts["Organization"].text == ""


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "UTC+0"), (180, "UTC+3"), (330, "UTC+5:30"), (-210, "UTC−3:30"), (None, "")]
)
def test_offsets_are_named(minutes: int | None, text: str) -> None:
    assert boxes.zone_text(minutes) == text


def test_devices_are_the_present_one_and_those_that_joined() -> None:
    app = make_app()
    user = make_user(app, "now")
    for number, name in enumerate(("one", "two")):
        Merge.objects.create(
            user_id=user.id,
            id=number,
            app=app,
            absorbed_id=user.id,
            absorbed_device_id=name,
            merged_at=NOW,
            applied_at=NOW,
            undone_at=NOW if name == "two" else None,
        )
    Identity.objects.create(device_key=user.id, until=NOW, user_id=user.id, app=app, device_id="inherited", merge_id=1)
    devices = boxes.devices_box(app, user, NOW).devices
    assert [device.device_id for device in devices] == ["now", "two", "one", "inherited"]
    assert [device.is_current for device in devices] == [True, False, False, False]
    assert devices[1].undone_at == NOW


def test_a_consent_is_as_old_as_its_last_change() -> None:
    app = make_app()
    user = make_user(app, consent={"push": True, "location": False})
    for days, changes in ((3, {"push": False, "location": False}), (1, {"push": True})):
        at = NOW - timedelta(days=days)
        ConsentChange.objects.create(
            user_id=user.id, changed_at=at, id=days, original_user_id=user.id, received_at=at, changes=changes
        )
    consents = {one.feature: one for one in boxes.consents_box(app, user, NOW).consents}
    assert consents["push"].since == NOW - timedelta(days=1)
    assert consents["location"].since == NOW - timedelta(days=3)
    assert not consents["location"].is_given


def test_somebody_is_online_while_the_session_goes_on() -> None:
    app = make_app()
    going_on = {"session_id": 1, "session_started_at": NOW, "session_ended_at": None}
    assert boxes.is_online(make_user(app, "a", seen_at=NOW, activity=going_on), NOW + timedelta(minutes=1))
    assert not boxes.is_online(make_user(app, "b", seen_at=NOW, activity=going_on), NOW + timedelta(hours=1))
    ended = going_on | {"session_ended_at": NOW}
    assert not boxes.is_online(make_user(app, "c", seen_at=NOW, activity=ended), NOW)
    assert not boxes.is_online(make_user(app, "d"), NOW)
