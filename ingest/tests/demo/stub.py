"""A server that takes everything and remembers it, or answers as it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The encoded parameters, wherever they came."""
        return self.body.decode() or self.target.partition("?")[2]


Answer = tuple[int, bytes]


def result(text: str, status: int = 200) -> Answer:
    """Give an answer such as Countly's."""
    return status, json.dumps({"result": text}).encode()


@dataclass
class Stub:
    """The server's address, what it received, and how often it was connected to."""

    answer: Callable[[Received], Answer]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    lock: Lock = field(default_factory=Lock)
    url: str = ""


@contextmanager
def stub_server(answer: Callable[[Received], Answer] = lambda _: result("Success")) -> Iterator[Stub]:
    """Run a stub until the end of the block."""
    stub = Stub(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with stub.lock:
                stub.connections += 1

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Received(self.command, self.path, dict(self.headers), body)
            with stub.lock:
                stub.received.append(request)
            status, content = stub.answer(request)
            if not status:  # hang up without a word
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _take  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
