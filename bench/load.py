"""A client that costs little: keeps some connections busy with buys and notes how long each took.

Touches: network, clock.

Run as `python -m bench.load PORT CONNECTIONS FILE [RATE]`, where FILE has a line `key number` for each
buy, and all together send at most so many a second, if it is said. Writes JSON to FILE.out: bought,
refused, seconds, and the times of single buys in seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

_BODY = '{"phone_number": "%s", "price": 1.15, "per_minute_price_inbound": 0.0085, "per_minute_price_outbound": 0.0945}'
_HEAD = (
    "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: %s\r\n"
    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


def is_whole(received: bytes) -> bool:
    """Whether an answer has come to its end."""
    head, end, body = received.partition(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"content-length: ")
    return bool(end) and len(body) >= int(rest.partition(b"\r\n")[0])


class Buyer(asyncio.Protocol):
    """One connection: sends a buy, waits for its answer, sends the next."""

    def __init__(self, requests: Iterator[tuple[float, bytes]], times: list[float], refused: list[bytes]) -> None:
        self._requests = requests
        self._times = times
        self._refused = refused
        self._received = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        due, request = next(self._requests, (0.0, b""))
        if not request:
            self._transport.close()
        elif due > time.perf_counter():
            asyncio.get_running_loop().call_later(due - time.perf_counter(), self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_whole(self._received):
            return
        self._times.append(time.perf_counter() - self._sent)
        if not self._received.startswith(b"HTTP/1.1 200 "):
            self._refused.append(self._received)
        self._received = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  a signature of asyncio
        if not self.done.done():
            self.done.set_result(None)


async def run(port: int, connections: int, lines: list[str], rate: float = 0) -> dict[str, object]:
    """Buy every line's number, at most `rate` a second; 0 is as fast as it goes."""
    prepared = []
    for line in lines:
        key, number = line.split()
        body = _BODY % number
        prepared.append((_HEAD % (key, len(body)) + body).encode())
    times, refused = list[float](), list[bytes]()
    loop = asyncio.get_running_loop()
    buyers = []
    began = time.perf_counter()
    requests = ((began + place / rate if rate else 0.0, request) for place, request in enumerate(prepared))
    for _ in range(connections):
        _, buyer = await loop.create_connection(lambda: Buyer(requests, times, refused), "127.0.0.1", port)
        buyers.append(buyer)
    await asyncio.gather(*(buyer.done for buyer in buyers))
    seconds = time.perf_counter() - began
    example = refused[0].decode(errors="replace") if refused else ""
    return {"bought": len(times) - len(refused), "refused": len(refused), "example": example, "seconds": seconds,
            "times": times}  # fmt: skip


if __name__ == "__main__":
    arguments = sys.argv[1:]
    text = Path(arguments[2]).read_text(encoding="ascii")
    found = uvloop.run(run(int(arguments[0]), int(arguments[1]), text.splitlines(), float((arguments[3:] or ["0"])[0])))
    Path(f"{arguments[2]}.out").write_text(json.dumps(found), encoding="ascii")
