"""The door's answers, byte for byte, and what each request leaves behind."""

import hashlib
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client, override_settings

from ingest import app_keys
from ingest.models import InboxRequest, IngestRequest
from ingest.tests.sending import START, SUCCESS, apply_all, event_keys_of, send, user_of
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.users.models import AppUser, DeviceToken, Merge

pytestmark = pytest.mark.django_db

MISSING = b'{"result":"Missing parameter \\"app_key\\" or \\"device_id\\""}'
STAMP = int(START.timestamp() * 1000)


@pytest.fixture
def app() -> App:
    app_keys.forget()
    return create_app(name="Kahve")


def get(client: Client, path: str, **parameters: Any) -> Any:
    app_keys.forget()
    return client.get(f"{path}?{urlencode(parameters)}")


def said(answer: Any) -> tuple[int, bytes]:
    return answer.status_code, answer.content


@pytest.mark.rule("door.preflight")
@pytest.mark.parametrize("path", ["/i", "/i/bulk", "/o/sdk", "/o/ping"])
def test_preflight(client: Client, path: str) -> None:
    answer = client.options(path)
    assert said(answer) == (200, b"")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
    assert answer["Access-Control-Allow-Headers"] == "countly-token, Content-Type"


@pytest.mark.rule("door.other_verbs_405")
@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "HEAD"])
@pytest.mark.parametrize("path", ["/i", "/i/bulk", "/o/sdk"])
def test_another_verb_is_405(client: Client, verb: str, path: str) -> None:
    body = b"" if verb == "HEAD" else b'{"result":"Method not allowed"}'
    assert said(client.generic(verb, path)) == (405, body)


@pytest.mark.rule("door.prefix_and_slash")
@pytest.mark.parametrize("path", ["/i", "/i/", "/countly/i", "/a/b/i/"])
def test_every_spelling_of_the_path(client: Client, app: App, path: str) -> None:
    assert said(get(client, path, app_key=app.key, device_id="d")) == (200, SUCCESS)
    body = urlencode({"app_key": app.key, "device_id": "d"})
    answer = client.post(path + "?", body, content_type="application/x-www-form-urlencoded")
    assert said(answer) == (200, SUCCESS)
    assert InboxRequest.objects.count() == 2


@pytest.mark.rule("door.ping")
def test_ping(client: Client) -> None:
    assert said(client.get("/o/ping")) == (200, SUCCESS)


@pytest.mark.rule("parameters.raw_json")
def test_raw_json_in_the_query(client: Client, app: App) -> None:
    app_keys.forget()
    query = f'app_key={app.key}&device_id=d&begin_session=1&metrics={{"_os":"Android"}}'
    answer = client.generic("GET", "/i", QUERY_STRING=query)
    assert said(answer) == (200, SUCCESS)
    apply_all()
    assert user_of(app, "d").platform == "Android"


@pytest.mark.rule("answers.jsonp")
def test_jsonp(client: Client, app: App) -> None:
    answer = get(client, "/i", app_key=app.key, device_id="d", callback="Countly.done")
    assert said(answer) == (200, b'Countly.done({"result":"Success"})')
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.rule("answers.jsonp_hostile")
@pytest.mark.parametrize("callback", ["alert(1)//", "<script>", "a b", "f\n", "x" * 500])
def test_a_hostile_callback_is_not_echoed(client: Client, app: App, callback: str) -> None:
    answer = get(client, "/i", app_key=app.key, device_id="d", callback=callback)
    assert said(answer) == (200, SUCCESS)


@pytest.mark.rule("answers.success", "answers.headers")
def test_success_byte_for_byte(client: Client, app: App) -> None:
    answer = get(client, "/i", app_key=app.key, device_id="d")
    assert said(answer) == (200, SUCCESS)
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["X-Frame-Options"].lower() == "deny"
    assert answer["X-XSS-Protection"] == "1; mode=block"


@pytest.mark.rule("answers.missing_identity", "answers.zero_idfa", "answers.unknown_app", "answers.id_lengths")
@pytest.mark.parametrize("path", ["/i", "/o/sdk"])
@pytest.mark.parametrize(
    ("changes", "status", "body"),
    [
        ({"app_key": ""}, 400, MISSING),
        ({"device_id": ""}, 400, MISSING),
        ({"device_id": "00000000-0000-0000-0000-000000000000"}, 200, b'{"result":"Ignoring device_id"}'),
        ({"app_key": "nobody's"}, 400, b'{"result":"App does not exist"}'),
        ({"app_id": "short"}, 400, b'{"result":"Invalid parameter \\"app_id\\""}'),
        ({"user_id": "short"}, 400, b'{"result":"Invalid parameter \\"user_id\\""}'),
    ],
)
def test_refusals(client: Client, app: App, path: str, changes: dict[str, str], status: int, body: bytes) -> None:
    answer = get(client, path, **{"app_key": app.key, "device_id": "d", "method": "sc"} | changes)
    assert said(answer) == (status, body)
    assert not InboxRequest.objects.exists()


