"""The mock as a server in a thread of its own, on loopback.

Touches: clock, files, network, randomness, threads.

    with running(Config()) as mock:
        mock.url, mock.control

Everything is served at `url`. Each carrier has a port of its own as well, `url_of(api)`, where it can refuse
connections altogether when it is down.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from carrier_mock.carriers import Carriers
from carrier_mock.exchange import Plan, Request
from carrier_mock.faults import SUCCEEDS
from carrier_mock.generate import generate
from carrier_mock.http1 import HttpConnection
from carrier_mock.journal import Journal, JournalError
from carrier_mock.model import TOKEN_LENGTH, Api
from carrier_mock.settings import Settings, State, Way

Result = TypeVar("Result")

USUAL_NUMBERS: Final = 5000
_PATIENCE: Final = 30.0
_BACKLOG: Final = 1024


class Config(NamedTuple):
    """How a mock begins. `lag_seconds` and `order_seconds` are its first settings; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    numbers: int = USUAL_NUMBERS
    state: Path | None = None
    lag_seconds: float = 0.0
    order_seconds: float = 1.0

    def settings(self) -> Settings:
        """The first settings."""
        way = Way(lag_seconds=self.lag_seconds)
        return Settings(way, way, self.order_seconds)


class CarrierMock:
    """A mock that runs. Made by `running`."""

    def __init__(self, config: Config) -> None:
        """Read its state. Raises JournalError."""
        self._config = config
        self._journal: Journal | None = None
        self._connections: dict[Api | None, set[HttpConnection]] = {where: set() for where in (None, *Api)}
        self._sockets: dict[Api | None, socket.socket] = {}
        self._servers: dict[Api | None, asyncio.Server] = {}
        self._opening: dict[Api, asyncio.Task[None]] = {}
        self._carriers = self._made_of(config)
        found = [each.e164 for each in self._carriers.examples(2)]
        self._examples = (found[0], found[-1]) if found else (SUCCEEDS, SUCCEEDS)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="carrier-sim", daemon=True)

    def _made_of(self, config: Config) -> Carriers:
        numbers = partial(generate, config.seed, config.numbers)
        if config.state is None:
            return Carriers(numbers, config.settings())
        journal = self._journal = Journal(config.state, seed=config.seed, numbers=config.numbers)
        try:
            return Carriers(
                numbers, config.settings(), changes=journal.changes(), record=journal.record, was_reset=journal.clear
            )
        except JournalError:
            journal.close()
            raise

    @property
    def url(self) -> str:
        """Where everything is served."""
        return self._url(None)

    @property
    def control(self) -> str:
        """Where the control endpoint is."""
        return f"{self.url}/control"

    def url_of(self, api: Api) -> str:
        """Where one carrier alone is served, and nobody while it is down."""
        return self._url(api)

    @property
    def examples(self) -> tuple[str, str]:
        """Two numbers of the United States that were for sale in the beginning, for a newcomer to buy."""
        return self._examples

    def start(self) -> None:
        """Listen. Raises OSError when the port is taken or not allowed."""
        for where in (None, *Api):
            self._sockets[where] = _bound(self._config.host, self._config.port if where is None else 0)
        self._thread.start()
        self._run(self._listen_all())

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        if self._thread.is_alive():
            self._run(self._cut_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        for sock in self._sockets.values():
            sock.close()
        if self._journal is not None:
            self._journal.close()

    def _url(self, where: Api | None) -> str:
        host, port = self._sockets[where].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _listen_all(self) -> None:
        for where in self._sockets:
            await self._listen(where)

    async def _listen(self, where: Api | None) -> None:
        make: Callable[[], HttpConnection] = partial(HttpConnection, self._answer, self._connections[where])
        server = await self._loop.create_server(make, sock=self._sockets[where], backlog=_BACKLOG)
        self._servers[where] = server

    async def _cut_all(self) -> None:
        for where, server in self._servers.items():
            server.close()
            self._cut(where)
        ending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _cut(self, where: Api | None) -> None:
        for connection in list(self._connections[where]):
            connection.reset()

    def _answer(self, request: Request) -> Plan:
        plan = self._carriers.handle(request, time.time_ns() // 1000, secrets.token_hex(TOKEN_LENGTH // 2))
        for api in Api:
            is_down = self._carriers.state(api) is State.DOWN
            if is_down and api in self._servers:
                self._close(api)
            elif not is_down and api not in self._servers and api not in self._opening:
                self._open(api)
        return plan

    def _close(self, api: Api) -> None:
        """Refuse connections: the port stays ours, and nobody listens there."""
        address = self._sockets[api].getsockname()
        self._servers.pop(api).close()
        self._cut(api)
        self._sockets[api] = _bound(address[0], address[1])

    def _open(self, api: Api) -> None:
        self._sockets[api].listen(_BACKLOG)  # before the request is answered that asked for it
        self._opening[api] = self._loop.create_task(self._reopen(api))

    async def _reopen(self, api: Api) -> None:
        await self._listen(api)
        del self._opening[api]
        if self._carriers.state(api) is State.DOWN:  # changed its mind meanwhile
            self._close(api)


@contextlib.contextmanager
def running(config: Config | None = None) -> Iterator[CarrierMock]:
    """A mock, from now until the end of the block. Raises JournalError or OSError."""
    mock = CarrierMock(config or Config())
    try:
        mock.start()
        yield mock
    finally:
        mock.stop()


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
