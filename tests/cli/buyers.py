"""Customers who buy at once over connections that they keep, and who write down exactly what came of each request."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_PATIENCE = 30.0


@dataclass
class Record:
    """What became of the requests. A request that was sent again is in here again."""

    sent: list[str] = field(default_factory=list)
    bought: list[str] = field(default_factory=list)
    answered_otherwise: list[tuple[str, int]] = field(default_factory=list)
    """With the status."""
    cut: list[str] = field(default_factory=list)
    """An answer began and did not end."""
    unanswered: list[str] = field(default_factory=list)
    """The connection ended without a byte of an answer."""
    unsent: list[str] = field(default_factory=list)
    """Nobody took the connection."""
    under_way: dict[int, str] = field(default_factory=dict)
    """Sent and not answered yet, by the port that it was sent from."""


class Buyers:
    """So many customers, each with a connection and a share of the numbers to buy; they stop when nobody listens.

    With `persistent` they do not stop: they try the same number again until it is bought.
    """

    def __init__(
        self, address: tuple[str, int], key: str, numbers: Sequence[str], *, count: int = 8, persistent: bool = False
    ) -> None:
        self.record = Record()
        self._done = threading.Event()
        buyers = [_Buyer(address, key, self.record, self._done, persistent=persistent) for _ in range(count)]
        self._threads = [
            threading.Thread(target=buyer.buy_all, args=(numbers[place::count],)) for place, buyer in enumerate(buyers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_up()

    def finish(self) -> Record:
        """Wait until each has tried all its numbers, or found nobody to buy from."""
        for thread in self._threads:
            thread.join()
        return self.record

    def give_up(self) -> Record:
        """Let each finish the request it is at, and send no other."""
        self._done.set()
        return self.finish()


class _Buyer:
    def __init__(
        self, address: tuple[str, int], key: str, record: Record, done: threading.Event, *, persistent: bool
    ) -> None:
        self._address = address
        self._key = key
        self._record = record
        self._done = done
        self._persistent = persistent
        self._connection: socket.socket | None = None

    def buy_all(self, numbers: Sequence[str]) -> None:
        try:
            for number in numbers:
                self._buy(number)
        except ConnectionError:
            return
        finally:
            self._hang_up()

    def _buy(self, number: str) -> None:
        """Buy a number. Raises ConnectionError when nobody listens, and that is the end for this buyer."""
        while not self._done.is_set():
            try:
                status = self._ask(number)
            except ConnectionError:
                self._record.unsent.append(number)
                if not self._persistent:
                    raise
                status = 0
            if status == 200 or (status is not None and not self._persistent):
                return
            self._done.wait(0.02)

    def _ask(self, number: str) -> int | None:
        """Send one request; the status, or None without a whole answer. Raises ConnectionError when nobody listens."""
        if self._connection is None:
            self._connection = socket.create_connection(self._address, timeout=_PATIENCE)
        received = self._exchange(self._connection, number)
        answer = _answer(received)
        if answer is None:
            self._hang_up()
            (self._record.cut if received else self._record.unanswered).append(number)
            return None
        status, last = answer
        if status == 200:
            self._record.bought.append(number)
        else:
            self._record.answered_otherwise.append((number, status))
        if last:
            self._hang_up()
        return status

    def _exchange(self, connection: socket.socket, number: str) -> bytes:
        """Send a request; what came back until the answer was whole or the connection ended."""
        received = b""
        port = connection.getsockname()[1]
        with contextlib.suppress(ConnectionError):
            connection.sendall(_request(number, self._key))
            self._record.under_way[port] = number
            self._record.sent.append(number)
            while _answer(received) is None:
                data = connection.recv(65536)
                if not data:
                    break
                received += data
        self._record.under_way.pop(port, None)
        return received

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _request(number: str, key: str) -> bytes:
    body = json.dumps({"phone_number": number, "price": 1.15}).encode()
    head = (
        "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Api-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answer(received: bytes) -> tuple[int, bool] | None:
    """The status of a whole answer and whether it is the connection's last; None when something is missing."""
    head, found, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if not found or length is None or len(body) < int(length[1]):
        return None
    return int(head.split()[1]), b"connection: close" in head