@pytest.mark.rule("answers.paused_app")
def test_a_paused_app(client: Client, app: App) -> None:
    App.objects.filter(id=app.id).update(is_paused=True)
    answer = get(client, "/i", app_key=app.key, device_id="d")
    assert said(answer) == (400, b'{"result":"App is currently not accepting data"}')


@pytest.mark.rule("answers.no_checksum", "answers.wrong_checksum")
@pytest.mark.parametrize("path", ["/i", "/o/sdk"])
def test_a_salted_app(client: Client, app: App, path: str) -> None:
    App.objects.filter(id=app.id).update(salt="pepper")
    parameters = {"app_key": app.key, "device_id": "d", "method": "fetch_remote_config"}
    unsigned = get(client, path, **parameters)
    assert said(unsigned) == (200, b'{"result":"Request does not have checksum"}')
    wrong = get(client, path, **parameters, checksum256="00" * 32)
    assert said(wrong) == (200, b'{"result":"Request does not match checksum"}')
    assert not InboxRequest.objects.exists()
    checksum = hashlib.sha256((urlencode(parameters) + "pepper").encode()).hexdigest()
    assert get(client, path, **parameters, checksum256=checksum.upper()).status_code == 200
    assert InboxRequest.objects.count() == 1


@pytest.mark.rule("checksum.unsalted")
def test_an_app_without_salt(client: Client, app: App) -> None:
    assert said(get(client, "/i", app_key=app.key, device_id="d", checksum256="no")) == (200, SUCCESS)


@pytest.mark.rule("answers.malformed_is_success", "limits.noted")
def test_malformed_json_is_success(client: Client, app: App) -> None:
    answer = get(client, "/i", app_key=app.key, device_id="d", events="[{", metrics="{", crash="x", consent="[")
    assert said(answer) == (200, SUCCESS)
    apply_all()
    settled = IngestRequest.objects.get()
    assert settled.verdict == IngestRequest.Verdict.PARTLY
    assert settled.notes == {
        "events_unreadable": 1,
        "metrics_unreadable": 1,
        "crash_unreadable": 1,
        "consent_unreadable": 1,
    }


@pytest.mark.rule("answers.too_large")
@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_that_is_too_large(client: Client, app: App) -> None:
    body = urlencode({"app_key": app.key, "device_id": "d", "events": "x" * 2000})
    answer = client.post("/i", body, content_type="application/x-www-form-urlencoded")
    assert said(answer) == (200, b'{"result":"Request is too large"}')
    assert not InboxRequest.objects.exists()


@pytest.mark.rule("bulk.missing", "bulk.no_list")
def test_bulk_refusals(client: Client) -> None:
    missing = b'{"result":"Missing parameter \\"requests\\""}'
    assert said(client.get("/i/bulk")) == (400, missing)
    assert said(get(client, "/i/bulk", requests="[{")) == (400, missing)
    assert said(get(client, "/i/bulk", requests="{}")) == (400, b'{"result":"Invalid parameter \\"requests\\""}')


@pytest.mark.rule("bulk.bad_items_skipped")
def test_bulk_skips_bad_items(client: Client, app: App) -> None:
    items = [None, 7, {}, {"device_id": "a", "app_key": "nobody's"}, {"device_id": 42, "events": [{"key": "x"}]}]
    answer = client.post(
        f"/i/bulk?app_key={app.key}", urlencode({"requests": json.dumps(items)}), "application/x-www-form-urlencoded"
    )
    assert said(answer) == (200, SUCCESS)
    apply_all()
    assert event_keys_of(app, user_of(app, "42")) == ["x"]
    assert AppUser.objects.count() == 1


@pytest.mark.rule("reads.minimal", "reads.ab_never_fails")
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("rc", b"{}"),
        ("fetch_remote_config", b"{}"),
        ("ab", b'{"result":"Successfully enrolled in ab tests"}'),
        ("ab_opt_out", SUCCESS),
        ("ab_fetch_variants", b"{}"),
        ("ab_fetch_experiments", b"[]"),
        ("ab_enroll_variant", SUCCESS),
        ("feedback", b'{"result":[]}'),
    ],
)
def test_reads(client: Client, app: App, method: str, body: bytes) -> None:
    assert said(get(client, "/o/sdk", app_key=app.key, device_id="d", method=method)) == (200, body)


@pytest.mark.rule("reads.config_never_silences")
def test_configuration_is_empty(client: Client, app: App) -> None:
    answer = get(client, "/o/sdk", app_key=app.key, device_id="d", method="sc").json()
    assert set(answer) == {"v", "t", "c"}
    assert answer["c"] == {}


@pytest.mark.rule("reads.unknown_method")
@pytest.mark.parametrize("method", ["", "users"])
def test_an_unknown_method(client: Client, app: App, method: str) -> None:
    answer = get(client, "/o/sdk", app_key=app.key, device_id="d", method=method)
    assert said(answer) == (400, b'{"result":"Invalid method"}')


@pytest.mark.rule("reads.create_profile")
def test_a_read_makes_a_profile(client: Client, app: App) -> None:
    get(client, "/o/sdk", app_key=app.key, device_id="d", method="sc")
    apply_all()
    activity = user_of(app, "d").activity
    assert (activity.sessions_count, activity.first_seen_at, activity.last_seen_at) == (0, None, None)


