"""What the loop reads by itself, and what it leaves to gunicorn's parser."""

import selectors
import socket
from collections.abc import Callable
from unittest import mock

import pytest
from gunicorn.config import Config

from countly_profiles.gunicorn_worker import DoorWorker, is_part, read_request

HEAD = b"POST /i HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n"


def test_it_reads_a_whole_request_and_not_the_next() -> None:
    request = read_request(HEAD + b"abcPOST /i")
    assert request is not None
    assert (request.path, request.query, request.body, request.length) == (b"/i", b"", b"abc", len(HEAD) + 3)
    assert request.headers[b"content-type"] == b"text/plain"


def test_it_reads_a_query() -> None:
    request = read_request(b"GET /i?a=1&b=%20 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert request is not None
    assert (request.query, request.body) == (b"a=1&b=%20", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-2],
        HEAD + b"ab",  # the body is not whole yet
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"abc",
        HEAD.replace(b"Host: x\r\n", b"") + b"abc",
        HEAD.replace(b"Host: x", b"Host: x\r\nContent-Length: 2") + b"abc",
        HEAD.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
        HEAD.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked") + b"abc",
        HEAD.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue") + b"abc",
        HEAD.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"abc",
        HEAD.replace(b"Content-Length: 3", b"Content-Length: +3") + b"abc",
        HEAD.replace(b"Content-Length: 3", b"Content-Length : 3") + b"abc",
        HEAD.replace(b"Host: x", b"Host: x\r\n folded: y") + b"abc",
        HEAD.replace(b"\r\n", b"\n") + b"abc",
        HEAD.replace(b"POST", b"PUT") + b"abc",
        b"GET /i HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_it_leaves_all_else(data: bytes) -> None:
    assert read_request(data) is None


@pytest.mark.parametrize(
    ("data", "waits"),
    [
        (b"", False),
        (b"G", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", True),
        (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 10_000, True),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 17_000, False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"a" * 16_384, False),
    ],
)
def test_what_is_waited_for_on_the_loop(data: bytes, waits: bool) -> None:
    assert is_part(data) is waits


@pytest.mark.parametrize("ends", [socket.socket.close, lambda client: client.shutdown(socket.SHUT_WR)])
def test_a_client_that_goes_in_mid_request_leaves_the_loop_quiet(
    ends: Callable[[socket.socket], None],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = DoorWorker(0, 0, [listener], mock.Mock(), 30, Config(), mock.Mock())
        worker._door = mock.Mock()
        worker.poller = selectors.DefaultSelector()
        client = socket.create_connection(listener.getsockname())
        worker.accept(listener)
        client.sendall(HEAD[:20])
        worker.wait_for_and_dispatch_events(1)
        assert not worker.poller.select(0), "it waits for more without being asked again and again"
        ends(client)
        worker.wait_for_and_dispatch_events(1)
        assert not worker.poller.get_map()
        assert (worker.nr_conns, len(worker.keepalived_conns)) == (0, 0)
        client.close()
        worker.poller.close()
        worker.tmp.close()
