"""P6: memory of the idle service, start, and start after kill -9 under load, beside an empty application.

Touches: files, clock, database.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.process import empty_app, numberdesk
from bench.sizes import sized
from bench.stock import Stock, make_stock, sqlite_stock
from numberdesk.infra.db import Database
from testbed.postgres import Server

ROUNDS = sized(3, 1)
NUMBERS = sized(12_000, 2_000)
CLIENTS = 64
SOLD = sized(1_000, 200)
"""Purchases before the kill: many, and not all."""

_LONGEST = 60.0


class Seen(NamedTuple):
    """One round: bytes of memory when idle, and seconds to the first answer of a start and of one after a kill."""

    memory: float
    start: float
    restart: float


def bench_idle(folder: Path) -> None:
    """Measure in turn and print medians."""
    server = Server({"shared_buffers": "128MB", "max_connections": "100"})
    try:
        server.create()
        server.start()
        _rounds(folder, server)
    finally:
        server.delete()


def _rounds(folder: Path, server: Server) -> None:
    empty: list[tuple[float, float]] = []
    sqlite: list[Seen] = []
    postgres: list[Seen] = []
    for place in range(ROUNDS):
        with empty_app() as app:
            empty.append((app.memory, app.started))
        sqlite.append(_seen(folder, sqlite_stock(folder, f"idle{place}", NUMBERS)))
        postgres.append(_seen(folder, make_stock(server.make_database(f"idle{place}"), NUMBERS)))
    median = statistics.median
    memory, start = median(each[0] for each in empty), median(each[1] for each in empty)
    print(f"P6  floor, an empty Litestar app: {memory / 1e6:.0f} MB idle, {start:.2f} s from start to first answer")
    for engine, rounds in (("SQLite", sqlite), ("PostgreSQL", postgres)):
        seen = Seen(*(median(values) for values in zip(*rounds, strict=True)))
        print(f"    on {engine}: {seen.memory / 1e6:.0f} MB idle, ratio {seen.memory / memory:.2f} x (bar: under 2 x)")
        print(f"        start to first answer {seen.start:.2f} s, ratio {seen.start / start:.2f} x (bar: 1.5 s)")
        print(f"        kill -9 under load to first answer {seen.restart:.2f} s (bar: 2 s)")


def _seen(folder: Path, stock: Stock) -> Seen:
    with numberdesk(stock.url) as server:
        memory, start = server.memory, server.started
        sold = folder / "sold.txt"
        keys = stock.keys
        sold.write_text("\n".join(f"{keys[place % len(keys)]} {number}" for place, number in enumerate(stock.numbers)))
        command = [sys.executable, "-m", "bench.load", str(server.port), str(CLIENTS), str(sold)]
        with subprocess.Popen(command) as load:
            _wait_until_sold(stock.url)
            server.kill()
            load.wait(60)
    found = json.loads(Path(f"{sold}.out").read_text())
    assert 0 < found["bought"] < NUMBERS, f"{found['bought']} of {NUMBERS} were bought at the kill"
    with numberdesk(stock.url) as server:
        return Seen(memory, start, server.started)


def _wait_until_sold(url: str) -> None:
    """Look at the books until so many orders stand there."""
    database = Database(url)
    sold, end = 0, time.monotonic() + _LONGEST
    while sold < SOLD:
        assert time.monotonic() < end, f"{sold} were sold in {_LONGEST:g} s"
        time.sleep(0.01)
        with database.read() as tx:
            ((sold,),) = tx.fetch("SELECT count(*) FROM orders", [])
    database.close()
