"""What the API changes."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from profiles.access.models import App, AppErasure, AppTotals, AuditEntry
from profiles.access.querysets import user_totals
from profiles.api.documents import document_id
from profiles.api.tests.conftest import World
from profiles.crashes.models import CrashComment, CrashGroup
from profiles.funnels.models import Funnel
from profiles.users.models import AppUser, PropertyChange

pytestmark = pytest.mark.django_db


def user(device_id: str) -> AppUser:
    return AppUser.objects.select_related("activity").get(device_id=device_id)


def test_a_user_is_created(world: World) -> None:
    data = {"did": "dev-18", "name": "Bo", "cc": "NO", "byear": 1990, "custom": {"plan": "pro"}, "shoe": 42}
    text = world.alice.get("/i/app_users/create", data=data)["result"]
    made = user("dev-18")
    assert text.startswith('User Created: {"did":"dev-18","name":"Bo"')
    assert re.search(r'"_id":"([0-9a-f]{40})"', text)[1] == document_id(world.people.app, "dev-18")  # type: ignore[index]
    assert re.search(r'"uid":"(\w+)"', text)[1] == made.uid  # type: ignore[index]
    assert (made.name, made.country, made.birth_year) == ("Bo", "NO", 1990)
    assert made.custom == {"plan": "pro", "shoe": 42}
    assert made.is_identified
    assert made.activity.is_identified
    assert (user_totals(world.people.app).identified, user_totals(world.people.app).everybody) == (2, 3)
    assert world.alice.error("/i/app_users/create", data=data) == (400, "A user with this did exists already")
    assert user_totals(world.people.app).everybody == 3
    assert set(PropertyChange.objects.filter(user_id=made.id).values_list("name", "source")) == {
        ("name", "api"),
        ("birth_year", "api"),
        ("custom.plan", "api"),
        ("custom.shoe", "api"),
    }
    # As clients do next.
    assert world.alice.read("user_details", calculate="eventsTable", uid=made.uid, event="[CLY]_session", limit="1")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, 'Missing parameter "data"'),
        ("{", 'Could not parse parameter "data"'),
        ({}, 'Parameter "data" cannot be empty'),
        ({"name": "Bo"}, "Provide device_id as did property for data"),
        ({"did": "x", "_id": "1"}, "Based on app key and device_id"),
        ({"did": "x", "sc": 5}, "sc cannot be set"),
        ({"did": "x", "uid": "5"}, "uid is given out"),
        ({"did": "x", "byear": "old"}, "byear is a year"),
        ({"did": "x", "custom": {"a.b": 1}}, "a property's name"),
        ({"did": "x", "custom": {"a": "x" * 2000}}, "too long"),
        ({"did": "x\0"}, "character"),
    ],
)
def test_a_user_that_cannot_be_created(world: World, data: Any, text: str) -> None:
    status, said = world.alice.error("/i/app_users/create", **({} if data is None else {"data": data}))
    assert status == 400
    assert text in said
    assert AppUser.objects.filter(app=world.people.app).count() == 2


def test_users_are_changed(world: World) -> None:
    update = {"$set": {"custom.plan": "team", "name": "Mara L."}, "$inc": {"custom.age": 1}, "$push": {"tags": "a"}}
    answer = world.alice.get("/i/app_users/update", query={"uid": world.mara.uid}, update=update)
    assert answer == {"result": "User Updated", "count": 1}
    changed = user("dev-mara")
    assert (changed.name, changed.custom) == ("Mara L.", {"plan": "team", "age": 32, "tags": ["a"]})
    world.alice.get(
        "/i/app_users/update", query={"did": "dev-mara"}, update={"$unset": {"custom.plan": "", "name": ""}}
    )
    changed = user("dev-mara")
    assert (changed.name, changed.custom) == (None, {"age": 32, "tags": ["a"]})
    history = PropertyChange.objects.filter(user_id=changed.id, name="custom.plan").order_by("changed_at")
    assert [one.value for one in history] == ["team", None]


def test_a_changed_e_mail_is_still_found(world: World) -> None:
    world.alice.get("/i/app_users/update", query={"did": "dev-mara"}, update={"$set": {"email": "m@example.com"}})
    found = world.bob.read("user_details", sSearch="mara@example.com")["aaData"]
    assert [row["email"] for row in found] == ["m@example.com"]


def test_so_is_a_changed_user_name(world: World) -> None:
    for name in ("mara87", "mara"):
        world.alice.get("/i/app_users/update", query={"did": "dev-mara"}, update={"$set": {"username": name}})
    assert [row["uid"] for row in world.bob.read("user_details", sSearch="mara87")["aaData"]] == [world.mara.uid]


def test_somebody_who_gets_a_name_is_identified(world: World) -> None:
    world.alice.get("/i/app_users/update", query={"did": "dev-bo"}, update={"$set": {"name": "Bo"}})
    assert user("dev-bo").activity.is_identified
    assert user_totals(world.people.app).anonymous == 0


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"update": {"$set": {"name": "x"}}}, 'Missing parameter "query"'),
        ({"query": {"did": "dev-mara"}}, 'Missing parameter "update"'),
        ({"query": {"did": "dev-mara"}, "update": {}}, 'Parameter "update" cannot be empty'),
        ({"query": {}, "update": {"$set": {"name": "x"}}}, 'Parameter "query" cannot be empty'),
        ({"query": {"did": "no"}, "update": {"$set": {"name": "x"}}}, "No users matching criteria"),
        ({"query": {"sc": {"$gte": 0}}, "update": {"$set": {"name": "x"}}}, "more than one user"),
        ({"query": {"uid": "18"}, "update": {"name": "Bo"}}, 'Unkown modifier name in {"name":"Bo"} for {"uid":"18"}'),
        ({"query": {"uid": "1"}, "update": {"$rename": {"a": "b"}}}, "$rename"),
        ({"query": {"uid": "1"}, "update": {"$set": {"did": "b"}}}, "did cannot be set"),
        ({"query": {"uid": "1"}, "update": {"$inc": {"custom.a": "b"}}}, "needs a number"),
        ({"query": {"uid": "1"}, "update": {"$inc": {"name": 1}}}, "$set and $unset alone"),
    ],
)
def test_what_changes_nobody(world: World, asked: dict[str, Any], text: str) -> None:
    status, said = world.alice.error("/i/app_users/update", **asked)
    assert status == 400
    assert text in said
    assert user("dev-mara").name == "Mara Lind"


def test_users_are_deleted_only_when_meant(world: World) -> None:
    assert "cannot be empty" in world.alice.error("/i/app_users/delete", query={})[1]
    both = {"sc": {"$gte": 0}}
    assert world.alice.error("/i/app_users/delete", query=both)[1] == "This query would delete more than one user"
    assert world.alice.error("/i/app_users/delete", query=both, force="yes")[0] == 400
    assert world.alice.get("/i/app_users/delete", query={"did": "dev-bo"}) == {"result": "User deleted", "count": 1}
    assert world.alice.error("/i/app_users/delete", query={"did": "dev-bo"}) == (400, "No users matching criteria")
    assert world.alice.get("/i/app_users/delete", query=both, force="true")["count"] == 1
    assert not AppUser.objects.filter(app=world.people.app).exists()
    assert sum(AppTotals.objects.filter(app=world.people.app).values_list("users", flat=True)) == 0
    assert AuditEntry.objects.filter(app=world.people.app, action="deleted").count() == 2


def test_a_funnel_from_its_making_to_its_end(world: World) -> None:
    steps = ["view_item", "buy"]
    queries = ["{}", {"sg.plan": {"$in": ["pro"]}, "sg.price": {"$gte": 3}}]
    id_ = world.alice.get("/i/funnels/add", funnel_name="Pay", steps=steps, queries=queries)["result"]
    assert re.fullmatch(r"[0-9a-f]{32}", id_)
    made = world.bob.read("get_funnel", funnel=id_)
    assert (made["name"], made["steps"], made["type"]) == ("Pay", steps, "session-independent")
    assert made["queries"] == ["{}", '{"sg.plan":{"$eq":"pro"},"sg.price":{"$gte":"3"}}']
    assert {one["_id"] for one in world.bob.read("get_funnels")} == {world.funnel.public_id, id_}
    full = world.bob.read("get_funnels", outputFormat="full", sSearch="pay")
    assert (full["iTotalRecords"], full["favTotal"]) == (1, [{"value": 0}])
    changed = {id_: {"funnel_name": "Pay!", "funnel_type": "same-session", "steps": '["buy","view_item"]'}}
    assert world.alice.get("/i/funnels/edit", funnel_map=changed) == {"result": "Success"}
    again = world.bob.read("get_funnel", funnel=id_)
    assert (again["name"], again["type"], again["steps"]) == ("Pay!", "same-session", ["buy", "view_item"])
    world.alice.get("/i/funnels/edit", funnel_map={id_: {"order": 7}})
    assert Funnel.objects.get(public_id=id_).position == 7
    assert world.bob.read("get_funnel", funnel=id_)["steps"] == ["buy", "view_item"]
    assert world.alice.get("/i/funnels/delete", funnel_id=id_) == {"result": "Success"}
    assert world.alice.error("/i/funnels/delete", funnel_id=id_) == (404, "Funnel does not exist")
    assert world.bob.read("get_funnel", funnel=id_) == {}


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"steps": ["a", "b"]}, "Not enough args"),
        ({"funnel_name": "x"}, "Not enough args"),
        ({"funnel_name": "x", "steps": ["a", "a"]}, "Duplicate events in steps are not allowed"),
        ({"funnel_name": "x", "steps": ["a"]}, "2 events at least"),
        ({"funnel_name": "x", "steps": list("abcdefghi")}, "8"),
        ({"funnel_name": "x", "steps": ["a", "b"], "queries": [{"up.cc": "NO"}]}, "up.cc"),
        ({"funnel_name": "x", "steps": ["a", "b"], "funnel_type": "odd"}, "funnel_type"),
    ],
)
def test_what_is_no_funnel(world: World, asked: dict[str, Any], text: str) -> None:
    status, said = world.alice.error("/i/funnels/add", **asked)
    assert status == 400
    assert text in said
    assert Funnel.objects.filter(app=world.people.app).count() == 1


def test_crash_groups_are_handled(world: World) -> None:
    group = CrashGroup.objects.get(app=world.people.app)
    args = {"crash_id": group.public_id, "crashes": [group.public_id, "unknown"]}
    assert world.alice.get("/i/crashes/resolve", args=args) == {group.public_id: "2.4.1"}
    assert world.bob.read("crashes", filter="crash-resolved")["aaData"][0]["is_resolved"] is True
    assert world.alice.get("/i/crashes/unresolve", args=args) == {"result": "Success"}
    world.alice.get("/i/crashes/hide", args=args)
    assert world.bob.read("crashes")["aaData"] == []
    assert len(world.bob.read("crashes", filter="crash-hidden")["aaData"]) == 1
    world.alice.get("/i/crashes/show", args=args)
    assert len(world.bob.read("crashes")["aaData"]) == 1
    assert world.alice.error("/i/crashes/hide") == (400, "Please provide args parameter")
    assert world.alice.error("/i/crashes/hide", args={"crash_id": "x", "app_id": "other"})[0] == 400


def test_comments_are_ones_own(world: World) -> None:
    group = CrashGroup.objects.get(app=world.people.app)
    world.alice.get("/i/crashes/add_comment", args={"crash_id": group.public_id, "comment": "Mine"})
    comment = CrashComment.objects.get()
    named = {"crash_id": group.public_id, "comment_id": str(comment.pk)}
    world.program(world.people.alice, may_write=True).get(
        "/i/crashes/edit_comment", args=named | {"text": "Still mine"}
    )
    said = world.bob.read("crashes", group=group.public_id)["comments"]
    assert [(one["text"], one["author"]) for one in said] == [("Still mine", "alice")]
    other = world.program(_analyst(world), may_write=True)
    assert other.get("/i/crashes/delete_comment", args=named) == {"result": "Success"}
    assert other.get("/i/crashes/delete_comment", args={"comment_id": "unknown"}) == {"result": "Success"}
    assert CrashComment.objects.exists()
    world.alice.get("/i/crashes/delete_comment", args=named)
    assert not CrashComment.objects.exists()


def _analyst(world: World) -> Any:
    world.people.bob.memberships.update(role="analyst")
    return world.people.bob


def test_apps_are_made_changed_and_erased(world: World) -> None:
    people = world.people
    assert world.alice.error("/i/apps/create", args={"name": "New"}) == (401, "User does not have right")
    people.alice.is_superuser = True
    people.alice.save()
    made = world.alice.get("/i/apps/create", args={"name": "New", "timezone": "Mars/Base", "key": "k-1"})
    assert (made["name"], made["timezone"], made["key"]) == ("New", "UTC", "k-1")
    assert world.alice.error("/i/apps/create", args={"name": "B", "key": "k-1"}) == (400, "App key already in use")
    changed = world.alice.get(
        "/i/apps/update", args={"app_id": made["_id"], "name": "Newer", "timezone": "Europe/Oslo"}
    )
    assert {name: changed[name] for name in ("name", "timezone")} == {"name": "Newer", "timezone": "Europe/Oslo"}
    same = world.alice.get("/i/apps/update", args={"app_id": made["_id"], "name": "Newer"})
    assert same == {"result": "Nothing changed"}
    bad = world.alice.error("/i/apps/update", args={"app_id": made["_id"], "timezone": "Mars/Base"})
    assert bad == (400, "Invalid props: timezone")
    assert world.alice.get("/i/apps/reset", args={"app_id": people.app.public_id, "period": "all"}) == {
        "result": "Success"
    }
    assert world.alice.get("/i/apps/delete", args={"app_id": made["_id"]}) == {"result": "Success"}
    assert set(AppErasure.objects.values_list("kind", flat=True)) == {"reset", "delete"}
    assert App.objects.get(public_id=made["_id"]).erasing == "delete"


def test_only_admins_change_an_app(world: World) -> None:
    args = {"app_id": world.people.app.public_id, "name": "Mine now"}
    refused = (401, "User does not have admin rights for this app")
    for address in ("/i/apps/update", "/i/apps/reset", "/i/apps/delete"):
        assert world.bob.error(address, args=args) == refused
        charlie = world.program(world.people.charlie, may_write=True)
        assert charlie.error(address, args=args) == (404, "App not found")
    assert not AppErasure.objects.exists()


def test_nothing_is_dated_into_the_future(world: World) -> None:
    group = CrashGroup.objects.get(app=world.people.app)
    late = int(datetime(2999, 1, 1, tzinfo=UTC).timestamp() * 1000)
    world.alice.get("/i/crashes/add_comment", args={"crash_id": group.public_id, "text": "x", "time": late})
    assert CrashComment.objects.get().created_at.year < 2999
