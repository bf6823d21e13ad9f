"""A TCP relay before PostgreSQL that can lose a COMMIT: before it arrives, after it was done, late, or in silence."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from typing import Final, cast

_COMMIT: Final = b"Q" + struct.pack("!I", 11) + b"COMMIT\0"

HOW: Final = (
    "never arrives",
    "arrives and its answer does not",
    "arrives late",
    "arrives and nothing is ever heard",
    "arrives and the server is gone",
)
"""What may become of a lost COMMIT. Late: the client is cut at once, the message is delivered half a second later.

Nothing is heard: the connection stays open, and dumb.
"""

_LATE, _SILENT, _GONE = HOW[2:]


class Relay:
    """Relays connections to `port` on loopback. `lose(how)` arms it for the next COMMIT that passes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")
        self._how: str | None = None
        self._having: tuple[bytes, ...] = ()
        self._passing = 0
        self._closed_to_new = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost = 0
        self.port = 0

    def start(self) -> None:
        """Listen on a free port, `self.port`."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def lose(self, how: str, *, passing: int = 0, having: tuple[bytes, ...] = ()) -> None:
        """Lose the next COMMIT in one of the ways of HOW; after the last one nobody is let in until `reopen`.

        So many are let pass before: reading ends with one too. Only the COMMIT of a transaction in which
        all of `having` was sent is meant.
        """
        self._passing = passing
        self._having = having
        self._how = how

    def reopen(self) -> None:
        """Let connections in again."""
        self._closed_to_new = False

    def url(self, database: str) -> str:
        """The address of a database behind the relay."""
        return (
            f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
            "?sslmode=disable&gssencmode=disable&connect_timeout=3"
        )

    def close(self) -> None:
        """Cut everything and stop."""
        asyncio.run_coroutine_threadsafe(self._cut_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _cut_all(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            if not self._closed_to_new:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    await self._relay(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._target)
        answers = asyncio.create_task(_pump(back_reader, writer))
        sent = b""
        try:
            await _forward_start(reader, back_writer)
            while True:
                message = await _message(reader)
                if message == _COMMIT and self._is_to_lose(sent):
                    answers.cancel()
                    await asyncio.wait([answers])  # nobody else reads from the server then
                    how, self._how = self._how, None
                    await self._lose(str(how), writer, back_reader, back_writer)
                    if how == _SILENT:
                        await reader.read()
                    return
                sent = b"" if message == _COMMIT else sent + message
                back_writer.write(message)
                await back_writer.drain()
        finally:
            answers.cancel()
            back_writer.close()

    def _is_to_lose(self, sent: bytes) -> bool:
        if self._how is None or not all(part in sent for part in self._having):
            return False
        self._passing -= 1
        return self._passing < 0

    async def _lose(
        self, how: str, client: asyncio.StreamWriter, answers: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        self.lost += 1
        self._closed_to_new = how == _GONE
        if how == _LATE:
            client.close()
            await asyncio.sleep(0.5)
        if how != HOW[0]:
            server.write(_COMMIT)
            await answers.readuntil(b"COMMIT\0")


async def _forward_start(reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
    """The first message has a length and no kind."""
    length = await reader.readexactly(4)
    server.write(length + await reader.readexactly(struct.unpack("!I", length)[0] - 4))


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    """A relay, closed at the end."""
    relay = Relay(port)
    relay.start()
    try:
        yield relay
    finally:
        relay.close()
