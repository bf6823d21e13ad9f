"""P7: `verify` over many transfers, beside a scan of the same table.

Touches: database, files, clock, environment.

NUMBERDESK_BENCH_TRANSFERS says how many, a million unless told otherwise; the ratio does not
depend on it. One transfer in a hundred is the charge of a purchase with all its other rows, the
rest are top-ups: over its life a number is bought once and charged for many calls and months. Both
sides read the file from memory of the system: each is run once before.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from pathlib import Path

from bench.floor import buy
from bench.stock import Stock, sqlite_stock
from numberdesk.flows.verify import verify
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build

TRANSFERS = int(os.environ.get("NUMBERDESK_BENCH_TRANSFERS", "1000000"))
SHARE = 100
ROUNDS = 3
_COLUMNS = (
    "id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at"
)
# max() reads every value, as an audit has to; count() reads only which of them are there.
_READ = "SELECT " + ", ".join(f"max({column})" for column in _COLUMNS.split(", ")) + " FROM transfers"
_COUNT = "SELECT " + ", ".join(f"count({column})" for column in _COLUMNS.split(", ")) + " FROM transfers"
_TOP_UPS = """
    INSERT INTO transfers
    WITH RECURSIVE places (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM places WHERE n + 1 < ?1)
    SELECT printf('trf_0%031x', n), 'top_up', 'funding:manual', 'wallet:' || account_id, 1, 'USD', account_id,
        entries + 1 + n / ?2, posted + 1 + n / ?2, NULL, NULL, 1790000000000000
    FROM places JOIN wallets ON account_id = printf('acc_%032d', n % ?2)
"""


def bench_audit(folder: Path) -> None:
    """Fill books, measure and print."""
    stock = sqlite_stock(folder, "audit", TRANSFERS // SHARE)
    _fill(stock)
    scans, counts, audits = [], [], []
    for _ in range(ROUNDS + 1):
        scans.append(_scan(stock, _READ))
        counts.append(_scan(stock, _COUNT))
        audits.append(_audit(stock))
    ratio = statistics.median(audit / scan for audit, scan in zip(audits[1:], scans[1:], strict=True))
    beside = statistics.median(audit / count for audit, count in zip(audits[1:], counts[1:], strict=True))
    print(f"P7  verify on {TRANSFERS:,} transfers: {statistics.median(audits[1:]):.2f} s; ", end="")
    print(f"floor, a scan that reads every value: {statistics.median(scans[1:]):.2f} s")
    print(f"    ratio {ratio:.1f} x (bar: at most 3 x); beside a scan that only counts the values {beside:.1f} x")


def _fill(stock: Stock) -> None:
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for place, e164 in enumerate(stock.numbers):
        buy(connection, stock.accounts[place % len(stock.accounts)], e164, place)
    accounts = len(stock.accounts)
    top_ups = (TRANSFERS - TRANSFERS // SHARE - accounts) // accounts * accounts
    connection.execute(_TOP_UPS, [top_ups, accounts])
    connection.execute("UPDATE wallets SET posted = posted + ?1, entries = entries + ?1", [top_ups // accounts])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _scan(stock: Stock, query: str) -> float:
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"))
    began = time.perf_counter()
    found = connection.execute(query).fetchone()
    took = time.perf_counter() - began
    connection.close()
    assert found[0]
    return took


def _audit(stock: Stock) -> float:
    services = build(load_settings(database_url=stock.url))
    try:
        began = time.perf_counter()
        verdict = services.reader.read_now(lambda tx: verify(tx, lambda *_: None))
        took = time.perf_counter() - began
    finally:
        services.close()
    assert verdict.ok, verdict.violations[:3]
    return took
