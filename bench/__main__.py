"""Measure and print: P1 and P3 (purchases), P6 (memory and start), each beside its floor.

Touches: files, clock.

The floor and the service are measured in turn, several times, and medians are printed, because
the machine's speed drifts more than what is to be seen.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.floor import Floor, measure_floor
from bench.process import empty_app, numberdesk
from bench.stock import Stock, make_stock

ROUNDS = 5
FLOOR_BUYS = 4_000
BUYS = 12_000
LONE_BUYS = 1_000
CLIENTS = 64


def main() -> None:
    """Run all benchmarks in a temporary folder."""
    print(
        f"Python {sys.version.split()[0]}, {ROUNDS} rounds, medians; the floor is measured in turn with the service.\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        _purchases(Path(folder))
        _memory_and_start(Path(folder))


def _purchases(folder: Path) -> None:
    floors: list[Floor] = []
    rates, p50s, p99s, lone, cpu = [], [], [], [], []
    for place in range(ROUNDS):
        by_hand = make_stock(folder, f"floor{place}", FLOOR_BUYS)
        floors.append(measure_floor(by_hand, by_hand.numbers))
        stock = make_stock(folder, f"service{place}", BUYS + LONE_BUYS)
        with numberdesk(stock.url) as server:
            before = server.cpu_seconds()
            many = _load(folder, server.port, CLIENTS, stock, stock.numbers[:BUYS])
            cpu.append((server.cpu_seconds() - before) / BUYS * 1e6)
            one = _load(folder, server.port, 1, stock, stock.numbers[BUYS:])
        times = sorted(many["times"])
        rates.append(BUYS / many["seconds"])
        p50s.append(times[len(times) // 2])
        p99s.append(times[len(times) * 99 // 100])
        lone.append(statistics.median(one["times"]))
        print(
            f"  round {place + 1}: by hand {floors[-1].per_second:,.0f}/s, over HTTP {rates[-1]:,.0f}/s, "
            f"lone client {lone[-1] * 1e3:.2f} ms",
            flush=True,
        )
    floor, median = statistics.median(each.per_second for each in floors), statistics.median
    by_hand_time = median(each.median for each in floors)
    ratio = median(rate / each.per_second for rate, each in zip(rates, floors, strict=True))
    print(f"\nP1  durable purchases over HTTP, SQLite, {CLIENTS} clients: {median(rates):,.0f}/s")
    print(f"    floor, one hand-written SQLite transaction each:    {floor:,.0f}/s")
    print(f"    ratio {ratio:.2f} x (bar: 1.0 x); 4,000/s where by hand is 5,600/s would be 0.71 x")
    print(f"    a buy took {median(p50s) * 1e3:.1f} ms in the median, {median(p99s) * 1e3:.1f} ms at p99; ", end="")
    print(f"{median(cpu):.0f} us of processor time in the server")
    lone_ratio = median(each / one.median for each, one in zip(lone, floors, strict=True))
    print(f"P3  lone client's purchase: {median(lone) * 1e3:.2f} ms; floor: {by_hand_time * 1e3:.2f} ms")
    print(f"    ratio {lone_ratio:.1f} x (bar: at most 3 x)")


def _memory_and_start(folder: Path) -> None:
    stock = make_stock(folder, "idle", 1_000)
    ours, empty, starts, empty_starts, restarts = [], [], [], [], []
    for _ in range(3):
        with empty_app() as server:
            empty.append(server.memory)
            empty_starts.append(server.started)
        with numberdesk(stock.url) as server:
            ours.append(server.memory)
            starts.append(server.started)
            server.kill()
        with numberdesk(stock.url) as server:
            restarts.append(server.started)
    median = statistics.median
    print(f"P6  memory, idle: {median(ours) / 1e6:.0f} MB; floor, an empty Litestar app: {median(empty) / 1e6:.0f} MB")
    print(f"    ratio {median(ours) / median(empty):.2f} x (bar: under 2 x)")
    print(f"    start to first answer: {median(starts):.2f} s (bar: 1.5 s; empty app: {median(empty_starts):.2f} s)")
    print(f"    kill -9 to first answer: {median(restarts):.2f} s (bar: 2 s)")


def _load(folder: Path, port: int, connections: int, stock: Stock, numbers: list[str]) -> dict[str, Any]:
    keys = stock.keys
    file = folder / "buys.txt"
    file.write_text("\n".join(f"{keys[place % len(keys)]} {number}" for place, number in enumerate(numbers)))
    command = [sys.executable, "-m", "bench.load", str(port), str(connections), str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["bought"] == len(numbers), found["example"]
    return found


main()
