"""A client that means harm: keeps connections busy with one account's reads and releases until it is told to stop.

Touches: network, clock, files, randomness.

Run as `python -m bench.readers PORT CONNECTIONS SECONDS FILE`, where FILE has the key in its first line, the word
`rentals` or `searches` in its second, and a number that the account rents in each other one; or a cookie of the console
and the word `console`: a click through its pages once a second. It ends after SECONDS, or earlier on SIGTERM. Writes
JSON to FILE.out: how often each status was answered, and seconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import uvloop

from bench.load import is_whole

_HEAD = "%s /api/v1%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: %s\r\nContent-Length: 0\r\n\r\n"
_LISTS = (
    "/phone-numbers/?page_size=100",
    "/phone-numbers/?region=ZZ",
    "/phone-numbers/?iso_country=FR&page_size=100",
    "/phone-numbers/?status=past_due",
    "/phone-numbers/?is_active=false&page_size=100",
    "/phone-numbers/?status=released&region=ZZ",
    "/orders/?page_size=100",
    "/orders/?status=open",
    "/transactions/?page_size=100",
)
_PAGES = (
    "/console/", "/console/numbers", "/console/find", "/console/find?contains=98989", "/console/orders",
    "/console/money", "/console/calls", "/console/statements", "/console/connections", "/console/me",
)  # fmt: skip
_THINKING = {"console": 1.0}
"""Seconds between an answer and the next request."""

_SEARCHES = (
    "contains=98989",
    "contains=98989&sort=price",
    "contains=7357&sort=memorable",
    "pattern=%2598*89%25&sort=memorable",
    "excludes=0&sort=price",
    "region=ZZ",
    "ends_with=9&contains=9898",
)


def requests_of(key: str, kind: str, numbers: list[str]) -> Iterator[bytes]:
    """Requests without end: lists, filters, look-ups and releases in turn, or searches."""
    chance = random.Random(7)  # noqa: S311  a load, no secret
    while kind == "console":
        head = f"GET {chance.choice(_PAGES)} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {key}\r\n"
        yield f"{head}Sec-Fetch-Site: same-origin\r\n\r\n".encode()
    while True:
        if kind == "searches":
            yield _request("GET", f"/phone-numbers/available-numbers/US/?{chance.choice(_SEARCHES)}", key)
            continue
        number = chance.choice(numbers).replace("+", "%2B")
        yield _request("GET", chance.choice(_LISTS), key)
        yield _request("GET", f"/phone-numbers/?phone_number={number}", key)
        yield _request("GET", f"/phone-numbers/{number}", key)
        yield _request("DELETE", f"/phone-numbers/{number}/release", key)


def _request(method: str, path: str, key: str) -> bytes:
    return (_HEAD % (method, path, key)).encode()


class Asker(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next while `goes_on` says so."""

    def __init__(
        self, requests: Iterator[bytes], goes_on: Callable[[], bool], statuses: Counter[str], thinking: float
    ) -> None:
        self._requests = requests
        self._thinking = thinking
        self._goes_on = goes_on
        self._statuses = statuses
        self._received = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        if self._goes_on():
            self._transport.write(next(self._requests))
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_whole(self._received):
            return
        self._statuses[self._received[9:12].decode()] += 1
        self._received = b""
        if self._thinking and self._goes_on():
            asyncio.get_running_loop().call_later(self._thinking, self._next)
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  a signature of asyncio
        if not self.done.done():
            self.done.set_result(None)


async def run(
    port: int, connections: int, longest: float, requests: Iterator[bytes], thinking: float = 0
) -> dict[str, object]:
    """Ask until it is time to stop."""
    stop, statuses, loop = asyncio.Event(), Counter[str](), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.call_later(longest, stop.set)
    began = time.perf_counter()
    askers = []
    for _ in range(connections):
        _, asker = await loop.create_connection(
            lambda: Asker(requests, lambda: not stop.is_set(), statuses, thinking), "127.0.0.1", port
        )
        askers.append(asker)
    await asyncio.gather(*(asker.done for asker in askers))
    return {"statuses": dict(statuses), "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    lines = Path(arguments[3]).read_text(encoding="ascii").splitlines()
    asked = requests_of(lines[0], lines[1], lines[2:])
    found = uvloop.run(
        run(int(arguments[0]), int(arguments[1]), float(arguments[2]), asked, _THINKING.get(lines[1], 0))
    )
    Path(f"{arguments[3]}.out").write_text(json.dumps(found), encoding="ascii")
