"""P10: others' buys while one account with many rentals reads and releases as fast as it can.

Touches: files, clock, database.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.process import Server, numberdesk
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, make_stock, sqlite_stock
from numberdesk.infra.db import Database
from testbed.history import e164_of, record_purchases
from testbed.postgres import Server as PostgresServer

ROUNDS = sized(5, 1)
LONG, SHORT = sized(300_000, 200), sized(100, 10)
BUYS = sized(1_000, 16)
BUYERS = 8
READERS = 16
OFFERS = sized(100_000, 200)
_CHUNK = 1_000
_LONGEST = 60.0
_WARM_SECONDS = 0.5


class Beside(NamedTuple):
    """Buys while somebody does something: times in seconds, and how often the other was answered with which status."""

    p50: float
    p99: float
    statuses: Counter[str]
    seconds: float


class Reading(NamedTuple):
    """What the one account does: its key, `rentals` or `searches`, and numbers that it rents."""

    key: str
    kind: str
    numbers: list[str]


def bench_fairness(folder: Path, engines: Sequence[str]) -> None:
    """Measure on each engine."""
    if "sqlite" in engines:
        _measure(folder, "SQLite", sqlite_stock(folder, "fair", OFFERS))
    if "postgresql" in engines:
        server = PostgresServer({"shared_buffers": "128MB", "max_connections": "100"})
        try:
            server.create()
            server.start()
            _measure(folder, "PostgreSQL", make_stock(server.make_database("fair"), OFFERS))
        finally:
            server.delete()


def _measure(folder: Path, engine: str, stock: Stock) -> None:
    """Buys alone, beside a small account, beside a large one and beside its searches, in turn."""
    long, short = _numbers(8_000_000_000, LONG), _numbers(7_000_000_000, SHORT)
    _fill(stock, long, short)
    loads = {
        "nobody": None,
        f"an account with {SHORT} rentals": Reading(stock.keys[1], "rentals", short),
        f"an account with {LONG:,} rentals": Reading(stock.keys[0], "rentals", long),
        "an account that searches": Reading(stock.keys[0], "searches", []),
    }
    others, found = stock._replace(keys=stock.keys[2:]), {name: list[Beside]() for name in loads}
    with numberdesk(stock.url) as server:
        place = 0
        for _ in range(ROUNDS):
            for name, reading in loads.items():
                numbers = stock.numbers[place : place + BUYS]
                found[name].append(_beside(folder, server, reading, others, numbers))
                place += BUYS
    _print(engine, found)


def _numbers(first: int, count: int) -> list[str]:
    return [e164_of(serial) for serial in range(first, first + count)]


def _fill(stock: Stock, long: list[str], short: list[str]) -> None:
    """Give the first account its many rentals, the second its few."""
    database = Database(stock.url)
    for account_id, numbers in zip(stock.accounts, (long, short), strict=False):
        first = int(numbers[0][2:])
        for start in range(0, len(numbers), _CHUNK):
            with database.write() as tx:
                count = min(_CHUNK, len(numbers) - start)
                record_purchases(
                    tx, account_id, first + start, count, now=1_750_000_000_000_000 + start, ended_every=10
                )
    database.close()


def _beside(folder: Path, server: Server, reading: Reading | None, others: Stock, numbers: list[str]) -> Beside:
    with _reading(folder, server.port, reading) as answered:
        bought = load_bought(folder, server.port, BUYERS, others, numbers)
    times = sorted(bought["times"])
    return Beside(times[len(times) // 2], times[len(times) * 99 // 100], Counter(answered), bought["seconds"])


@contextlib.contextmanager
def _reading(folder: Path, port: int, reading: Reading | None) -> Iterator[Counter[str]]:
    """Have somebody read meanwhile; what it was answered is known afterwards."""
    answered = Counter[str]()
    if reading is None:
        yield answered
        return
    file = folder / "reads.txt"
    file.write_text("\n".join((reading.key, reading.kind, *reading.numbers)))
    command = [sys.executable, "-m", "bench.readers", str(port), str(READERS), str(_LONGEST), str(file)]
    process = subprocess.Popen(command)
    time.sleep(_WARM_SECONDS)
    try:
        yield answered
    finally:
        process.terminate()
        process.wait(30)
    answered.update(json.loads(Path(f"{file}.out").read_text())["statuses"])


def _print(engine: str, found: dict[str, list[Beside]]) -> None:
    median = statistics.median
    print(f"P10 others' buys, {engine}, {BUYERS} clients, while one account keeps {READERS} connections busy:")
    floor = list(found.values())[1]
    for name, rounds in found.items():
        statuses = sum((each.statuses for each in rounds), Counter[str]())
        rate = sum(statuses.values()) / sum(each.seconds for each in rounds)
        said = ", ".join(f"{status} {count:,}" for status, count in sorted(statuses.items()))
        p50, p99 = median(each.p50 for each in rounds) * 1e3, median(each.p99 for each in rounds) * 1e3
        print(f"    beside {name}: {p50:.1f} ms in the median, {p99:.1f} ms at p99", end="")
        print(f"; it was answered {rate:,.0f} times a second ({said})" if statuses else "", end="")
        ratio = median(one.p99 / other.p99 for one, other in zip(rounds, floor, strict=True))
        print("" if rounds is floor else f"; p99 {ratio:.2f} x that beside the small account")
    print("    (bar: at most 2 x)")
