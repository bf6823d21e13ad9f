"""The one HTTP client: bounded in time and memory, and exact about whether a request left this machine.

Touches: network, clock.

    NotSentError     no byte of the request was sent: no name, no connection, no TLS, no such URL
    NoAnswerError    it may have been received, and no usable answer came: cut, late, too large, unreadable

It goes only where it may (infra/egress.py): the address that is connected to is one that was checked, so that a
name which resolves to another one the next time leads nowhere else.

It sends once: no retries, no redirects, no cookies, nothing from the environment, such as a proxy. A request that
must not be sent twice goes over a connection of its own, since one that was kept open may be closed
at the other end while it is written to, and then nobody knows; any other request is sent anew, over
a new connection, when that happens to it. It refuses to work while a transaction of its thread is
open, which would hold locks for as long as somebody else pleases.

It speaks through the library's transport and not through its client, which would keep cookies, and
write every URL to the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from numberdesk.infra.db import transaction_is_open
from numberdesk.infra.egress import PUBLIC_ONLY, Egress, EgressError
from numberdesk.infra.guarded_connections import guarded_transport
from numberdesk.infra.log import get_log

if TYPE_CHECKING:
    import ssl

    import httpx2

MOST_BYTES: Final = 4 << 20
"""Largest body of an answer, in bytes, packed or not."""

MOST_HEADERS: Final = 200
_GZIP_OR_ZLIB: Final = 47
_BODY_SECONDS: Final = 2.0
"""How long the body of an answer may take whose status is all that is wanted."""

_PIECES_AT_ONCE: Final = 64
_MOST_PIECES: Final = 65_536
_CONNECTS: Final = "connection.connect_tcp.started"
_CONNECTED: Final = "connection.connect_tcp.complete"
_BEGINS: Final = "http11.send_request_headers.started"
_HEARD: Final = "http11.receive_response_headers.complete"
_TELLING: Final = ("ConnectError", "RemoteProtocolError")
_USER_AGENT: Final = "numberdesk"


class NotSentError(Exception):
    """No byte of the request left. The text names the reason and nothing of the request."""


class NoAnswerError(Exception):
    """The request may have arrived, and there is no usable answer. The text names the reason."""


class HttpRequest(NamedTuple):
    """A request. `seconds` bounds it from its beginning to the last byte of the answer; `once`: never in doubt."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    seconds: float = 10.0
    once: bool = False


class HttpResponse(NamedTuple):
    """An answer. Names of headers are in lower case; of one that came twice the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """Sends requests."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send once and read the answer. Raises NotSentError or NoAnswerError."""
        ...


class HttpClient:
    """The client of one event loop. `connect_seconds` bounds name look-up, connection and TLS together.

    `trust` says whose certificates are believed; unless told otherwise those that browsers believe. `egress` says where
    requests may go; unless told otherwise to public addresses. A client that `cuts` wants the status, and of the body
    what comes soon: one that is too long, too slow, packed or broken off is cut there, and the answer stands.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = 3.0,
        most_bytes: int = MOST_BYTES,
        trust: ssl.SSLContext | None = None,
        egress: Egress = PUBLIC_ONLY,
        cuts: bool = False,
    ) -> None:
        self._egress = egress
        self._cuts = cuts
        self._connect_seconds = connect_seconds
        self._most_bytes = most_bytes
        self._trust = trust
        self._transports: dict[tuple[bool, bool], httpx2.AsyncHTTPTransport] = {}
        self._waiting: set[_Watch] = set()
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send once and read the answer. Raises NotSentError or NoAnswerError."""
        if transaction_is_open():
            raise RuntimeError("a request to a carrier must not be made inside a transaction")
        if self._closed:
            raise NotSentError("the client is closed")
        watch = _Watch(min(self._connect_seconds, request.seconds), request.seconds)
        self._waiting.add(watch)
        try:
            async with watch.limit:
                answer = await self._sent(request, watch)
        except NoAnswerError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, an order must know on which side of the line it came
            raise watch.named(error) from None
        finally:
            await watch.hang_up()
            self._waiting.discard(watch)
        if not watch.begun:  # then requests that were sent are not told from those that were not
            raise NoAnswerError("the HTTP library does not say any more when it begins to send")
        return answer

    async def _sent(self, request: HttpRequest, watch: _Watch) -> HttpResponse:
        import httpx2  # noqa: PLC0415  a service without carriers does without its 10 MB

        self._egress.check_url(request.url)
        secure = request.url.lower().startswith("https:")
        built = httpx2.Request(
            request.method,
            request.url,
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **request.headers},
            content=request.body,
            extensions={"trace": watch},
        )
        if request.once:
            return await self._exchanged(self._transport(once=True, secure=secure), built)
        try:
            return await self._exchanged(self._transport(once=False, secure=secure), built)
        except httpx2.TransportError:
            if watch.connects or watch.heard:
                raise
        # It was a kept connection, closed over there.
        return await self._exchanged(self._transport(once=True, secure=secure), built)

    async def _exchanged(self, transport: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> HttpResponse:
        response = await transport.handle_async_request(request)
        try:
            if len(response.headers.raw) > MOST_HEADERS:
                raise NoAnswerError("too many headers")
            if self._cuts:
                request.extensions["trace"].allow(_BODY_SECONDS + 1)
            body = await (self._beginning(response) if self._cuts else self._body(response))
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.multi_items()}
        return HttpResponse(response.status_code, headers, body)

    async def _body(self, response: httpx2.Response) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip", "deflate"):
            raise NoAnswerError("an encoding nobody asked for")
        if int(response.headers.get("content-length", "0")) > self._most_bytes:
            raise NoAnswerError(f"an answer of more than {self._most_bytes} bytes")
        body = _Body(self._most_bytes, packed=encoding in ("gzip", "deflate"))
        async for piece in response.aiter_raw():
            body.take(piece)
            if body.pieces % _PIECES_AT_ONCE == 0:  # they may all be here already: others want their turn
                await asyncio.sleep(0)
        return body.whole()

    async def _beginning(self, response: httpx2.Response) -> bytes:
        """What comes of a body soon, and no more than may."""
        taken = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for piece in response.aiter_raw():
                    taken += piece[: self._most_bytes - len(taken)]
                    if len(taken) >= self._most_bytes:
                        break
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001  the status has come, and nothing of the body can take it back
            get_log().debug("an answer was cut", reason=type(error).__name__)
        packed = response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", "")
        return b"" if packed else bytes(taken)

    def _transport(self, *, once: bool, secure: bool) -> httpx2.AsyncHTTPTransport:
        """Connections with TLS and without are apart, since not all that may be reached with may be without."""
        made = self._transports.get((once, secure))
        if made is None:
            made = guarded_transport(self._egress, self._trust or _trust(), keep=0 if once else 20, secure=secure)
            self._transports[once, secure] = made
        return made

    async def close(self) -> None:
        """End the requests that still wait, as ones without an answer, and close every connection; for good."""
        self._closed = True
        waiting = list(self._waiting)
        for watch in waiting:
            watch.give_up()
        for watch in waiting:
            await watch.ended.wait()
        for transport in self._transports.values():
            await transport.aclose()


