"""A gunicorn worker with threads, whose event loop takes small whole requests itself if the application has a door.

A thread for each request costs more than all that the door does with it: two switches of threads to begin and end it,
two more to wait for its commit. So the loop looks at what came (without consuming it), asks the application's
`loop_door`, and gives what was taken to one thread that commits all that waits at once and hands back the answers.
What the door does not take, what is not whole yet and what is not plain HTTP/1.1 goes to gunicorn's threads, untouched.

An application without `loop_door` is served as gunicorn's own `gthread` does.
"""

from __future__ import annotations

import queue
import re
import select
import selectors
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.http import HttpResponse
from gunicorn.util import http_date
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

_LARGEST_BYTES = 65_536  # of a request that the loop looks at
_BEGINNING_BYTES = 16_384  # that have to be there before a thread begins with a request that is longer
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n|$)", re.IGNORECASE)
_MOST_AT_ONCE = 500  # requests in one commit
# Whatever is spelled otherwise is gunicorn's to judge: this must never read a request differently than its parser.
_HEAD = re.compile(
    rb"(GET|POST) (/[A-Za-z0-9_./-]*)(?:\?([\x21-\x7e]*))? HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[ \t\x21-\xff]*\r\n)+)\r\n"
)
# With these a request is not over at its Content-Length, or its connection not to be kept.
_NOT_PLAIN = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"proxy-connection"))


class Door(Protocol):
    """What an application's `loop_door` is. `take` and `answer` run on the loop and must not block."""

    def take(self, path: bytes, query: bytes, headers: Mapping[bytes, bytes], body: bytes, connected: str) -> Any:
        """Return what `store` is to store of a request, or None when the application has to see it."""

    def store(self, taken: Sequence[Any]) -> list[bool]:
        """Store what was taken, and return for each whether it is durable. Runs in a thread."""

    def answer(self, *, is_stored: bool) -> HttpResponse:
        """Return what clients are told."""


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A whole request as it lies in the socket."""

    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    length: int


def read_request(data: bytes) -> PlainRequest | None:
    """Read the request that `data` begins with, or None when it is not whole, or not plain. Pure."""
    head = _HEAD.match(data)
    if head is None:
        return None
    method, path, query, lines = head.groups()
    headers = {}
    count = 0
    for line in lines.splitlines():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip(b" \t")
        count += 1
    length = headers.get(b"content-length", b"0" if method == b"GET" else b"")
    if (
        len(headers) != count
        or b"host" not in headers
        or not _NOT_PLAIN.isdisjoint(headers)
        or headers.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or not length.isdigit()
        or (method == b"GET" and length != b"0")
    ):
        return None
    end = head.end() + int(length)
    if end > len(data):
        return None
    return PlainRequest(path, query or b"", headers, data[head.end() : end], end)


class DoorWorker(ThreadWorker):  # type: ignore[misc]
    """`gthread`, and the door."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._door: Door | None = None
        self._arrived: list[tuple[TConn, Any]] = []  # in this round of the loop
        self._waiting: queue.SimpleQueue[list[tuple[TConn, Any]]] = queue.SimpleQueue()  # for the next commit
        self._unanswered: dict[TConn, bool] = {}  # and whether more came from it, which it must wait with
        self._answers: dict[bool, bytes] = {}
        self._answers_made_at = 0

    def load_wsgi(self) -> None:
        """Load the application and see whether it has a door."""
        super().load_wsgi()
        self._door = None if self.cfg.is_ssl else getattr(self.wsgi, "loop_door", None)

    def run(self) -> None:
        """Serve until told to stop."""
        if self._door is not None:
            threading.Thread(target=self._store_for_ever, args=[self._door], name="store", daemon=True).start()
        super().run()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection and wait on the loop for what it says."""
        if self._door is None:
            super().accept(listener)
            return
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.data_ready = True  # it will be, when a thread gets it
        self._keep(connection)
        self._listen(connection)

    def on_client_socket_readable(self, connection: TConn, client: socket.socket) -> None:
        """Take a request, or leave it to a thread."""
        if connection in self._unanswered:
            # The next request before the answer, or the client has gone: seen after the answer.
            self.poller.unregister(client)
            self._unanswered[connection] = True
        elif self._door is not None and self.alive and (bytes_there := _bytes_of_part(client)):
            if _has_ended(client):
                # Readable for ever, and never whole: left here, it would keep the loop busy until its time is over.
                self.poller.unregister(client)
                self.keepalived_conns.remove(connection)
                self.nr_conns -= 1
                connection.close()
                return
            # Wait for more on the loop: a client that sends a byte now and then holds up no thread, and is closed
            # when its time is over.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, bytes_there + 1)
        elif self._door is None or not self.alive or not self._is_taken(self._door, connection, client):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            super().on_client_socket_readable(connection, client)
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Run one round of the loop, and have stored what arrived in it."""
        super().wait_for_and_dispatch_events(timeout)
        if self._arrived:
            self._waiting.put(self._arrived)
            self._arrived = []

    def _is_taken(self, door: Door, connection: TConn, client: socket.socket) -> bool:
        try:
            request = read_request(client.recv(_LARGEST_BYTES, socket.MSG_PEEK))
        except OSError:
            return False
        if request is None or len(self.keepalived_conns) > self.max_keepalived:
            return False
        connected = connection.client[0] if isinstance(connection.client, tuple) else ""
        try:
            taken = door.take(request.path, request.query, request.headers, request.body, connected)
        except Exception as fault:  # noqa: BLE001 - a thread finds the same, and answers for it
            self.log.error("The door failed: %s", type(fault).__name__)  # noqa: TRY400 - a trace may quote
            return False
        if taken is None:
            return False
        client.recv(request.length)
        self.keepalived_conns.remove(connection)
        self._unanswered[connection] = False
        self._arrived.append((connection, taken))
        return True

    def _store_for_ever(self, door: Door) -> None:
        """Store all that waits, again and again; in a thread of its own."""
        while True:
            group = self._waiting.get()
            while len(group) < _MOST_AT_ONCE and not self._waiting.empty():
                group += self._waiting.get()
            try:
                are_stored = door.store([taken for _, taken in group])
            except Exception as fault:  # noqa: BLE001 - this thread must live; the clients hear that nothing is stored
                self.log.error("Nothing was stored: %s", type(fault).__name__)  # noqa: TRY400 - a trace may quote
                are_stored = [False] * len(group)
            self.method_queue.defer(self._answer, door, [connection for connection, _ in group], are_stored)

    def _answer(self, door: Door, connections: Sequence[TConn], are_stored: Sequence[bool]) -> None:
        """Answer requests and wait for the next ones; on the loop."""
        now = int(time.time())
        if now != self._answers_made_at:
            self._answers = {is_stored: _raw(door.answer(is_stored=is_stored)) for is_stored in (False, True)}
            self._answers_made_at = now
        for connection, is_stored in zip(connections, are_stored, strict=True):
            is_registered = not self._unanswered.pop(connection)
            answer = self._answers[is_stored]
            try:
                is_sent = connection.sock.send(answer) == len(answer)
            except OSError:
                is_sent = False
            if is_sent:
                self._keep(connection)
                if not is_registered:
                    self._listen(connection)
            else:
                if is_registered:
                    self.poller.unregister(connection.sock)
                self.nr_conns -= 1
                connection.close()

    def _keep(self, connection: TConn) -> None:
        connection.set_timeout()
        if not self.alive:
            connection.timeout = min(connection.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(connection)

    def _listen(self, connection: TConn) -> None:
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, connection))


