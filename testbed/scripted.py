"""An HTTP server on loopback that answers by script, to the byte: for clients that have to bear anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

_PATIENCE: Final = 30.0
_TURNS: Final = 10


class Seen(NamedTuple):
    """A request as it arrived. `path` is without the query, names of headers are in lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as form fields."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Answer = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]
"""Writes whatever it wants to the connection, which is closed after it."""


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A well-formed answer. Underscores in names of headers stand for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def json_reply(status: int, content: Any, **headers: str) -> Answer:
    """A well-formed answer with JSON."""
    return reply(status, json.dumps(content).encode(), **{"Content_Type": "application/json", **headers})


def raw(data: bytes) -> Answer:
    """Exactly these bytes, then the end of the connection."""

    async def answer(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


async def silence(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Nothing at all, until the client goes."""
    await writer.wait_closed()


async def reset(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    """The connection is cut."""
    writer.transport.abort()


def dripping(data: bytes, *, seconds: float = 0.02) -> Answer:
    """The bytes one by one, with a pause after each."""

    async def answer(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            if writer.transport.is_closing():
                return
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)

    return answer


class Scripted:
    """The server. `script` is called with each request and gives its answer; `seen` keeps the requests."""

    def __init__(self, script: Callable[[Seen], Answer]) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_PATIENCE)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Cut everything and stop."""
        asyncio.run_coroutine_threadsafe(self._cut_all(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut_all(self) -> None:
        for _ in range(_TURNS):  # asyncio drops a connection that is taken and not set up when its server closes
            await asyncio.sleep(0)
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # a close would wait for a client that reads no more
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                seen = await _request(reader)
                self.seen.append(seen)
                await self.script(seen)(seen, writer)
        finally:
            writer.close()
            self._tasks.discard(task)


async def _request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Seen(method, parts.path, parse_qsl(parts.query, keep_blank_values=True), headers, body)


@contextlib.contextmanager
def scripted(script: Callable[[Seen], Answer]) -> Iterator[Scripted]:
    """A server, closed at the end."""
    server = Scripted(script)
    server.start()
    try:
        yield server
    finally:
        server.close()
