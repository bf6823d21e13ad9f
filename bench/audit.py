"""P7: `verify` over many transfers, beside a scan of the same table, at two sizes.

Touches: database, files, clock, environment.

NUMBERDESK_BENCH_TRANSFERS says how many, four million unless told otherwise, and a quarter of it: that
both give the same ratio shows that it does not depend on the size. One transfer in a hundred is the
charge of a purchase with all its other rows, the rest are top-ups: over its life a number is bought once
and charged for many calls and months. Both sides read the file from memory of the system: each is run
once before. Both are one thread of this process that waits for nothing, so what is compared is processor
time, which others on the machine disturb less.

The floor reads every value (max() of every column), as an audit has to. A scan that only counts the
values (count() of every column) reads where a row's values begin, not the values; the ratio to it is
printed too.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from pathlib import Path

from bench.floor import buy
from bench.sizes import sized
from bench.stock import Stock, sqlite_stock
from numberdesk.infra.settings import load_settings
from numberdesk.verify.books import verify
from numberdesk.wiring import build

TRANSFERS = int(os.environ.get("NUMBERDESK_BENCH_TRANSFERS", sized(4_000_000, 40_000)))
SIZES = (TRANSFERS // 4, TRANSFERS)
SHARE = 100
ROUNDS = sized(3, 1)
_COLUMNS = (
    "id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at, "
    "rental_id, period"
)
_READ = "SELECT " + ", ".join(f"max({column})" for column in _COLUMNS.split(", ")) + " FROM transfers"
_COUNT = "SELECT " + ", ".join(f"count({column})" for column in _COLUMNS.split(", ")) + " FROM transfers"
_TOP_UPS = """
    INSERT INTO transfers
    WITH RECURSIVE places (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM places WHERE n + 1 < ?1)
    SELECT printf('trf_0%031x', n), 'top_up', 'funding:manual', 'wallet:' || account_id, 1, 'USD', account_id,
        entries + 1 + n / ?2, posted + 1 + n / ?2, NULL, NULL, 1790000000000000, NULL, NULL
    FROM places JOIN wallets ON account_id = printf('acc_%032d', n % ?2)
"""
_BEFORE_EVENTS = """
    INSERT INTO event_kinds (kind, since) VALUES ('account.credited', 1790000000000000)
    ON CONFLICT (kind) DO UPDATE SET since = excluded.since
"""
"""These top-ups are from before credits were told of: each is looked at, and none needs an event."""


def bench_audit(folder: Path) -> None:
    """Fill books of each size, measure and print."""
    for transfers in SIZES:
        _bench(sqlite_stock(folder, f"audit{transfers}", transfers // SHARE), transfers)


def _bench(stock: Stock, transfers: int) -> None:
    _fill(stock, transfers)
    scans, counts, audits = [], [], []
    for _ in range(ROUNDS + 1):
        scans.append(_scan(stock, _READ))
        counts.append(_scan(stock, _COUNT))
        audits.append(_audit(stock))
    ratio = statistics.median(audit / scan for audit, scan in zip(audits[1:], scans[1:], strict=True))
    beside = statistics.median(audit / count for audit, count in zip(audits[1:], counts[1:], strict=True))
    print(f"P7  verify on {transfers:,} transfers: {statistics.median(audits[1:]):.2f} s of processor time; ", end="")
    print(f"floor, a scan that reads every value: {statistics.median(scans[1:]):.2f} s")
    print(f"    ratio {ratio:.2f} x (bar: at most 10 x); beside a scan that only counts the values {beside:.1f} x")


def _fill(stock: Stock, transfers: int) -> None:
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for place, e164 in enumerate(stock.numbers):
        buy(connection, stock.accounts[place % len(stock.accounts)], e164, place)
    accounts = len(stock.accounts)
    top_ups = (transfers - transfers // SHARE - accounts) // accounts * accounts
    connection.execute(_TOP_UPS, [top_ups, accounts])
    connection.execute("UPDATE wallets SET posted = posted + ?1, entries = entries + ?1", [top_ups // accounts])
    connection.execute(_BEFORE_EVENTS)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _scan(stock: Stock, query: str) -> float:
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"))
    began = time.process_time()
    found = connection.execute(query).fetchone()
    took = time.process_time() - began
    connection.close()
    assert found[0]
    return took


def _audit(stock: Stock) -> float:
    services = build(load_settings(database_url=stock.url))
    try:
        began = time.process_time()
        report = services.reader.read_now(lambda tx: verify(tx, lambda *_: None))
        took = time.process_time() - began
    finally:
        services.close()
    assert report.ok, report.violations[:3]
    return took
