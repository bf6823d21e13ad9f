"""P1, P2 and P3: durable purchases over HTTP on both engines, beside SQL written by hand.

Touches: files, clock.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.floor import Floor, measure_floor
from bench.pgfloor import CLIENTS as PGBENCH_CLIENTS
from bench.pgfloor import measure_pgbench
from bench.process import numberdesk
from bench.sizes import sized
from bench.stock import Stock, make_stock, sqlite_stock
from testbed.postgres import Server

ROUNDS = sized(5, 1)
FLOOR_BUYS = sized(4_000, 20)
BUYS = sized(12_000, 64)
LONE_BUYS = sized(1_000, 5)
CLIENTS = 64
WORKERS = 2
_DURABLE = {"shared_buffers": "128MB", "max_connections": "100"}


class Served(NamedTuple):
    """One round against the service: purchases a second, times of a buy, and processor time of a purchase."""

    rate: float
    p50: float
    p99: float
    lone: float
    cpu: float


def bench_purchases(folder: Path) -> None:
    """Measure all in turn, ROUNDS times, and print medians."""
    server = Server(_DURABLE)
    try:
        server.create()
        server.start()
        _rounds(folder, server)
    finally:
        server.delete()


def _rounds(folder: Path, server: Server) -> None:
    by_hand: list[Floor] = []
    pgbench: list[float] = []
    sqlite: list[Served] = []
    postgres: list[Served] = []
    several: list[Served] = []
    for place in range(1, ROUNDS + 1):
        stock = sqlite_stock(folder, f"floor{place}", FLOOR_BUYS)
        by_hand.append(measure_floor(stock, stock.numbers))
        pgbench.append(measure_pgbench(server, make_stock(server.make_database(f"floor{place}"), BUYS)))
        sqlite.append(_serve(folder, sqlite_stock(folder, f"served{place}", BUYS + LONE_BUYS)))
        postgres.append(_serve(folder, make_stock(server.make_database(f"one{place}"), BUYS + LONE_BUYS)))
        url = server.make_database(f"several{place}")
        several.append(_serve(folder, make_stock(url, BUYS + LONE_BUYS), workers=WORKERS))
        print(
            f"  round {place}, purchases a second: by hand on SQLite {by_hand[-1].per_second:,.0f}, "
            f"pgbench {pgbench[-1]:,.0f}; over HTTP on SQLite {sqlite[-1].rate:,.0f}, "
            f"on PostgreSQL {postgres[-1].rate:,.0f}, by {WORKERS} processes {several[-1].rate:,.0f}",
            flush=True,
        )
    _print(by_hand, pgbench, sqlite, postgres, several)


def _print(
    by_hand: list[Floor], pgbench: list[float], sqlite: list[Served], postgres: list[Served], several: list[Served]
) -> None:
    median = statistics.median
    floor = f"pgbench, {PGBENCH_CLIENTS} clients, the same rows by hand, one transaction each: {median(pgbench):,.0f}/s"
    print(f"\nP1  durable purchases over HTTP, SQLite, {CLIENTS} clients: {_said(sqlite)}")
    print(f"    {floor}")
    print(f"    ratio {_ratio(sqlite, pgbench):.2f} x (bar: 1.0 x)")
    hand = [each.per_second for each in by_hand]
    print(f"    beside one hand-written SQLite transaction each, {median(hand):,.0f}/s: {_ratio(sqlite, hand):.2f} x")
    print(f"P2  the same on PostgreSQL, one process:   {_said(postgres)}")
    print(f"    the same on PostgreSQL, {WORKERS} processes:   {_said(several)}")
    print(f"    {floor}")
    print(f"    ratio {_ratio(postgres, pgbench):.2f} x and {_ratio(several, pgbench):.2f} x (bar: 0.8 x)")
    lone = [served.lone / hand.median for served, hand in zip(sqlite, by_hand, strict=True)]
    print(f"P3  lone client's purchase, SQLite: {median(served.lone for served in sqlite) * 1e3:.2f} ms; ", end="")
    print(f"by hand {median(each.median for each in by_hand) * 1e3:.2f} ms")
    print(f"    ratio {median(lone):.1f} x (bar: at most 3 x); ", end="")
    print(f"on PostgreSQL {median(served.lone for served in postgres) * 1e3:.2f} ms")


def _said(rounds: list[Served]) -> str:
    median = statistics.median
    return (
        f"{median(one.rate for one in rounds):,.0f}/s; a buy took {median(one.p50 for one in rounds) * 1e3:.1f} ms in "
        f"the median, {median(one.p99 for one in rounds) * 1e3:.1f} ms at p99; "
        f"{median(one.cpu for one in rounds):.0f} us of processor time in the service"
    )


def _ratio(rounds: list[Served], floors: list[float]) -> float:
    return statistics.median(served.rate / floor for served, floor in zip(rounds, floors, strict=True))


def _serve(folder: Path, stock: Stock, *, workers: int = 1) -> Served:
    with numberdesk(stock.url, workers=workers) as server:
        before = server.cpu_seconds()
        many = load_bought(folder, server.port, CLIENTS, stock, stock.numbers[:BUYS])
        cpu = (server.cpu_seconds() - before) / BUYS * 1e6
        one = load_bought(folder, server.port, 1, stock, stock.numbers[BUYS:])
    times = sorted(many["times"])
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    return Served(BUYS / many["seconds"], middle, late, statistics.median(one["times"]), cpu)


def load_bought(
    folder: Path, port: int, connections: int, stock: Stock, numbers: list[str], *, rate: float = 0
) -> dict[str, Any]:
    """Have all the numbers bought, by so many connections. What the load says: `seconds`, `times` of single buys.

    `rate` is how many are bought a second at most; 0 is as many as it goes.
    """
    keys = stock.keys
    file = folder / "buys.txt"
    file.write_text("\n".join(f"{keys[place % len(keys)]} {number}" for place, number in enumerate(numbers)))
    command = [sys.executable, "-m", "bench.load", str(port), str(connections), str(file), str(rate)]
    subprocess.run(command, check=True, timeout=600)
    found: dict[str, Any] = json.loads(Path(f"{file}.out").read_text())
    assert found["bought"] == len(numbers), found["example"]
    return found
