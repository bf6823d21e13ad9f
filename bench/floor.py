"""The floor on SQLite: the rows of a purchase written by hand, one durable SQLite transaction each.

Touches: database, clock.

The schema, its indexes and triggers, and the pragmas are those of the product. What a service
does besides (HTTP, keys, decisions, idempotency) is left out; the statements are as few as
write the same rows and keep two buyers apart.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from typing import NamedTuple

from bench.stock import Stock
from numberdesk.core.periods import add_months
from testbed.samples import INBOUND, OUTBOUND, PRICE

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-65536")
_WALLET = "UPDATE wallets SET posted = posted - ?, entries = entries + 1 WHERE account_id = ? AND posted - held >= ?"
_ENTRY = "SELECT entries, posted FROM wallets WHERE account_id = ?"
_NUMBER = (
    "UPDATE numbers SET state = 'assigned', account_id = ?, order_id = ?, updated_at = ? "
    "WHERE e164 = ? AND state = 'available' AND price = ?"
)
_ORDER = (
    "INSERT INTO orders VALUES (?, ?, ?, 'pool', 'completed', 'USD', ?, ?, ?, 0, 0, NULL, ?, ?, ?, NULL, NULL, NULL, "
    "'purchase', NULL, NULL, '', '60/60 0')"
)
_HOLD = "INSERT INTO holds VALUES (?, ?, ?, 'captured', ?, ?)"
_TRANSFER = "INSERT INTO transfers VALUES (?, 'rental', ?, 'revenue:rental', ?, 'USD', ?, ?, ?, ?, NULL, ?, NULL, NULL)"
_RENTAL = (
    "INSERT INTO rentals VALUES (?, ?, ?, ?, 'active', 'USD', ?, ?, ?, ?, ?, '', '', '[]', ?, ?, NULL, "
    "'month', 1, 0, NULL, NULL, 0, ?, 0, '', NULL, NULL, NULL, 0, '60/60 0')"
)
_RENT = "INSERT INTO rent_charges VALUES (?, ?, 0, ?, ?, 'purchased', ?, ?, NULL, NULL, ?)"
_WEEK = 7 * 86_400_000_000
_EVENT = "INSERT INTO events VALUES (?, ?, 'number.purchased', ?, ?, NULL)"


class Floor(NamedTuple):
    """Transactions a second, and the median of one in seconds."""

    per_second: float
    median: float


def measure_floor(stock: Stock, numbers: list[str]) -> Floor:
    """Buy the numbers one after the other."""
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    times = []
    began = time.perf_counter()
    for place, e164 in enumerate(numbers):
        before = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        buy(connection, stock.accounts[place % len(stock.accounts)], e164, place)
        connection.execute("COMMIT")
        times.append(time.perf_counter() - before)
    elapsed = time.perf_counter() - began
    connection.close()
    return Floor(len(numbers) / elapsed, statistics.median(times))


def buy(connection: sqlite3.Connection, account: str, e164: str, place: int) -> None:
    """Write one purchase's rows, in the transaction that is open."""
    now = time.time_ns() // 1000
    renews = add_months(now, 1)
    order = f"ord_{place:032x}"
    run = connection.execute
    assert run(_WALLET, (PRICE, account, PRICE)).rowcount == 1
    entry, balance = run(_ENTRY, (account,)).fetchone()
    run(_ORDER, (order, account, e164, PRICE, INBOUND, OUTBOUND, now, now, renews))
    assert run(_NUMBER, (account, order, now, e164, PRICE)).rowcount == 1
    run(_HOLD, (order, account, PRICE, now, now))
    run(_TRANSFER, (f"trf_{place:032x}_rental", f"wallet:{account}", PRICE, account, entry, balance, order, now))
    run(
        _RENTAL,
        (f"rnt_{place:032x}", order, account, e164, PRICE, INBOUND, OUTBOUND, now, renews, now, now, renews - _WEEK),
    )
    run(_RENT, (f"rch_{place:032x}_0", f"rnt_{place:032x}", account, e164, PRICE, f"trf_{place:032x}_rental", now))
    payload = f'{{"phone_number": "{e164}", "order_id": "{order}", "price": "1.15", "currency": "USD"}}'
    run(_EVENT, (f"evt_{place:032x}", account, payload, now))