def _bytes_of_part(client: socket.socket) -> int:
    """Return how many bytes came of a request that is not whole; 0 for one that is, or is too long to wait for."""
    try:
        data = client.recv(_LARGEST_BYTES, socket.MSG_PEEK)
    except OSError:
        return 0
    return len(data) if is_part(data) else 0


def _has_ended(client: socket.socket) -> bool:
    """Tell whether the client sends nothing any more: it has gone, or has shut its side."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    return bool(poll.poll(0))


def is_part(data: bytes) -> bool:
    """Tell whether more of a request has to come before a thread may begin with it.

    Of a long body the beginning is enough: whoever means harm had to send that much.
    """
    if not data or len(data) >= _BEGINNING_BYTES:
        return False
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return True
    if b"\r\nexpect:" in head.lower():  # it sends its body when a thread has said that it may
        return False
    length = _LENGTH.search(head)
    return length is not None and len(body) < min(int(length[1]), _BEGINNING_BYTES - len(head) - len(end))


def _raw(response: HttpResponse) -> bytes:
    """Return a response as gunicorn would write it to a connection that stays."""
    lines = [
        f"HTTP/1.1 {response.status_code} {response.reason_phrase}",
        "Server: gunicorn",
        f"Date: {http_date()}",
        "Connection: keep-alive",
        *(f"{name}: {value}" for name, value in response.items()),
        f"Content-Length: {len(response.content)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.content