@pytest.mark.rule("reads.merge")
def test_a_read_merges(client: Client, app: App) -> None:
    send(app, "old", 0, events=[{"key": "x"}])
    get(client, "/o/sdk", app_key=app.key, device_id="new", old_device_id="old", method="rc", timestamp=STAMP + 1000)
    apply_all()
    assert event_keys_of(app, user_of(app, "new")) == ["x"]
    assert not AppUser.objects.filter(device_id="old").exists()


@pytest.mark.rule("base.no_meta")
def test_no_meta(app: App) -> None:
    send(app, "d", 0, no_meta=1, sdk_name="importer")
    apply_all()
    user = user_of(app, "d")
    assert (user.activity.last_seen_at, user.sdk_name or "") == (None, "")


@pytest.mark.rule("identity.any_request")
def test_success_makes_a_profile(app: App) -> None:
    send(app, "a b+c@ü")
    apply_all()
    assert user_of(app, "a b+c@ü").uid == "1"


@pytest.mark.rule("identity.identified")
@pytest.mark.parametrize(
    ("parameters", "is_identified"),
    [({}, False), ({"t": 1}, False), ({"t": 0}, True), ({"user_details": {"name": "Bo"}}, True)],
)
def test_what_identifies(app: App, parameters: dict[str, Any], is_identified: bool) -> None:
    send(app, "d", **parameters)
    apply_all()
    assert user_of(app, "d").is_identified is is_identified


@pytest.mark.rule("merge.unknown_old")
def test_merging_an_unknown_id(app: App) -> None:
    send(app, "new", 0, old_device_id="nobody", events=[{"key": "x"}])
    apply_all()
    assert event_keys_of(app, user_of(app, "new")) == ["x"]


@pytest.mark.rule("merge.retry", "merge.rename")
def test_a_merge_sent_again(app: App) -> None:
    send(app, "old", 0, begin_session=1)
    for stamp in (10, 10, 11):
        send(app, "new", stamp, old_device_id="old")
        apply_all()
    user = user_of(app, "new")
    assert (user.uid, user.is_identified, user.activity.sessions_count) == ("1", True, 1)
    assert AppUser.objects.count() == 1
    assert Merge.objects.filter(app=app).count() == 1


@pytest.mark.rule("location.opt_out")
def test_opting_out_of_location(app: App) -> None:
    send(app, "d", 0, country_code="LV", city="Riga", location="56.9,24.1")
    send(app, "d", 1, location="")
    apply_all()
    user = user_of(app, "d")
    assert (user.country, user.city, user.latitude) == (None, None, None)


@pytest.mark.rule("consent.push_deletes_tokens")
def test_refusing_push(app: App) -> None:
    send(app, "d", 0, token_session=1, android_token="abc")
    send(app, "e", 0, token_session=1, ios_token="def", test_mode=0)
    apply_all()
    assert DeviceToken.objects.count() == 2
    send(app, "d", 1, consent={"push": False})
    apply_all()
    assert [token.token for token in DeviceToken.objects.all()] == ["def"]


@pytest.mark.rule("apm.accepted")
def test_accepted_without_effect(app: App) -> None:
    send(app, "d", 0, apm={"type": "device", "name": "x"}, aid={"adid": "y"}, attribution_data=quote("{}"))
    apply_all()
    settled = IngestRequest.objects.get()
    assert (settled.verdict, settled.notes) == (IngestRequest.Verdict.APPLIED, None)


@pytest.mark.rule("door.feedback")
@pytest.mark.parametrize("path", ["/i/feedback/input", "/i/feedback/inputs/"])
def test_feedback_is_taken_unsigned(client: Client, path: str) -> None:
    app_keys.forget()
    salted = create_app(name="Salted", salt="sodiumchloride")
    event = [
        {"key": "[CLY]_star_rating", "count": 1, "segmentation": {"rating": 4, "widget_id": "w", "platform": "web"}}
    ]
    answer = get(client, path, app_key=salted.key, device_id="d", timestamp=STAMP, events=json.dumps(event))
    assert said(answer) == (200, SUCCESS)
    apply_all()
    assert event_keys_of(salted, user_of(salted, "d")) == ["[CLY]_star_rating"]


@pytest.mark.rule("door.kin_of_reads")
@pytest.mark.parametrize(("path", "method"), [("/o/sdk/content", "queue"), ("/i/sdk", "sc")])
def test_reads_at_their_other_addresses(client: Client, app: App, path: str, method: str) -> None:
    answer = get(client, path, app_key=app.key, device_id="d", method=method)
    assert answer.status_code == 200
    assert isinstance(answer.json(), dict)


@pytest.mark.rule("door.unknown_path")
def test_an_unknown_path_is_400_and_an_unknown_page_404(client: Client) -> None:
    for path in ("/i/xyz", "/o/xyz", "/o/sdk/xyz", "/i/bulk/x"):
        assert said(client.get(path)) == (400, b'{"result":"Invalid path"}')
    assert client.get("/nothing/here/").status_code == 404
