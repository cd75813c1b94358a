"""Push messages through the API."""

from datetime import timedelta
from typing import Any

import pytest

from profiles.access.models import Membership
from profiles.api.tests.conftest import NOW, World, promote
from profiles.messages.models import Delivery, Message, PushCredential
from profiles.users.models import DeviceToken

pytestmark = pytest.mark.django_db

DRAFT: dict[str, Any] = {
    "platforms": ["a"],
    "status": "draft",
    "demo": True,
    "triggers": [{"kind": "plain", "start": "2027-03-09T08:00:00.000Z"}],
    "contents": [{"message": "Hi {you}", "title": "T"}, {"la": "de", "message": "Hallo"}],
}


def make_credential(world: World) -> None:
    PushCredential.objects.create(app=world.people.app, kind="fcm", sealed=b"x", changed_at=NOW)


def test_a_draft_needs_no_credentials(world: World) -> None:
    made = world.alice.get("/i/push/message/create", **DRAFT)
    assert (made["status"], made["contents"][0]["title"], made["contents"][1]["la"]) == ("draft", "T", "de")
    assert made["triggers"] == [{"kind": "plain", "start": "2027-03-09T08:00:00.000Z"}]
    assert str(Message.objects.get()) == "T"
    assert world.bob.get(f"/o/push/message/{made['_id']}") == made
    for kind in ("api", "cohort"):
        other = world.alice.get("/i/push/message/create", **DRAFT | {"triggers": [{"kind": kind, "cohorts": ["x"]}]})
        assert other["status"] == "draft"
    rows = world.bob.get("/o/push/message/all")
    assert rows["iTotalRecords"] == 3
    assert world.bob.get("/o/push/message/all", auto="true")["aaData"] == []


def test_a_message_is_sent_to_whom_a_query_finds(world: World) -> None:
    make_credential(world)
    asked = DRAFT | {"status": "", "filter": {"user": '{"up.cc": "NO"}'}, "triggers": [{"kind": "plain", "start": 0}]}
    made = world.alice.get("/i/push/message/create", **asked)
    assert made["status"] == "sending"
    assert made["filter"]["user"] == "push:google,country:is:NO"
    later = asked | {"triggers": [{"kind": "plain", "start": (NOW + timedelta(days=2)).timestamp() * 1000}]}
    assert world.alice.get("/i/push/message/create", **later)["status"] == "scheduled"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"platforms": []}, "platforms is required"),
        ({"platforms": ["x"]}, "Invalid platform"),
        ({"platforms": ["i"]}, "No push credentials for iOS platform"),
        ({"triggers": []}, "triggers is required"),
        ({"triggers": [{"kind": "plain"}]}, "start is required"),
        ({"triggers": [{"kind": "cohort"}]}, "triggers: only plain ones can be sent here"),
        ({"contents": []}, "contents is required"),
        ({"contents": [{"title": "T"}]}, "message is required"),
        ({"contents": [{"message": "x", "url": "javascript:alert(1)"}]}, "The link cannot begin with javascript:"),
        ({"filter": {"geos": ["x"]}}, "No such geo"),
    ],
)
def test_what_is_no_message(world: World, changed: dict[str, Any], text: str) -> None:
    make_credential(world)
    answer = world.alice.ask("/i/push/message/create", **DRAFT | {"status": ""} | changed)
    assert answer.status_code == 400
    assert answer.json() == {"kind": "ValidationError", "errors": [text]}
    assert not Message.objects.exists()


def test_only_analysts_compose(world: World) -> None:
    assert world.bob.error("/i/push/message/create", **DRAFT) == (401, "User does not have right")
    promote(world, Membership.Role.ANALYST)
    assert world.bob.get("/i/push/message/create", **DRAFT)["info"]["createdByName"] == "bob"


def test_what_a_user_was_sent(world: World) -> None:
    assert world.bob.get("/o/push/user", id=world.mara.uid) == {}
    made = world.alice.get("/i/push/message/create", **DRAFT)
    Delivery.objects.create(
        user_id=world.mara.id,
        message=Message.objects.get(),
        token_key=world.mara.id,
        app=world.people.app,
        device_key=world.mara.id,
        provider=DeviceToken.Provider.FCM,
        lane=0,
        state="sent",
        composed_at=NOW,
        due_at=NOW,
        expires_at=NOW,
        settled_at=NOW,
    )
    at = int(NOW.timestamp() * 1000)
    assert world.bob.get("/o/push/user", id=world.mara.uid) == {"notifications": {made["_id"]: [at]}}
    with_texts = world.bob.get("/o/push/user", did="dev-mara", messages="true")
    assert with_texts["messages"][0]["_id"] == made["_id"]
    assert world.bob.get("/o/push/user", id="zz") == {}
    answer = world.bob.ask("/o/push/user", did="nobody")
    assert (answer.status_code, answer.json()) == (
        404,
        {"result": {"errors": ["User with the did specified is not found"]}},
    )
    assert world.bob.ask("/o/push/user").json() == {"result": {"errors": ["One of id & did parameters is required"]}}
    answer = world.bob.ask("/o/push/message/000000000000000000000000")
    assert (answer.status_code, answer.json()) == (404, {"errors": ["Message not found"]})
