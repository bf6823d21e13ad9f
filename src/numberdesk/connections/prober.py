"""Tries a connection: looks its names up, opens the transport, asks by SIP or HTTP, and says what came back.

Touches: network, clock.

Every address is checked by the rules of egress before anything is sent there, and of an answer the first line is told.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from numberdesk.connections.livekit import LiveKitError, LiveKitTrunks
from numberdesk.core.connection import (
    ForwardRoute,
    LiveKitRoute,
    NativeRoute,
    Route,
    SipRoute,
    SipTarget,
    SipTransport,
    WebhookRoute,
)
from numberdesk.core.connection_targets import place_of
from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.infra.egress import PUBLIC_ONLY, Egress, EgressError
from numberdesk.infra.http import Http, HttpClient, HttpRequest, NoAnswerError, NotSentError

if TYPE_CHECKING:
    import ssl

SECONDS: Final = 5.0
"""Longest that one target may take."""

SIP_PORTS: Final = {SipTransport.UDP: 5060, SipTransport.TCP: 5060, SipTransport.TLS: 5061}
_MOST_AT_ONCE: Final = 16
_MOST_BYTES: Final = 4096
_RESEND_SECONDS: Final = (0.5, 1.0, 2.0)
"""After which an OPTIONS over UDP is sent again, since it may be lost."""

_LONGEST_LINE: Final = 120


class Probe(NamedTuple):
    """What came of trying one place. `reached`: something that speaks the protocol answered."""

    place: str
    reached: bool
    said: str


class ConnectionTests:
    """The tests that run in one process: one of an account at a time, and a few of all.

    `egress` says where they may go, `token` makes what tells requests apart, `trust` whose certificates are believed.
    """

    def __init__(
        self,
        token: Callable[[], str],
        *,
        egress: Egress = PUBLIC_ONLY,
        http: Callable[[Egress], Http] | None = None,
        trust: Callable[[], ssl.SSLContext] | None = None,
        seconds: float = SECONDS,
        trunks: LiveKitTrunks,
    ) -> None:
        self._token = token
        self._trunks = trunks
        self._egress = egress
        self._new_http = http or (lambda egress: HttpClient(egress=egress, most_bytes=_MOST_BYTES, cuts=True))
        self._trust = trust or _usual_trust
        self._seconds = seconds
        self._running: set[str] = set()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Http] = WeakKeyDictionary()

    async def run(self, whose: str, route: Route) -> list[Probe]:
        """Try all places of a route. Raises RateLimited while another test of the account runs, and Overloaded."""
        if whose in self._running:
            raise RateLimited("A test of a connection of this account is running. Wait for its end.")
        if len(self._running) >= _MOST_AT_ONCE:
            raise Overloaded
        self._running.add(whose)
        try:
            return await self._probes(route)
        finally:
            self._running.discard(whose)

    async def close(self) -> None:
        """Close the connections of this event loop."""
        http = self._loops.pop(asyncio.get_running_loop(), None)
        if isinstance(http, HttpClient):
            await http.close()

    async def _probes(self, route: Route) -> list[Probe]:
        match route:
            case SipRoute():
                return list(await asyncio.gather(*(self._sip(target) for target in route.targets)))
            case LiveKitRoute():
                sip = asyncio.gather(*(self._sip(target) for target in route.targets))
                return [*await sip, await self._trunk(route)]
            case WebhookRoute():
                urls = [url for url in (route.url, route.fallback_url) if url]
                return [await self._webhook(url, route.method) for url in urls]
            case NativeRoute():
                said = "not tried: only its carrier reaches it; look at a number that is connected to it"
                return [Probe(f"{route.object_kind} {route.object_id}", reached=False, said=said)]
            case ForwardRoute():
                said = "not tried: a call there would cost money"
                return [Probe(route.e164, reached=False, said=said)]

    async def _trunk(self, route: LiveKitRoute) -> Probe:
        place = f"trunk {route.trunk_id} of {route.server_url}"
        try:
            held = len(await self._trunks.numbers(route))
        except LiveKitError as error:
            return Probe(place, reached=False, said=str(error))
        return Probe(place, reached=True, said=f"it is there, with {held} number{'' if held == 1 else 's'}")

    async def _webhook(self, url: str, method: str) -> Probe:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        body = b"numberdesk_test=1" if method == "POST" else b""
        try:
            answer = await self._http().send(HttpRequest(method, url, headers, body, seconds=self._seconds))
        except (NotSentError, NoAnswerError) as error:
            return Probe(url, reached=False, said=str(error))
        return Probe(url, reached=answer.status < 500, said=f"answered {answer.status}")  # noqa: PLR2004  as HTTP says

    def _http(self) -> Http:
        loop = asyncio.get_running_loop()
        http = self._loops.get(loop)
        if http is None:
            http = self._loops[loop] = self._new_http(self._egress)
        return http

    async def _sip(self, target: SipTarget) -> Probe:
        host, port = place_of(target.uri)
        port = port or SIP_PORTS[target.transport]
        place = f"{target.uri} by {target.transport}"
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                address = (await self._egress.sip_addresses(host, port))[0]
                line = await self._exchange(target, host, address, port)
        except EgressError as error:
            return Probe(place, reached=False, said=f"it {error}")
        except TimeoutError:
            return Probe(place, reached=False, said=f"no answer within {self._seconds:g} s")
        except (OSError, UnicodeError, IndexError) as error:
            return Probe(place, reached=False, said=_of_error(error))
        milliseconds = round((time.monotonic() - began) * 1000)
        if not line.startswith("SIP/2.0 "):
            return Probe(place, reached=False, said="something answered that is not SIP")
        return Probe(place, reached=True, said=f"answered {line[8:]} after {milliseconds} ms")

    async def _exchange(self, target: SipTarget, host: str, address: str, port: int) -> str:
        if target.transport is SipTransport.UDP:
            return await _by_datagrams(self._options(target, host, port), address, port)
        secure = target.transport is SipTransport.TLS
        reader, writer = await asyncio.open_connection(
            address, port, ssl=self._trust() if secure else None, server_hostname=host if secure else None
        )
        try:
            writer.write(self._options(target, host, port))
            await writer.drain()
            return _first_line(await _up_to_a_line(reader))
        finally:
            writer.close()

    def _options(self, target: SipTarget, host: str, port: int) -> bytes:
        token, uri = self._token(), f"sip:{_bracketed(host)}:{port}"
        lines = (
            f"OPTIONS {uri};transport={target.transport} SIP/2.0",
            f"Via: SIP/2.0/{target.transport.upper()} numberdesk.invalid;branch=z9hG4bK{token};rport",
            "Max-Forwards: 1",
            f"From: <sip:test@numberdesk.invalid>;tag={token[:8]}",
            f"To: <{uri}>",
            f"Call-ID: {token}@numberdesk.invalid",
            "CSeq: 1 OPTIONS",
            "User-Agent: Numberdesk",
            "Accept: application/sdp",
            "Content-Length: 0",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the first datagram that comes back."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _by_datagrams(request: bytes, address: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Datagrams, remote_addr=(address, port))
    try:
        for pause in _RESEND_SECONDS:
            transport.sendto(request)
            done, _ = await asyncio.wait([protocol.answer], timeout=pause)
            if done:
                break
        return _first_line(await protocol.answer)
    finally:
        transport.close()


async def _up_to_a_line(reader: asyncio.StreamReader) -> bytes:
    """What was said up to the end of a line, or as much as is looked at: whoever speaks without end is cut off."""
    said = b""
    while b"\n" not in said and len(said) < _MOST_BYTES:
        piece = await reader.read(_MOST_BYTES)
        if not piece:
            break
        said += piece
    return said


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _first_line(answer: bytes) -> str:
    line = answer[:_MOST_BYTES].split(b"\r\n")[0].split(b"\n")[0].decode("utf-8", "replace")[:_LONGEST_LINE]
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line).strip()


def _of_error(error: Exception) -> str:
    import ssl  # noqa: PLC0415  as below

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, IndexError | UnicodeError | socket.gaierror):
        return "its name has no address"
    return getattr(error, "strerror", None) or "it cannot be reached"


def _usual_trust() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415  nobody else needs it before the first test

    return ssl.create_default_context()
