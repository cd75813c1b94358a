"""The stand-in's network: four TLS ports that speak HTTP/2, and everything that can go wrong on them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from profiles.messages.providers import Addresses
from profiles.messages.standin.accounts import Certificates, make_certificates
from profiles.messages.standin.behaviour import Fault
from profiles.messages.standin.book import Book, Connection, Reply

ROLES: Final = ("production", "sandbox", "fcm", "token")
_SPLIT_BYTES: Final = 7
COUNTS_PATH: Final = "/__counts"


@dataclass
class _Request:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


class _Protocol(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, standin: StandIn, role: str) -> None:
        self._standin, self._role = standin, role
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._remembered = Connection()
        self._requests: dict[int, _Request] = {}
        self._count = 0
        self._last = 0
        self._is_ending = False
        self._loop = asyncio.get_running_loop()

    @property
    def _book(self) -> Book:
        return self._standin.book

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is a TCP server
        self._transport = transport
        most = {SettingCodes.MAX_CONCURRENT_STREAMS: self._book.behaviour.most_streams}
        self._h2.local_settings = Settings(client=False, initial_values=most)
        self._h2.initiate_connection()
        self._flush()

    def _flush(self) -> None:
        self._transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
            for event in events:
                self._take(event)
        except ProtocolError:
            self._transport.close()
            return
        self._flush()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                headers = {str(name): str(value) for name, value in event.headers or ()}
                self._requests[event.stream_id or 0] = _Request(headers)
            case DataReceived():
                if event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
                request = self._requests.get(event.stream_id or 0)
                if request is not None:
                    request.body += event.data or b""
            case StreamEnded():
                self._answer(event.stream_id or 0)
            case StreamReset():
                self._requests.pop(event.stream_id or 0, None)
            case ConnectionTerminated():
                self._transport.close()

    def _answer(self, stream_id: int) -> None:
        request = self._requests.pop(stream_id, None)
        if request is None or self._is_ending:
            return  # after GOAWAY: not looked at
        behaviour = self._book.behaviour
        self._count += 1
        self._last = stream_id
        fault = self._fault()
        if fault is Fault.REFUSED:
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        reply = self._reply(request)
        if fault is Fault.RESET and reply.status == 200:
            self._h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        else:
            seconds = behaviour.slow_seconds if reply.is_slow else behaviour.answer_seconds
            if seconds:
                self._loop.call_later(seconds, self._late, stream_id, reply)
            else:
                self._send(stream_id, reply)
        if behaviour.goaway_after and self._count >= behaviour.goaway_after:
            self._go_away()

    def _fault(self) -> Fault:
        behaviour = self._book.behaviour
        if behaviour.refuse_every and self._count % behaviour.refuse_every == 0:
            return Fault.REFUSED
        if behaviour.reset_every and self._count % behaviour.reset_every == 0:
            return Fault.RESET
        return Fault.NONE

    def _reply(self, request: _Request) -> Reply:
        path, body = request.headers[":path"], bytes(request.body)
        if path == COUNTS_PATH:
            return Reply(200, self._book.counts())
        if self._role == "token":
            return self._book.access_token(request.headers, body)
        if self._role == "fcm":
            return self._book.google_post(path, request.headers, body)
        return self._book.apple_post(self._role, self._remembered, path, request.headers, body)

    def _late(self, stream_id: int, reply: Reply) -> None:
        if not self._transport.is_closing():
            self._send(stream_id, reply)
            self._flush()

    def _send(self, stream_id: int, reply: Reply) -> None:
        behaviour = self._book.behaviour
        body = reply.body
        try:
            self._h2.send_headers(stream_id, [(":status", str(reply.status)), *reply.headers], end_stream=not body)
            if not body:
                return
            size = _SPLIT_BYTES if behaviour.split_answers or reply.is_split else len(body)
            for at in range(0, len(body), size):
                if behaviour.empty_frames or reply.is_split:
                    self._h2.send_data(stream_id, b"")
                self._h2.send_data(stream_id, body[at : at + size])
            self._h2.send_data(stream_id, b"", end_stream=True)
        except ProtocolError:
            return  # the client has given it up

    def _go_away(self) -> None:
        """Say that no more is looked at; what was is still answered. h2 would forget the open streams, so by hand."""
        self._is_ending = True
        self._flush()
        frame = GoAwayFrame(stream_id=0, last_stream_id=self._last, error_code=0)
        self._transport.write(frame.serialize())
        seconds = max(self._book.behaviour.answer_seconds, self._book.behaviour.slow_seconds)
        self._loop.call_later(seconds + 0.5, self._transport.close)


class StandIn:
    """The servers, in a thread of their own: `with StandIn(directory) as standin: … standin.book …`."""

    def __init__(self, directory: Path) -> None:
        self.book = Book()
        self.certificates: Certificates = make_certificates(directory)
        self.ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    @property
    def addresses(self) -> Addresses:
        """Where the servers are, and how they are trusted."""
        return Addresses(
            self.origin("production"), self.origin("sandbox"), self.origin("fcm"), str(self.certificates.authority)
        )

    def origin(self, role: str) -> str:
        """Return the address of one of the servers."""
        return f"https://127.0.0.1:{self.ports[role]}"

    @property
    def token_uri(self) -> str:
        """Where Google's access tokens are given."""
        return f"{self.origin('token')}/token"

    def __enter__(self) -> StandIn:
        self._thread.start()
        if not self._is_up.wait(10):
            raise RuntimeError("The stand-in did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers = [self._loop.run_until_complete(self._serve(role)) for role in ROLES]
        self._is_up.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, role: str) -> asyncio.Server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificates.certificate, self.certificates.key)
        context.set_alpn_protocols(["h2"])
        server = await self._loop.create_server(lambda: _Protocol(self, role), "127.0.0.1", 0, ssl=context)
        self.ports[role] = server.sockets[0].getsockname()[1]
        return server
