"""One catalogue of raw requests through both doors: the event loop's and, by gunicorn's own parser, Django's view.

What the loop takes, it answers and stores as the view would; what it leaves is listed here, with the view's answer.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, cast
from unittest import mock
from urllib.parse import quote, urlencode

import pytest
from django.http import HttpResponse
from django.test.client import ClientHandler
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create
from pytest_django.fixtures import Settings

from countly_profiles.gunicorn_worker import read_request
from ingest import app_keys, loop_door, pressure, views
from ingest.loop_door import LoopDoor
from ingest.models import InboxRequest
from ingest.tests.sending import START, SUCCESS
from profiles.access.models import App
from profiles.access.services import create_app

pytestmark = pytest.mark.django_db

_FORM: Final = "application/x-www-form-urlencoded"
_STORED: Final = ("shard", "app_id", "query", "body", "content_type", "ip", "user_agent")
_OF_THE_SERVER: Final = {"server", "date", "connection", "content-length"}

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(autouse=True)
def _app() -> Iterator[App]:
    app = create_app(name="Kahve")
    App.objects.filter(id=app.id).update(key="KEY")
    app.refresh_from_db()
    app_keys.forget()
    app_keys.find("KEY")
    pressure.forget()
    pressure.current()
    with mock.patch.object(loop_door, "wake"), mock.patch.object(views, "wake"):
        yield app


def raw(target: str, *, verb: str = "GET", body: bytes = b"", kind: str = "", **headers: str) -> bytes:
    """Return a request as it comes over the wire; an underscore in a header's name stands for a dash."""
    lines = [f"{verb} {target} HTTP/1.1", "Host: phones.example.com", "User-Agent: Phone/1 (é)"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if verb == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def parameters(**more: object) -> str:
    """Return a well-formed request, encoded."""
    base = {"app_key": "KEY", "device_id": "d é+1", "timestamp": int(START.timestamp() * 1000)}
    return urlencode(base | {k: v if isinstance(v, str) else json.dumps(v) for k, v in more.items()})


def multipart(**fields: str) -> bytes:
    """Return a form with a file, as phones send pictures."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return "".join(parts).encode() + file.encode() + b"\x89PNG\r\n\x1a\n\0\xff\r\n--b--\r\n"


def ask_django(data: bytes) -> Answer:
    """Answer a request as gunicorn and Django do."""
    config = Config()
    request = next(RequestParser(config, iter([data]), ("10.0.0.7", 40_000)))
    _, environ = create(request, None, ("10.0.0.7", 40_000), ("127.0.0.1", 8000), config)
    answer = cast(
        "HttpResponse", ClientHandler(enforce_csrf_checks=True)(environ)
    )  # Django's own handler, with the test's database
    return answer.status_code, _headers(answer), answer.content


def _headers(answer: HttpResponse) -> dict[str, str]:
    return {name: value for name, value in answer.items() if name.lower() not in _OF_THE_SERVER}


def ask_loop(data: bytes) -> Answer | None:
    """Answer a request as the event loop does; None when it is left to Django."""
    plain = read_request(data)
    if plain is None:
        return None
    assert plain.length == len(data)
    door = LoopDoor()
    taken = door.take(plain.path, plain.query, plain.headers, plain.body, "10.0.0.7")
    if taken is None:
        return None
    [is_stored] = door.store([taken])
    answer = door.answer(is_stored=is_stored)
    return answer.status_code, _headers(answer), answer.content


def take_stored() -> list[dict[str, Any]]:
    """Return what waits, as it was stored, and forget it."""
    rows: list[dict[str, Any]] = [
        {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
        for row in InboxRequest.objects.order_by("id").values(*_STORED)
    ]
    InboxRequest.objects.all().delete()
    return rows


_EVENTS = [{"key": "x", "segmentation": {"it's": "a ~value~"}}]
_TAKEN = {
    "query": raw(f"/i?{parameters(events=_EVENTS)}"),
    "empty query and a form": raw("/i?", verb="POST", body=parameters(begin_session=1).encode(), kind=_FORM),
    "trailing slash": raw(f"/i/?{parameters()}"),
    "the URL wins": raw("/i?device_id=url", verb="POST", body=parameters().encode(), kind=_FORM),
    "JSON body": raw(
        "/i", verb="POST", body=b'{"app_key":"KEY","device_id":42,"events":[{"key":"x"}]}', kind="application/json"
    ),
    "multipart": raw(
        "/i",
        verb="POST",
        body=multipart(app_key="KEY", device_id="d", user_details='{"custom":{}}'),
        kind="multipart/form-data; boundary=b",
    ),
    "raw JSON in the query": raw('/i?app_key=KEY&device_id=d&metrics={"_os":"Android","_d":"\'"}'),
    "malformed JSON in a parameter": raw(f"/i?{parameters(events='[{', metrics='{')}"),
    "a broken escape": raw("/i?app_key=KEY&device_id=%zz%"),
    "NUL": raw("/i?app_key=KEY&device_id=a%00b"),
    "a body of another type": raw(f"/i?{parameters()}", verb="POST", body=b"\0\xff", kind="application/octet-stream"),
    "proxies": raw(f"/i?{parameters()}", X_Forwarded_For="6.6.6.6, 9.9.9.9", X_Real_IP="7.7.7.7"),
    "no type": raw(f"/i?{parameters()}", verb="POST", body=b"device_id=other"),
}
_ITEMS = '[{"device_id":"d"}]'
_MISSING = b'{"result":"Missing parameter \\"app_key\\" or \\"device_id\\""}'
_UNKNOWN = b'{"result":"App does not exist"}'
_LEFT = {
    "JSONP": (raw(f"/i?{parameters(callback='f')}"), 200, b"f(" + SUCCESS + b")"),
    "path prefix": (raw(f"/countly/i?{parameters()}"), 200, SUCCESS),
    "absolute form": (raw(f"http://phones.example.com/i?{parameters()}"), 200, SUCCESS),
    "HEAD": (raw(f"/i?{parameters()}", verb="HEAD"), 405, None),
    "PUT": (raw(f"/i?{parameters()}", verb="PUT"), 405, b'{"result":"Method not allowed"}'),
    "preflight": (raw("/i", verb="OPTIONS", Access_Control_Request_Method="POST"), 200, b""),
    "no device": (raw("/i?app_key=KEY"), 400, _MISSING),
    "nothing": (raw("/i"), 400, _MISSING),
    "unknown app": (raw("/i?app_key=NO&device_id=d"), 400, _UNKNOWN),
    "opted out": (
        raw(f"/i?app_key=KEY&device_id={'0' * 8}-0000-0000-0000-{'0' * 12}"),
        200,
        b'{"result":"Ignoring device_id"}',
    ),
    "a short app id": (raw(f"/i?{parameters(app_id='x')}"), 400, b'{"result":"Invalid parameter \\"app_id\\""}'),
    "a Mongo operator": (raw("/i?app_key[$regex]=x&device_id=d"), 400, _UNKNOWN),
    "a broken JSON body": (raw("/i", verb="POST", body=b"{", kind="application/json"), 400, _MISSING),
    "a read": (raw(f"/o/sdk?{parameters(method='fetch_remote_config')}"), 200, b"{}"),
    "bulk": (raw(f"/i/bulk?app_key=KEY&requests={quote(_ITEMS)}"), 200, SUCCESS),
}


@pytest.mark.parametrize("is_behind_proxy", [False, True])
@pytest.mark.parametrize("name", _TAKEN)
def test_both_answer_and_store_alike(settings: Settings, name: str, is_behind_proxy: bool) -> None:
    settings.IS_BEHIND_PROXY, settings.PROXIES = is_behind_proxy, 1
    by_loop, stored_by_loop = ask_loop(_TAKEN[name]), take_stored()
    by_django, stored_by_django = ask_django(_TAKEN[name]), take_stored()
    assert by_loop == by_django
    assert stored_by_loop == stored_by_django
    assert by_django[::2] == (200, SUCCESS)
    assert len(stored_by_django) == 1
    if name == "proxies":
        assert stored_by_django[0]["ip"] == ("9.9.9.9" if is_behind_proxy else "10.0.0.7")


@pytest.mark.parametrize("name", _LEFT)
def test_the_loop_leaves_the_rest_to_the_view(name: str) -> None:
    data, status, body = _LEFT[name]
    assert ask_loop(data) is None
    answered = ask_django(data)
    assert answered[0] == status
    assert body is None or answered[2] == body
    assert answered[1]["Access-Control-Allow-Origin"] == "*"
