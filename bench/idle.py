"""P6: memory of the idle service, start and restart, beside an empty application.

Touches: files, clock.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.process import empty_app, numberdesk
from bench.stock import sqlite_stock

ROUNDS = 3


def bench_idle(folder: Path) -> None:
    """Measure and print."""
    stock = sqlite_stock(folder, "idle", 1_000)
    ours, empty, starts, empty_starts, restarts = [], [], [], [], []
    for _ in range(ROUNDS):
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
