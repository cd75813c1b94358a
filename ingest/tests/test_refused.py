"""What can never be applied: kept with its reason where its app is known, and answered so that no queue stops."""

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings

from ingest import app_keys, inbox
from ingest.models import InboxRequest, IngestRequest
from ingest.tests.sending import SUCCESS, apply_all
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.users.keys import user_key
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
ZERO_IDFA = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def app() -> App:
    app_keys.forget()
    return create_app(name="Kahve")


def get(client: Client, path: str, **parameters: Any) -> tuple[int, bytes]:
    answer = client.get(f"{path}?{urlencode(parameters)}")
    return answer.status_code, answer.content


def refused() -> list[tuple[str, bytes, bytes]]:
    rows = IngestRequest.objects.filter(verdict=IngestRequest.Verdict.REFUSED).order_by("id")
    return [(row.reason, bytes(row.query), bytes(row.body)) for row in rows]


@pytest.mark.rule("refused.kept")
@pytest.mark.parametrize("path", ["/i", "/o/sdk"])
@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"device_id": ""}, 400, "missing_device_id"),
        ({"app_id": "short"}, 400, "invalid_app_id"),
        ({"user_id": "short"}, 400, "invalid_user_id"),
    ],
)
def test_a_request_of_a_known_app_is_kept(
    client: Client, app: App, path: str, changes: dict[str, str], status: int, reason: str
) -> None:
    sent = {"app_key": app.key, "device_id": "d", "method": "sc"} | changes
    assert get(client, path, **sent)[0] == status
    assert refused() == [(reason, urlencode(sent).encode(), b"")]
    [row] = IngestRequest.objects.all()
    assert row.device_key == (user_key(app.public_id, "d") if sent["device_id"] else inbox.NOBODY)
    assert row.app_id == app.id
    assert not InboxRequest.objects.exists()
    assert not AppUser.objects.exists()


@pytest.mark.rule("identity.nobodys")
@pytest.mark.parametrize("path", ["/i", "/o/sdk"])
def test_what_names_nobody_is_kept_and_makes_no_user(client: Client, app: App, path: str) -> None:
    for device_id in ("undefined", "[object Object]", "000000000000000"):
        said = get(client, path, app_key=app.key, device_id=device_id, method="sc", begin_session="1")
        assert said == (200, b'{"result":"Ignoring device_id"}')
    assert [reason for reason, _, _ in refused()] == ["nobodys_device_id"] * 3
    get(client, "/i", app_key=app.key, device_id="d", old_device_id="undefined", timestamp="1700000000000")
    apply_all()
    assert [(user.device_id, user.is_identified) for user in AppUser.objects.all()] == [("d", False)]


@pytest.mark.rule("refused.unknown_method")
def test_an_unknown_method_is_kept(client: Client, app: App) -> None:
    sent = {"app_key": app.key, "device_id": "d", "method": "users"}
    assert get(client, "/o/sdk", **sent) == (400, b'{"result":"Invalid method"}')
    assert refused() == [("unknown_method", urlencode(sent).encode(), b"")]


@pytest.mark.rule("refused.bulk_items")
def test_skipped_items_of_a_bulk_are_kept(client: Client, app: App) -> None:
    items = [
        7,
        {"begin_session": 1},
        {"device_id": "d", "app_id": "short"},
        {"device_id": ZERO_IDFA},
        {"device_id": "undefined"},
        {"device_id": "d", "app_key": "nobody's"},
        {"device_id": "good"},
    ]
    answer = client.post(f"/i/bulk?app_key={app.key}", urlencode({"requests": json.dumps(items)}), FORM)
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    assert [(reason, json.loads(body)) for reason, _, body in refused()] == [
        ("not_an_object", 7),
        ("missing_device_id", {"begin_session": 1, "app_key": app.key}),
        ("invalid_parameter", {"device_id": "d", "app_id": "short", "app_key": app.key}),
        ("nobodys_device_id", {"device_id": "undefined", "app_key": app.key}),
    ]
    apply_all()
    assert [user.device_id for user in AppUser.objects.all()] == ["good"]


