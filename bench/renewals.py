"""P12: many renewals that are due at once: time, memory, and what others' buys notice.

Touches: files, clock, database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.process import Server, numberdesk
from bench.purchases import load_bought
from bench.stock import Stock, sqlite_stock
from numberdesk.infra.clock import now
from numberdesk.infra.db import Database
from testbed.history import record_purchases

USUAL_RENEWALS = 100_000
BUYS = 4_000
BUYERS = 8
_CHUNK = 1_000
_FIRST = 8_000_000_000
_LOOK_EVERY = 0.5
_BEGAN = 31 * 86_400_000_000
"""Rentals began so long ago, with periods of thirty days for the first: one is due for each, and reminders are not."""


def bench_renewals(folder: Path, sizes: Sequence[int]) -> None:
    """Buys without renewals, then beside them, on books whose rentals are all due as the service starts."""
    for renewals in sizes:
        quiet = sqlite_stock(folder, f"quiet{renewals}", BUYS)
        with numberdesk(quiet.url) as server:
            alone = sorted(load_bought(folder, server.port, BUYERS, quiet, quiet.numbers)["times"])
            idle = server.memory
        stock = sqlite_stock(folder, f"due{renewals}", BUYS)
        _fill(stock, renewals)
        began = time.perf_counter()
        with numberdesk(stock.url) as server:
            peak = [server.memory]
            done = threading.Event()
            looking = threading.Thread(target=_watch, args=(server, peak, done))
            looking.start()
            beside = sorted(load_bought(folder, server.port, BUYERS, stock, stock.numbers)["times"])
            left_by_buys = _due(stock)
            seconds = _until_done(stock, began)
            done.set()
            looking.join()
        late, usual = (times[len(times) * 99 // 100] * 1e3 for times in (beside, alone))
        print(f"P12 {renewals:,} renewals due at once, SQLite: {seconds:.1f} s, {renewals / seconds:,.0f}/s; ", end="")
        print(f"memory at most {max(peak) / 1e6:.0f} MB (after the same buys without them {idle / 1e6:.0f} MB)")
        print(f"    others' buys meanwhile, {BUYERS} clients: p99 {late:.1f} ms, without them {usual:.1f} ms: ", end="")
        print(f"{late / usual:.2f} x (bar: at most 2 x); {left_by_buys:,} were left when the buys ended", flush=True)


def _fill(stock: Stock, renewals: int) -> None:
    database, began = Database(stock.url), now() - _BEGAN
    for first in range(0, renewals, _CHUNK):
        count = min(_CHUNK, renewals - first)
        account_id = stock.accounts[first // _CHUNK % len(stock.accounts)]
        with database.write() as tx:
            record_purchases(tx, account_id, _FIRST + first, count, now=began)
    database.close()


def _due(stock: Stock) -> int:
    database = Database(stock.url)
    with database.read() as tx:
        left = tx.fetch(
            "SELECT count(*) FROM rentals WHERE next_at IS NOT NULL AND period = 0 AND renews_at < ?", [now()]
        )
    database.close()
    return int(left[0][0])


def _until_done(stock: Stock, began: float) -> float:
    while _due(stock):
        time.sleep(_LOOK_EVERY)
    return time.perf_counter() - began


def _watch(server: Server, peak: list[int], done: threading.Event) -> None:
    while not done.wait(_LOOK_EVERY):
        peak.append(server.memory)
