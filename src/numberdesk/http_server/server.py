"""Serve an ASGI application over HTTP/1.1 until told to stop.

Touches: network, clock, environment.

SIGTERM or SIGINT stops accepting, lets running requests end, ends the application's lifespan, and `serve` returns, so
that the process may exit with 0. A second SIGINT does not wait for requests.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Literal

import uvicorn
from uvicorn._types import ASGI3Application  # the type uvicorn's own signatures use; it has no public name

from numberdesk.http_server.connection import LimitedProtocol, Limits, limited_protocol

if TYPE_CHECKING:
    from uvicorn.server import Protocols

__all__ = ["HttpServer", "Limits", "bind", "limited_protocol", "make_server", "serve"]

_BACKLOG = 2048
_TICKS_PER_SECOND = 10  # uvicorn's


class HttpServer(uvicorn.Server):
    """uvicorn's server, which ends by returning and leaves no connection behind. `should_exit = True` stops it."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 # a signal handler's signature
        """Stop. The signal is not kept, or uvicorn would raise it again at the end and the exit status would be it."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Once a second, see to connections that are closing but whose client does not read the rest."""
        if counter % _TICKS_PER_SECOND == 0:
            for connection in self.server_state.connections:
                if isinstance(connection, LimitedProtocol) and connection.transport.is_closing():
                    connection.abort_later(connection.limits.write_seconds)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does; connections that are left when the time is up are cut."""
        latecomers = asyncio.create_task(self._tell_latecomers(set(self.server_state.connections)))
        await super().shutdown(sockets)
        latecomers.cancel()
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedProtocol):
                connection.transport.abort()
        await asyncio.sleep(0)

    async def _tell_latecomers(self, told: set[Protocols]) -> None:
        """Tell connections that were accepted before the stop and come up after it: uvicorn tells nobody twice."""
        while True:
            await asyncio.sleep(1 / _TICKS_PER_SECOND)
            late = self.server_state.connections - told
            told |= late
            for connection in late:
                connection.shutdown()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one, `getsockname()` tells which.

    `host` is an address or a name, of which the first address counts; `::` means IPv4 too where that can be. Clients
    may connect from now on; they wait until the server runs. Raises OSError with the address in its text when the
    name is unknown or the port is taken or not allowed.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def make_server(
    app: ASGI3Application,
    *,
    new_id: Callable[[], str],
    limits: Limits | None = None,
    graceful_seconds: int = 20,
    loop: Literal["auto", "asyncio", "uvloop"] = "auto",
) -> HttpServer:
    """A server for `app` that has not started; `run(sockets=[sock])` starts it and returns when it has stopped.

    `graceful_seconds` is how long running requests may take once told to stop. The client's address is the peer's:
    headers of proxies are not believed.
    """
    limits = limits or Limits()
    config = uvicorn.Config(
        app,
        http=limited_protocol(limits, new_id),
        loop=loop,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        forwarded_allow_ips=[],
        workers=1,
        backlog=_BACKLOG,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=graceful_seconds,
    )
    return HttpServer(config)


def serve(
    app: ASGI3Application,
    sock: socket.socket,
    *,
    new_id: Callable[[], str],
    limits: Limits | None = None,
    graceful_seconds: int = 20,
    told_to_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Serve `app` on `sock` (see `bind`) until SIGTERM or SIGINT, or until `app` fails to start (SystemExit 3).

    `told_to_stop` says whether a signal came before this was called. From then on to the end of the process both
    signals are heeded here: one that is repeated does not kill a process that tidies up.
    """
    server = make_server(app, new_id=new_id, limits=limits, graceful_seconds=graceful_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)  # uvicorn takes them too, and puts back what it found
    server.should_exit = server.should_exit or told_to_stop()
    with sock:
        server.run(sockets=[sock])
