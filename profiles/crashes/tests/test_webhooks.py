"""Where webhooks may go, and that they go nowhere else."""

import hashlib
import hmac
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from profiles.crashes.webhooks import WebhookError, checked_address, is_public, post, resolve, sign


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address: str, *, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com/",
        "example.com",
        "https://",
        "https://a:b@example.com/",
        "https://x.example/a b",
        "http://[::1",
    ],
)
def test_it_rejects_what_is_no_address(address: str) -> None:
    with pytest.raises(WebhookError):
        checked_address(address)


def test_one_private_address_of_a_name_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(WebhookError, match="private"):
        resolve("both.example", 443, may_be_private=False)


Posts = list[tuple[str, dict[str, str], bytes]]


@pytest.fixture
def listener() -> Iterator[tuple[str, Posts]]:
    posts: Posts = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append((self.path, dict(self.headers), body))
            self.send_response({"/moved": 302, "/broken": 500}.get(self.path, 204))
            if self.path == "/moved":
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://localhost:{server.server_port}", posts
    server.shutdown()
    server.server_close()
    thread.join()


def test_it_posts(listener: tuple[str, Posts]) -> None:
    url, posts = listener
    assert post(f"{url}/hook?a=1", b"{}", {"X-A": "b"}, may_be_private=True) == 204
    [(path, headers, body)] = posts
    assert (path, headers["X-A"], body) == ("/hook?a=1", "b", b"{}")
    assert headers["Host"] == url.removeprefix("http://")


def test_it_never_connects_to_a_private_network(listener: tuple[str, Posts]) -> None:
    with pytest.raises(WebhookError, match="private"):
        post(f"{listener[0]}/hook", b"{}", {})
    assert listener[1] == []


@pytest.mark.parametrize(("path", "said"), [("/moved", "redirects are not followed"), ("/broken", "500")])
def test_it_fails_on_other_answers(listener: tuple[str, Posts], path: str, said: str) -> None:
    with pytest.raises(WebhookError, match=said):
        post(listener[0] + path, b"{}", {}, may_be_private=True)
    assert [path for path, *_ in listener[1]] == [path]


def test_it_connects_to_the_address_that_was_looked_at(
    listener: tuple[str, Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(listener[0].rpartition(":")[2])
    asked = []

    def answer(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        # The second answer would lead elsewhere: nobody may ask twice.
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1" if len(asked) == 1 else "192.0.2.1", port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: answer(host) if host == "hook.example" else real(host, *a, **k)
    )
    assert post(f"http://hook.example:{port}/", b"{}", {}, may_be_private=True) == 204
    assert asked == ["hook.example"]


def test_the_signature() -> None:
    expected = hmac.new(b"secret", b"17.{}", hashlib.sha256).hexdigest()
    assert sign("secret", b"{}", 17) == f"t=17,v1={expected}"