class _Watch:
    """Told by the transport how far a request has come. Its limit is short until the first byte is sent.

    `connects`: over a new connection; `begun`: may have been sent; `heard`: the head of an answer came.
    """

    def __init__(self, connect_seconds: float, seconds: float) -> None:
        self.connects = False
        self.begun = False
        self.heard = False
        self.ended = asyncio.Event()
        self._given_up = False
        self._unused: Any = None
        self.limit = asyncio.timeout(connect_seconds)
        self._seconds = seconds
        self._end = asyncio.get_running_loop().time() + seconds

    async def __call__(self, step: str, of: Mapping[str, Any]) -> None:
        if step == _CONNECTS:
            self.connects = True
        elif step == _CONNECTED:
            self._unused = of["return_value"]
        elif step == _BEGINS:
            if not self._given_up:
                self.limit.reschedule(self._end)
            self.begun = True
            self._unused = None
        elif step == _HEARD:
            self.heard = True

    async def hang_up(self) -> None:
        """Close a connection that nothing was sent over: the library leaves it open when encryption does not come."""
        try:
            if self._unused is not None:
                await self._unused.aclose()
        finally:
            self.ended.set()

    def allow(self, seconds: float) -> None:
        """Let the limit end in so many seconds: the status has come in time."""
        if not self._given_up:
            self.limit.reschedule(asyncio.get_running_loop().time() + seconds)

    def give_up(self) -> None:
        """Let the limit end now."""
        self._given_up = True
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.limit.reschedule(0.0)

    def named(self, error: Exception) -> NotSentError | NoAnswerError:
        """What an error means for the request."""
        if self._given_up:
            return (NoAnswerError if self.begun else NotSentError)("the client was closed")
        if not self.limit.expired():
            return (NoAnswerError if self.begun else NotSentError)(_reason(error))
        if self.begun:
            return NoAnswerError(f"no whole answer within {self._seconds:g} s")
        return NotSentError("no connection in time")


class _Body:
    """A body that grows, within bounds: of what came, of what that unpacks to, and of the pieces it came in."""

    def __init__(self, most_bytes: int, *, packed: bool) -> None:
        self.pieces = 0
        self._most_bytes = most_bytes
        self._received = 0
        self._plain = bytearray()
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None

    def take(self, piece: bytes) -> None:
        """Add a piece as it was received. Raises NoAnswerError."""
        self.pieces += 1
        self._received += len(piece)
        try:
            room = self._most_bytes + 1 - len(self._plain)
            self._plain += piece if self._unpack is None else self._unpack.decompress(piece, room)
        except zlib.error:
            raise NoAnswerError("a packed answer that cannot be unpacked") from None
        if len(self._plain) > self._most_bytes or self._received > self._most_bytes:
            raise NoAnswerError(f"an answer of more than {self._most_bytes} bytes")
        if self.pieces > _MOST_PIECES:
            raise NoAnswerError(f"an answer in more than {_MOST_PIECES} pieces")

    def whole(self) -> bytes:
        """The body, unpacked. Raises NoAnswerError where that did not end as it should."""
        if self._unpack is not None and self._received and (not self._unpack.eof or self._unpack.unused_data):
            raise NoAnswerError("a packed answer that was cut off, or goes on after its end")
        return bytes(self._plain)


@functools.cache
def _trust() -> ssl.SSLContext:
    import httpx2  # noqa: PLC0415  as above

    return httpx2.create_ssl_context(trust_env=False)  # reads hundreds of certificates: once


def _reason(error: Exception) -> str:
    """The kind of an error, and its text where that never quotes the request and no answer that might echo it."""
    if isinstance(error, EgressError):
        return f"requests to it are not sent (it {error})"
    name = type(error).__name__
    text = str(error).partition("bytearray(")[0].rstrip(": ") if name in _TELLING else ""
    return f"{name}: {text}"[:200] if text else name