@pytest.mark.rule("refused.bulk_items")
def test_a_bulk_without_requests_is_kept(client: Client, app: App) -> None:
    assert get(client, "/i/bulk", app_key=app.key, requests="{}")[0] == 400
    assert get(client, "/i/bulk", app_key=app.key, requests="[{")[0] == 400
    assert [reason for reason, _, _ in refused()] == ["invalid_requests", "missing_requests"]


@pytest.mark.rule("refused.too_large")
@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_the_head_of_what_is_too_large_is_kept(client: Client, app: App) -> None:
    body = urlencode({"app_key": app.key, "device_id": "d", "events": "x" * 200_000})
    answer = client.post("/i", body, content_type=FORM)
    assert (answer.status_code, answer.content) == (200, b'{"result":"Request is too large"}')
    [(reason, _, head)] = refused()
    assert (reason, len(head)) == ("too_large", 1 << 16)
    assert body.encode().startswith(head)


@pytest.mark.rule("refused.nothing_of_strangers")
def test_nothing_is_kept_of_what_may_not_come_in(client: Client, app: App) -> None:
    get(client, "/i", app_key="nobody's", device_id="")
    get(client, "/i", device_id="d")
    get(client, "/i", app_key=app.key, device_id=ZERO_IDFA)
    App.objects.filter(id=app.id).update(salt="pepper")
    app_keys.forget()
    get(client, "/i", app_key=app.key, device_id="", checksum256="00" * 32)
    App.objects.filter(id=app.id).update(salt="", is_paused=True)
    app_keys.forget()
    get(client, "/i", app_key=app.key, device_id="")
    assert not IngestRequest.objects.exists()
    assert not InboxRequest.objects.exists()


def test_a_signed_request_is_kept(client: Client, app: App) -> None:
    App.objects.filter(id=app.id).update(salt="pepper")
    app_keys.forget()
    query = urlencode({"app_key": app.key, "device_id": ""})
    checksum = hashlib.sha256((query + "pepper").encode()).hexdigest()
    client.get(f"/i?{query}&checksum256={checksum}")
    assert [reason for reason, _, _ in refused()] == ["missing_device_id"]


def test_what_was_refused_may_be_tried_again(client: Client, app: App) -> None:
    get(client, "/i", app_key=app.key, device_id="")
    assert inbox.resubmit_refused(IngestRequest.objects.get().received_at) == 1
    apply_all()
    assert [reason for reason, _, _ in refused()] == ["missing_device_id"]


@pytest.mark.rule("answers.locked_app")
def test_a_locked_app_takes_no_invented_data(client: Client, app: App) -> None:
    App.objects.filter(id=app.id).update(is_locked=True)
    app_keys.forget()
    answer = get(client, "/i", app_key=app.key, device_id="d", populator="true")
    assert answer == (403, b'{"result":"App is locked"}')
    items = json.dumps([{"device_id": "d", "populator": True}])
    assert get(client, "/i/bulk", app_key=app.key, requests=items) == (200, SUCCESS)
    assert not InboxRequest.objects.exists()
    assert get(client, "/i", app_key=app.key, device_id="d") == (200, SUCCESS)
    assert InboxRequest.objects.count() == 1


@pytest.mark.rule("door.feedback_widgets")
@pytest.mark.parametrize("verb", ["get", "post"])
def test_feedback_widgets_that_do_not_exist(client: Client, app: App, verb: str) -> None:
    ask = getattr(client, verb)
    for path in (
        "/o/feedback/widget",
        "/o/surveys/nps/widget",
        "/o/surveys/survey/widget",
        "/x/o/surveys/rating/widget",
    ):
        answer = ask(path + "?widget_id=5f8c837a5294f7aae370067c&callback=f")
        assert (answer.status_code, answer.content) == (404, b'f({"result":"Widget not found."})')
        assert answer["Access-Control-Allow-Origin"] == "*"
    answer = ask("/o/feedback/multiple-widgets-by-id?widgets=[]")
    assert (answer.status_code, answer.content) == (200, b"[]")


@pytest.mark.rule("door.feedback_widgets")
@pytest.mark.parametrize("path", ["/feedback", "/feedback/nps", "/feedback/survey", "/feedback/rating"])
def test_a_survey_page_says_that_there_is_none(client: Client, path: str) -> None:
    answer = client.get(f"{path}?widget_id=x&device_id=d&app_key=k")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"not available" in answer.content
