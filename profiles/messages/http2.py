"""A small HTTP/2 client that knows of each request whether the server may have acted on it. No framework.

That is what httpx cannot say: when a server closes a connection with GOAWAY, as Apple's do at will, httpx fails every
request in flight, although those up to the last stream named are still answered. Repeating them would send messages
twice. Here they are waited for, and only those beyond are repeated.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame

MOST_STREAMS: Final = 100
LARGEST_ANSWER: Final = 64 * 1024
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
_MOST_TRIES: Final = 10
_READ_BYTES: Final = 64 * 1024
_LAST_STREAM: Final = 2**31 - 1_000


class NotProcessedError(Exception):
    """The server has not acted on the request, and never will: it may be sent again as if for the first time."""


class UnreachableError(NotProcessedError):
    """There is no connection to the server."""


class UnknownFateError(Exception):
    """The connection or the stream broke before the answer: the server may have acted or not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Stream:
    answer: asyncio.Future[Answer]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _PatientConnection(H2Connection):
    """Goes on after GOAWAY: what h2 would take for the end is only the end of new streams."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data or None
        return [], [event]


class _Connection:
    """One TLS connection with its streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = _PatientConnection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._window_opened = asyncio.Event()
        self._taken = 0
        self._settled = asyncio.Event()
        self.takes_streams = True
        self._h2.initiate_connection()
        self._flush()
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def settle(self) -> None:
        """Wait until the server has said how many streams it takes: Apple takes one at first."""
        await self._settled.wait()

    async def post(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Send a request on a stream of its own and return the answer."""
        await self._take_slot()
        try:
            return await self._post(headers, body)
        finally:
            self._taken -= 1
            self._wake()

    async def _post(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        if not self.takes_streams:
            raise NotProcessedError
        stream_id = self._h2.get_next_available_stream_id()
        if stream_id > _LAST_STREAM:
            self.takes_streams = False
        stream = _Stream(asyncio.get_running_loop().create_future())
        self._streams[stream_id] = stream
        try:
            self._h2.send_headers(stream_id, headers)
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._send_body(stream_id, stream, body)
                return await stream.answer
        except TimeoutError:
            with suppress(ProtocolError):
                self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)
                self._flush()
            # A connection that lets one request wait so long is not asked for more.
            self.takes_streams = False
            raise UnknownFateError("no answer in time") from None
        except ProtocolError as error:
            self.takes_streams = False
            raise UnknownFateError(str(error)) from None
        finally:
            self._streams.pop(stream_id, None)
            if not self.takes_streams and not self._streams:
                self._writer.close()

    async def _send_body(self, stream_id: int, stream: _Stream, body: bytes) -> None:
        """Send the body as the windows of flow control open; no more of it once the answer is there."""
        at = 0
        while True:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if room > 0 or at == len(body):
                part = body[at : at + room]
                at += len(part)
                is_last = at == len(body)
                self._h2.send_data(stream_id, part, end_stream=is_last)
                self._flush()
                if is_last:
                    return
                continue
            self._window_opened.clear()
            await self._window_opened.wait()  # any news wakes it, the stream's end too
            if stream.answer.done():
                return

    @property
    def _most_streams(self) -> int:
        return min(MOST_STREAMS, self._h2.remote_settings.max_concurrent_streams)

    async def _take_slot(self) -> None:
        while self.takes_streams and self._taken >= self._most_streams:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        self._taken += 1

    def _wake(self, *, is_all: bool = False) -> None:
        while self._waiters and (is_all or self._taken < self._most_streams):
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                if not is_all:
                    return

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._writer.write(data)

    async def _read(self) -> None:
        reason = "the server closed the connection"
        try:
            while data := await self._reader.read(_READ_BYTES):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
        except (OSError, ProtocolError, asyncio.CancelledError) as error:
            reason = str(error) or type(error).__name__
        finally:
            self.takes_streams = False
            for stream in self._streams.values():
                _fail(stream, UnknownFateError(reason))
            self._window_opened.set()
            self._settled.set()
            self._wake(is_all=True)
            self._writer.close()

    def _take(self, event: Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", 0) or 0)
        match event:
            case ResponseReceived() if stream and event.headers:
                stream.headers = {_text(name): _text(value) for name, value in event.headers}
                stream.status = int(stream.headers.pop(":status", "0"))
            case DataReceived():
                if event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if stream and event.data:
                    stream.body += event.data[: LARGEST_ANSWER - len(stream.body)]
            case StreamEnded() if stream:
                if not stream.answer.done():
                    stream.answer.set_result(Answer(stream.status, stream.headers, bytes(stream.body)))
            case StreamReset() if stream:
                is_refused = event.error_code == ErrorCodes.REFUSED_STREAM
                _fail(stream, NotProcessedError() if is_refused else UnknownFateError(f"reset {event.error_code}"))
            case ConnectionTerminated():
                self._end(event.last_stream_id or 0)
            case RemoteSettingsChanged():
                self._settings_changed(event)
            case TrailersReceived():
                pass
        self._window_opened.set()

    def _settings_changed(self, event: RemoteSettingsChanged) -> None:
        self._settled.set()
        if SettingCodes.MAX_CONCURRENT_STREAMS in event.changed_settings:
            for _ in range(self._most_streams):
                self._wake()

    def _end(self, last_stream_id: int) -> None:
        """Take no more streams. Those up to the one that is named are still answered, the others never were seen."""
        self.takes_streams = False
        for stream_id, stream in self._streams.items():
            if stream_id > last_stream_id:
                _fail(stream, NotProcessedError())
        self._wake(is_all=True)
        if not self._streams:
            self._writer.close()

    async def close(self) -> None:
        """Close at once; whoever waits for an answer gets none."""
        self.takes_streams = False
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        with suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()


def _fail(stream: _Stream, error: Exception) -> None:
    if not stream.answer.done():
        stream.answer.set_exception(error)
        stream.answer.exception()  # looked at, even where nobody waits any more


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


class Http2Client:
    """A server, and one connection to it at a time, renewed when it ends. For one event loop."""

    def __init__(self, origin: str, context: ssl.SSLContext) -> None:
        """Take an origin such as https://api.push.apple.com, and how to trust it."""
        parts = urlsplit(origin)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._authority = parts.netloc
        self._context = context
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def post(self, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        """Post, again on a new connection while the server says that it has not looked at it.

        Raises UnreachableError where there is no connection, NotProcessedError where the server refused again and
        again, UnknownFateError where nobody can tell.
        """
        whole = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._authority),
            (":path", path),
            *headers,
            ("content-length", str(len(body))),
        ]
        for _ in range(_MOST_TRIES):
            connection = await self._connected()
            try:
                return await connection.post(whole, body)
            except NotProcessedError:
                continue
        raise NotProcessedError("refused again and again")

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.takes_streams:
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
        except (OSError, TimeoutError) as error:
            raise UnreachableError(str(error) or type(error).__name__) from None
        tls = writer.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            writer.close()
            raise UnreachableError("the server does not speak HTTP/2")
        connection = _Connection(reader, writer)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.settle()
        except TimeoutError:
            await connection.close()
            raise UnreachableError("the server says nothing") from None
        return connection

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """Return how servers are trusted: by the system's authorities, or by those of a file alone."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["h2"])
    return context
