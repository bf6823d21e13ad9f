"""HTTP/1.1 on one connection: requests arrive whole and within bounds, answers go out as planned, in order.

Touches: clock, network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import httptools
import structlog

from carrier_mock.delivery import as_bytes, deliver
from carrier_mock.exchange import Plan, Request, Response, parse_target
from carrier_mock.faults import Delivery

MOST_HEAD_BYTES: Final = 16 << 10
MOST_HEADERS: Final = 100
MOST_BODY_BYTES: Final = 4 << 20
_MOST_QUEUED: Final = 16
_REQUEST_SECONDS: Final = 30.0
_IDLE_SECONDS: Final = 300.0
_LINGER: Final = struct.pack("ii", 1, 0)
"""Linger for no time: closing then sends a reset, whatever is still unsent."""

Handler = Callable[[Request], Plan]


class RefusedError(Exception):
    """What arrives is no request that is read here; the answer says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = Response(status, text.encode(), (("Content-Type", "text/plain; charset=utf-8"),))


class HttpConnection(asyncio.Protocol):
    """A connection. `handler` is asked with each request once the one before is answered.

    `connections` is where it stands while it is open.
    """

    def __init__(self, handler: Handler, connections: set[HttpConnection]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request, bool]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None
        self._refused = self._in_request = False
        self._held = 0
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._expect(_IDLE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Stop whatever was being sent."""
        self._connections.discard(self)
        self._expect(None)
        self._room.set()
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; answer what is complete."""
        if self._refused:
            return
        self._held += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # answered as the HTTP/1.1 that it is; what follows may be anything
            self._refused = True
            if self._sending is None:
                self.close()
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error.__context__, RefusedError) else None
            self._refuse(cause or RefusedError(400, "this is no HTTP request"))
        else:
            if self._in_request and self._held > MOST_HEAD_BYTES + MOST_BODY_BYTES:
                self._refuse(RefusedError(413, "the request is too large"))

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._room.set()

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._in_request, self._held = True, 0
        self._expect(_REQUEST_SECONDS)

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url
        if len(self._target) > MOST_HEAD_BYTES:
            raise RefusedError(414, "the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if len(self._headers) > MOST_HEADERS or len(name) + len(value) > MOST_HEAD_BYTES:
            raise RefusedError(431, "the headers are too large")

    def on_headers_complete(self) -> None:
        """Tell a client to go on that waits for it."""
        length = self._headers.get("content-length", "0")
        if length.isdigit() and int(length) > MOST_BODY_BYTES:
            raise RefusedError(413, "the request is too large")
        if self._headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += body
        if len(self._body) > MOST_BODY_BYTES:
            raise RefusedError(413, "the request is too large")

    def on_message_complete(self) -> None:
        """A whole request."""
        self._in_request = False
        self._expect(None)
        try:
            path, query = parse_target(self._target.decode("latin-1"))
        except ValueError:
            raise RefusedError(400, "this is no address") from None
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, query, self._headers, bytes(self._body))
        self._queue.append((request, not self._parser.should_keep_alive()))
        self._clear()
        if len(self._queue) > _MOST_QUEUED:
            raise RefusedError(429, "too many requests wait on this connection")
        self._answer_next()

    # What delivery calls.

    def write(self, data: bytes) -> None:
        """Send bytes, unless the client is gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until there is room for more. Raises ConnectionResetError when the client is gone."""
        await self._room.wait()
        if self._transport.is_closing():
            raise ConnectionResetError

    def close(self) -> None:
        """Send what is left, then end the connection."""
        self._transport.close()

    def reset(self) -> None:
        """End the connection with a reset, now."""
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self._transport.abort()

    def _answer_next(self) -> None:
        """Answer requests until one takes time, or none is left."""
        while self._queue and self._sending is None and not self._transport.is_closing():
            request, close = self._queue.popleft()
            plan = self._planned(request)
            close = close or request.method == "HEAD"  # its answer should have no body, and here it has
            if plan.delivery is Delivery.WHOLE and plan.wait == 0:
                self.write(as_bytes(plan.answer, close=close))
                if close:
                    self.close()
            else:
                self._sending = asyncio.get_running_loop().create_task(deliver(plan, self, close=close))
                self._sending.add_done_callback(self._sent)
        if self._sending is None and self._refused:
            self.close()
        elif self._sending is None and not self._in_request:
            self._expect(_IDLE_SECONDS)

    def _planned(self, request: Request) -> Plan:
        try:
            return self._handler(request)
        except Exception as error:  # noqa: BLE001  a defect must be seen as one, and not as a carrier's fault
            structlog.get_logger().error("carrier mock failed", path=request.path, exc_info=error)
            return Plan(Response(500, b"the mock has a defect; see its log\n", (("Content-Type", "text/plain"),)))

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        if not task.cancelled() and task.exception() is None:
            self._answer_next()
        else:
            self._transport.abort()

    def _refuse(self, refused: RefusedError) -> None:
        self._refused = True
        if self._sending is not None:  # nothing may stand in the middle of another answer
            self._transport.abort()
            return
        self.write(as_bytes(refused.answer, close=True))
        self.close()

    def _expect(self, seconds: float | None) -> None:
        """Cut the connection unless something happens in time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None and not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)
