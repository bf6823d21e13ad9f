"""The benchmarks run, and their floors write what a purchase writes: no figure is compared with less work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.floor import measure_floor
from bench.pgfloor import CLIENTS, measure_pgbench
from bench.sizes import TINY
from bench.stock import Stock, make_stock
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Sold
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.tables import metadata
from numberdesk.wiring import build
from testbed.databases import Databases, Postgreses
from testbed.samples import INBOUND, OUTBOUND, PRICE

ROOT = Path(__file__).parents[2]
IN_THE_LONG_RUN = [
    pytest.param(part, marks=pytest.mark.long)
    for part in (
        "purchases",
        "audit",
        "idle",
        "carriers",
        "fairness",
        "search 500 600 sqlite",
        "deliveries",
        "calls 200 sqlite",
        "sessions 40",
        "renewals 40",
        "console 60 200",
        "routing 40",
    )
]

Rows = Counter[tuple[str, frozenset[str]]]
"""How many rows there are of each table that have something in the same columns."""


def rows_of(stock: Stock) -> Rows:
    database = Database(stock.url)
    with database.read() as tx:
        found = Counter(
            (table.name, frozenset(name for name, value in row._mapping.items() if value is not None))
            for table in metadata.sorted_tables
            if table.name not in ("number_trigrams", "writers")  # which no sale touches, and which is the writer's own
            for row in tx.execute(table.select())
        )
    database.close()
    return found


def bought(stock: Stock) -> Rows:
    """The rows once the product has sold everything."""
    services = build(load_settings(database_url=stock.url))
    confirmed = Confirmation(PRICE, INBOUND, OUTBOUND)
    for place, e164 in enumerate(stock.numbers):
        account = stock.accounts[place % len(stock.accounts)]
        buy = Buy(account, e164, confirmed, None, "req_1", services.new_id("ord"), services.now())
        assert isinstance(services.writer.apply(services.open_orders, buy), Sold)
    services.close()
    return rows_of(stock)


def test_the_floor_writes_the_rows_and_columns_of_a_purchase(
    made: Databases, database_url: str, tmp_path: Path
) -> None:
    by_hand, by_product = make_stock(database_url, CLIENTS), make_stock(other := made.prepared(tmp_path), CLIENTS)
    if isinstance(made, Postgreses):
        measure_pgbench(made.server, by_hand)
    else:
        measure_floor(by_hand, by_hand.numbers)
    expected, found = bought(by_product), rows_of(by_hand)
    made.done(other)
    assert found - expected == expected - found == Counter()
    assert expected.total() > 9 * CLIENTS


@pytest.mark.timeout(300)  # it starts several servers, which takes its time on a busy machine
@pytest.mark.parametrize("part", ["imports 300", *IN_THE_LONG_RUN])
def test_every_benchmark_runs_and_prints_figures(part: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", *part.split()],
        cwd=ROOT,
        env={**os.environ, TINY: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) > 2, ran.stdout
