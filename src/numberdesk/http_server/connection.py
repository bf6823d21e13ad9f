"""One HTTP connection: requests arrive whole, in time and within bounds, and their answers are read.

Touches: network, clock.

uvicorn's protocol parses, starts the application and keeps pipelined requests in order, but waits for ever for
the rest of a request, counts no header and waits for ever for a client that does not read. This adds:

- a deadline for a whole request, from the opening of the connection or the request's first byte. Bytes that drip
  in do not move it, only a body that comes fast does; it stands still while this side does not read;
- bounds on the head, on the trailer of a chunked body, on requests queued at once and on bodies nobody wants;
- an end to connections whose client does not read;
- refusals in the product's envelope, given after the answers to the requests before, and closed so that they can be
  read.

A request that arrives in one read costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from numberdesk.core.errors import HeadersTooLarge, Internal, NumberdeskError, Overloaded, RequestTimeout
from numberdesk.http_server.deadline import Deadline, HoldingFlow
from numberdesk.http_server.refusal import refusal
from numberdesk.http_server.request_head import head_size, invalid, refuse_bad_head, refuse_websocket, without_upgrade


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take: seconds, bytes and counts."""

    receive_seconds: float = 10.0
    """For the headers and body of one request."""
    earning_bytes: int = 128 * 1024
    """Of a body, for which it gets a second more: twice what a JSON body may have."""
    idle_seconds: int = 75
    """Between an answer and the next request."""
    write_seconds: float = 30.0
    """For a client that has stopped reading."""
    linger_seconds: float = 2.0
    """For a refused client to read its refusal while what it still sends is thrown away."""
    header_bytes: int = 16 * 1024
    """Target and headers of one request; also a trailer."""
    header_count: int = 100
    pipelined: int = 64
    """Requests which wait on one connection for the answer to the one before."""
    unwanted_bytes: int = 256 * 1024
    """Of a body that goes on arriving after its request has been answered."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with `limits`; `new_id` makes the request ids of refusals."""

    limits: ClassVar[Limits]
    new_id: ClassVar[Callable[[], str]]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn: always a duplex transport
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._deadline = Deadline(self.loop, self._late)
        self.flow = HoldingFlow(transport, self._deadline)
        self._receiving = False  # a request has begun and is not complete
        self._in_head = False
        self._upgrading = False
        self._read_bytes = 0  # of the read being parsed, 0 once a request has ended in it
        self._held_bytes = 0  # fed for the head or trailer at hand, as far as known
        self._unwanted_bytes = 0
        self._earned_bytes = 0  # of a body, not yet turned into time
        self._refused = False
        self._answer_last: bytes | None = None  # a refusal that waits for the answers before it
        self._abort_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._deadline.start(self.limits.receive_seconds, held=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop every timer, so that nothing keeps the connection in memory."""
        self._deadline.stop()
        for timer in (self._abort_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse one read, then see to the time the rest may take."""
        if self._refused or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._read_bytes = len(data)
        self._held_bytes += self._read_bytes if self._receiving else 0
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(self._cause(error))
            return
        if self._receiving:
            self._wait_for_the_rest()
        elif not self._answers_due():
            self._keep_alive()

    def _wait_for_the_rest(self) -> None:
        if self._held_bytes > self.limits.header_bytes:
            self._refuse(HeadersTooLarge())
        else:
            self._deadline.start(self.limits.receive_seconds, held=self.flow.read_paused)

    def _feed(self, data: bytes | memoryview) -> None:
        """Parse; what follows an Upgrade that is ignored is parsed as the HTTP it is."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._upgrading = False
                parser, offset = self.parser, upgrade.args[0]
                head = without_upgrade(parser.get_method(), self.url, parser.get_http_version(), self.headers)
                parser.feed_data(head)
                data = memoryview(data)[offset:]
            else:
                return

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._receiving = self._in_head = True
        self._held_bytes = self._read_bytes
        self._unwanted_bytes = 0
        self._earned_bytes = 0

    def on_headers_complete(self) -> None:
        """Refuse by raising, which stops the parser, or start the application."""
        parser, limits = self.parser, self.limits
        maybe_large = self._held_bytes > limits.header_bytes or self._read_bytes == 0
        if maybe_large and head_size(self.url, self.headers) > limits.header_bytes:
            raise HeadersTooLarge
        if len(self.headers) > limits.header_count:
            raise HeadersTooLarge
        refuse_bad_head(parser.get_method(), parser.get_http_version(), self.url, self.headers)
        if parser.should_upgrade():
            refuse_websocket(self.headers)
            self._upgrading = True
            return
        if len(self.pipeline) >= limits.pipelined:
            raise Overloaded
        self._in_head = False
        self._held_bytes = 0
        super().on_headers_complete()
        self.headers = []  # where a trailer ends: the application has its headers and must not see them grow

    def on_body(self, body: bytes) -> None:
        """Hand the body on, and refuse a long one that came after its answer."""
        self._held_bytes = 0
        self._earn_time(len(body))
        if self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > self.limits.unwanted_bytes:
                raise invalid("has a body nobody reads")
        super().on_body(body)

    def _earn_time(self, size: int) -> None:
        """A large body that keeps coming gets a second more for every `earning_bytes`: a file may take its time."""
        self._earned_bytes += size
        seconds, self._earned_bytes = divmod(self._earned_bytes, self.limits.earning_bytes)
        if seconds:
            self._deadline.extend(seconds)

    def on_message_complete(self) -> None:
        """Stop the clock: from here on the client is not to blame."""
        if self._upgrading:
            return
        self._receiving = False
        self._read_bytes = 0
        self._deadline.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give the refusal that waited for this answer, if there is one."""
        last = not self.pipeline
        super().on_response_complete()
        if self._answer_last is not None and last and not self.transport.is_closing():
            self._hang_up(self._answer_last)
        elif self._receiving:  # the deadline watches, not the shorter patience with idle connections
            self._unset_keepalive_if_required()

    def _keep_alive(self) -> None:
        """Give an idle connection its time again, after bytes that were no new request took it away."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _late(self) -> None:
        if self._receiving:
            self._refuse(RequestTimeout())
        else:
            self.transport.close()

    def _cause(self, error: httptools.HttpParserError) -> NumberdeskError:
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(cause, NumberdeskError):
            return cause
        if cause is None or isinstance(cause, httptools.HttpParserError):
            return invalid(f"is not proper HTTP: {error}")
        self.logger.error("a request could not be taken in", exc_info=cause)
        return Internal()

    def _refuse(self, error: NumberdeskError) -> None:
        """Refuse the request being received: answer it after those before it, then end the connection."""
        self._refused = True
        self._deadline.stop()
        waiting = self._withdraw() if self._receiving and not self._in_head else self._answers_due()
        answer = None if waiting is None else refusal(error, type(self).new_id(), self.server_state.default_headers)
        if waiting:
            self._answer_last = answer
        else:
            self._hang_up(answer)

    def _answers_due(self) -> bool:
        newest = cast("RequestResponseCycle | None", self.cycle)  # uvicorn types it without the None it begins with
        return bool(self.pipeline) or (newest is not None and not newest.response_complete)

    def _withdraw(self) -> bool | None:
        """Take the request back from the application, whose sends then go nowhere.

        True when answers before it are due, None when its own answer has begun so that none can be given.
        """
        cycle = self.cycle
        queued = bool(self.pipeline) and self.pipeline[0][0] is cycle
        if queued:
            self.pipeline.popleft()
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        return None if cycle.response_started else queued

    def _hang_up(self, answer: bytes | None) -> None:
        """Send the last bytes, then only listen for a while: to close with bytes unread would reset the connection."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if answer is not None:
            self.transport.write(answer)
        with suppress(OSError):  # the client may be gone already
            self.transport.write_eof()
        self.abort_later(self.limits.linger_seconds)

    def abort_later(self, seconds: float) -> None:
        """End the connection after `seconds` even if its client has not read everything."""
        if self._abort_timer is None:
            self._abort_timer = self.loop.call_later(seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """The client does not read: give it `write_seconds`."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It read."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def shutdown(self) -> None:
        """Stop as uvicorn does; do not linger."""
        if self._abort_timer is not None:
            self.transport.close()
        else:
            super().shutdown()


def limited_protocol(limits: Limits, new_id: Callable[[], str]) -> type[LimitedProtocol]:
    """The protocol class that uvicorn instantiates for each connection, bound to `limits` and `new_id`."""
    bound = {"limits": limits, "new_id": staticmethod(new_id)}
    return type("BoundProtocol", (LimitedProtocol,), bound)
