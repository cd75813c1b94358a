"""Sending stories to a server: people in parallel, each person's requests in order, over connections that are kept."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import SimpleQueue
from threading import Event
from typing import Final
from urllib.parse import urlsplit

from ingest.demo.requests import DemoRequest, Mark

_TIMEOUT_SECONDS: Final = 30
_TRIES: Final = 5
_SERVER_ERRORS: Final = 500
_FIRST_PAUSE_SECONDS: Final = 0.2
_SUCCESS: Final = "Success"
_NO_SERVER_OF_OURS: Final = (301, 302, 307, 308, 404, 405)
# Answers that every other request would get too: there is no sense in going on.
_HOPELESS: Final = {
    "App does not exist": "The server knows no app with this key (it answered: App does not exist).",
    "App is currently not accepting data": "The app is paused: the server takes no data for it.",
    "App is locked": "The app is locked: the server takes no data for it.",
    "Request does not have checksum": "The app wants checksums: give its salt with --salt.",
    "Request does not match checksum": "The salt is wrong: the server answered that the checksum does not match.",
    "Invalid path": "There is no /i below this address (the server answered: Invalid path).",
}


class SendingError(Exception):
    """Nothing more can be sent; the message says why in a sentence."""


@dataclass
class Tally:
    """What was sent and how it was answered."""

    people: int = 0
    requests: int = 0
    sessions: int = 0
    events: int = 0
    crashes: int = 0
    details: int = 0
    merges: int = 0
    marks: Counter[Mark] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, request: DemoRequest, refusal: str) -> None:
        """Count a request that was answered."""
        self.requests += 1
        self.marks[request.mark] += 1
        if refusal:
            self.refused[refusal] += 1
            return
        self.sessions += request.sessions
        self.events += request.events
        self.crashes += request.crashes
        self.details += request.details
        self.merges += request.merges

    def add(self, other: "Tally") -> None:
        """Add what another one counted."""
        for name in ("people", "requests", "sessions", "events", "crashes", "details", "merges"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.marks += other.marks
        self.refused += other.refused


@dataclass(frozen=True, slots=True)
class Server:
    """Where to send."""

    url: str
    host: str
    port: int
    prefix: str
    is_https: bool

    @classmethod
    def at(cls, url: str) -> "Server":
        """Read an address such as an SDK is given; a path before `/i` is kept. Raises SendingError."""
        parts = urlsplit(url)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise SendingError(f"{url} is no address: its port is no number.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SendingError(f"{url} is no address: http://host:port/ is wanted.")
        return cls(url, parts.hostname, port, parts.path.rstrip("/"), parts.scheme == "https")

    def connect(self) -> HTTPConnection:
        """Give a connection, not opened yet."""
        kind = HTTPSConnection if self.is_https else HTTPConnection
        return kind(self.host, self.port, timeout=_TIMEOUT_SECONDS)

    def check(self) -> None:
        """Raise SendingError when nothing listens there."""
        try:
            socket.create_connection((self.host, self.port), timeout=_TIMEOUT_SECONDS).close()
        except OSError as error:
            raise SendingError(f"Nothing answers at {self.url} ({error.strerror or error}). Is it running?") from None


def send_stories(
    server: Server,
    tell: Callable[[int], list[DemoRequest]],
    people: int,
    *,
    parallel: int,
    stop: Event,
    on_person: Callable[[Tally], None],
) -> Tally:
    """Tell and send the stories of `people` persons, and call `on_person` with the total after each of them.

    A story is made when its turn comes, so memory does not grow with the number of people. `stop` ends everything after
    the requests that are under way. Raises SendingError when the server is gone or will take nothing.
    """
    total = Tally()
    with _connections(server, parallel) as connections, _pool(parallel, stop) as pool:
        futures: list[Future[Tally]] = [
            pool.submit(_send_story, server, connections, tell, number, stop) for number in range(people)
        ]
        for future in as_completed(futures):
            total.add(future.result())
            on_person(total)
    return total


@contextmanager
def _connections(server: Server, count: int) -> Iterator[SimpleQueue[HTTPConnection]]:
    """Give connections for as many senders, and close them."""
    connections: SimpleQueue[HTTPConnection] = SimpleQueue()
    for _ in range(count):
        connections.put(server.connect())
    try:
        yield connections
    finally:
        while not connections.empty():
            connections.get().close()


@contextmanager
def _pool(parallel: int, stop: Event) -> Iterator[ThreadPoolExecutor]:
    """Give threads that end soon when the caller is interrupted or one of them fails."""
    pool = ThreadPoolExecutor(parallel)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _send_story(
    server: Server,
    connections: SimpleQueue[HTTPConnection],
    tell: Callable[[int], list[DemoRequest]],
    number: int,
    stop: Event,
) -> Tally:
    tally = Tally()
    if stop.is_set():
        return tally
    connection = connections.get()
    try:
        for request in tell(number):
            if stop.is_set():
                return tally
            tally.count(request, _send(server, connection, request))
        tally.people = 1
    except SendingError:
        stop.set()  # before this thread takes the next story
        raise
    finally:
        connections.put(connection)
    return tally


def _send(server: Server, connection: HTTPConnection, request: DemoRequest) -> str:
    """Send one request until it is answered; return why it was refused, or nothing.

    A broken connection or a failing server gets it again, as from an SDK: the server knows a retry when it sees one.
    """
    pause = _FIRST_PAUSE_SECONDS
    for attempt in range(1, _TRIES + 1):
        try:
            connection.request(
                request.method, server.prefix + request.target, request.body or None, dict(request.headers)
            )
            response = connection.getresponse()
            status, body = response.status, response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            if attempt == _TRIES:
                raise SendingError(f"{server.url} does not answer any more: {error}.") from error
        else:
            if status < _SERVER_ERRORS or attempt == _TRIES:
                return _refusal(status, body)
        time.sleep(pause)
        pause *= 2
    raise AssertionError("unreachable")


def _refusal(status: int, body: bytes) -> str:
    """Judge an answer as an SDK does: 2xx and a JSON object with `result`. Return nothing, or the reason."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    result = answer.get("result") if isinstance(answer, dict) else None
    if result is None:
        if status in _NO_SERVER_OF_OURS:
            raise SendingError(f"There is no Countly server at this address: it answered with status {status}.")
        return f"status {status} without a result"
    if str(result) in _HOPELESS:
        raise SendingError(_HOPELESS[str(result)])
    return "" if result == _SUCCESS else f"status {status}: {result}"
