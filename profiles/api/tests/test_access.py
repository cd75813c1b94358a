"""Who may call which endpoint: every one, as everybody."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from profiles.access import api_keys, masking
from profiles.access.models import ApiKey, App, Membership
from profiles.access.permissions import Role, has_role
from profiles.api.endpoint import Endpoint
from profiles.api.endpoints import ENDPOINTS
from profiles.api.tests.conftest import World
from profiles.tests.factories import make_app, make_person

pytestmark = pytest.mark.django_db

REFUSED = 401
OF_ARGS = {"apps.update", "apps.reset", "apps.delete"}  # these name their app in `args`


def call(endpoint: Endpoint, key: str, app_id: str, **more: Any) -> tuple[int, str]:
    """Call an endpoint with nothing but key and app, return status and text, and undo whatever that did."""
    address = endpoint.path.replace("<in_path>", f"appUser_{app_id}_1")
    asked = {"api_key": key, "app_id": app_id, "method": endpoint.method, **more}
    with transaction.atomic():
        answer: Any = Client().post(address, asked)
        body = b"".join(answer.streaming_content) if getattr(answer, "streaming", False) else answer.content
        transaction.set_rollback(True)
    return answer.status_code, body.decode()


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("may_write", [True, False])
def test_a_key_opens_what_its_person_may(world: World, role: Role | None, may_write: bool) -> None:
    person = make_person("dora")
    if role is not None:
        Membership.objects.create(user=person, app=world.people.app, role=role)
    key = api_keys.create(user=person, may_write=may_write)
    for endpoint in ENDPOINTS:
        status, text = call(endpoint, key, world.people.app.public_id)
        said = f"{endpoint.name}: {status} {text}"
        if endpoint.name in OF_ARGS:
            assert (status not in {REFUSED, 404}) == (role is Role.ADMIN and may_write), said
        else:
            may = (endpoint.role is None or has_role(role, endpoint.role)) and (may_write or not endpoint.writes)
            assert (status != REFUSED) == (may and not endpoint.is_for_superusers), said
        if role is None:
            assert world.people.app.name not in text, said
            assert "Mara" not in text, said


def test_without_a_good_key_nothing_opens(world: World) -> None:
    app_id = world.people.app.public_id
    key = api_keys.create(user=world.people.alice, may_write=True)
    api_keys.revoke(ApiKey.objects.get(), by=world.people.alice)
    for endpoint in ENDPOINTS:
        assert call(endpoint, "", app_id) == (400, said('Missing parameter "api_key" or "auth_token"')), endpoint.name
        assert call(endpoint, "0" * 40, app_id) == (401, said("User does not exist")), endpoint.name
        assert call(endpoint, "", app_id, auth_token="0" * 40) == (401, said("Token is invalid")), endpoint.name
        assert call(endpoint, key, app_id)[0] == 401, endpoint.name


def test_a_key_of_one_app_opens_no_other(world: World) -> None:
    other = make_app("Other", owner=world.people.alice)
    key = api_keys.create(user=world.people.alice, app=other, may_write=True)
    for endpoint in ENDPOINTS:
        if endpoint.role is not None:
            assert call(endpoint, key, world.people.app.public_id) == (401, said("App does not exist")), endpoint.name
            status, text = call(endpoint, key, "")
            assert status in {400, 401}, endpoint.name
            assert "app_id" in text, endpoint.name


def said(text: str) -> str:
    """Return an error as it is sent."""
    return json.dumps({"result": text})


def test_the_key_may_stand_anywhere(world: World) -> None:
    key, app_id = api_keys.create(user=world.people.bob), world.people.app.public_id
    asked = {"method": "user_counts", "app_id": app_id}
    assert Client().get("/o", {**asked, "api_key": key}).status_code == 200
    assert Client().get("/o/", {**asked, "auth_token": key}).status_code == 200
    assert Client().get("/o", asked, headers={"countly-token": key}).status_code == 200
    body = json.dumps({**asked, "api_key": key})
    assert Client().post("/o", body, content_type="application/json").status_code == 200
    assert (
        Client()
        .post(
            f"/o?app_id={app_id}",
            json.dumps({"api_key": key, "method": "user_counts"}),
            content_type="application/json",
        )
        .status_code
        == 200
    )


def test_a_locked_person_has_no_key(world: World) -> None:
    key = api_keys.create(user=world.people.bob)
    User.objects.filter(username="bob").update(is_active=False)
    assert call(ENDPOINTS[0], key, "")[0] == 401


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"app_id": {"$gt": ""}, "method": "user_counts", "api_key": "%s"}', "application/json", 400),
    ],
)
def test_bodies_that_are_no_requests(world: World, body: bytes, kind: str, status: int) -> None:
    key = api_keys.create(user=world.people.bob).encode()
    answer = Client().post("/o", body.replace(b"%s", key), content_type=kind)
    assert answer.status_code == status
    assert "result" in answer.json()


def test_other_methods_and_addresses(world: World) -> None:
    assert Client().put("/o").status_code == 405
    assert world.bob.error("/o", method="nothing") == (400, "Invalid method")
    assert Client().get("/o/nothing").json() == {"result": "Invalid path"}


def test_what_is_masked_stays_masked(world: World) -> None:
    levels = {"viewer": {"email": "masked", "device_id": "masked", "place": "hidden", "custom.plan": "hidden"}}
    App.objects.update(masks=levels)
    with masking.seeing(masking.NOTHING):
        row = world.bob.read("user_details", uid=world.mara.uid)
        assert (row["email"], row["did"]) == ("m•••@•••", "d•••")
        assert "plan" not in row["custom"]
        assert "_id" not in row
        history = world.bob.read("user_details", calculate="history", uid=world.mara.uid)["history"]
        assert "cty" not in history
        assert "mara@" not in json.dumps(history)
        (session, *_) = world.bob.read("user_details", calculate="sessions", uid=world.mara.uid)["aaData"]
        assert session["did"] == "d•••"
        for asked in ({"query": {"email": "mara@example.com"}}, {"projectionKey": "custom.plan"}, {"did": "dev-mara"}):
            assert world.bob.error("/o", method="user_details", **asked)[0] == 400, asked
        assert world.alice.read("user_details", did="dev-mara")["email"] == "mara@example.com"
