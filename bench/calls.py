"""P5: call records over HTTP, rated, deduplicated and charged durably, beside plain executemany of the same rows.

Touches: files, clock, database, network.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from bench.process import numberdesk
from bench.stock import Stock, make_stock, operators_key, sqlite_stock
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.purchase import POOL
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build
from testbed.history import e164_of, record_purchases
from testbed.postgres import Server

ROUNDS = 3
USUAL_RECORDS = 100_000
AT_ONCE = 1_000
SENDERS = 4
RENTED = 64
_SWITCH = "acc_switch"
_FIRST = 8_000_000_000
_DAY = 86_400_000_000


class Switch(NamedTuple):
    """Books with rented numbers, and the key of the switch whose records charge for them."""

    stock: Stock
    key: str
    numbers: list[str]


class Charged(NamedTuple):
    """Records a second over HTTP, and by hand; and what the server took of processors for one, in microseconds."""

    served: float
    by_hand: float
    cpu: float


def bench_calls(folder: Path, sizes: Sequence[int], engines: Sequence[str]) -> None:
    """Measure the service and the floor in turn, on each engine, for each number of records."""
    server = Server({"shared_buffers": "128MB", "max_connections": "100"})
    try:
        if "postgresql" in engines:
            server.create()
            server.start()
        for records in sizes:
            for engine in engines:
                found = []
                for place in range(ROUNDS):
                    name = f"calls{records}_{place}"
                    at_hand = engine == "sqlite"
                    stock = sqlite_stock(folder, name, 0) if at_hand else make_stock(server.make_database(name), 0)
                    found.append(_round(make_switch(stock), records, engine))
                _print(engine, records, found)
    finally:
        server.delete()


def make_switch(stock: Stock) -> Switch:
    """Let each account rent a number since yesterday, and a switch tell of their calls."""
    services = build(load_settings(database_url=stock.url))
    now = services.now() - _DAY
    secret = operators_key(services, _SWITCH, ("usage:write",), now)
    services.writer.apply(set_call_terms, CallTerms(POOL, now, f"operator:{_SWITCH}", 0, 60, 6))
    services.close()
    database = Database(stock.url)
    for place, account_id in enumerate(stock.accounts[:RENTED]):
        with database.write() as tx:
            record_purchases(tx, account_id, _FIRST + place, 1, now=now)
    database.close()
    return Switch(stock, secret, [e164_of(_FIRST + place) for place in range(RENTED)])


def _round(switch: Switch, records: int, engine: str) -> Charged:
    began = datetime.now(UTC) - timedelta(hours=1)
    bodies = [_body(switch, first, min(AT_ONCE, records - first), began) for first in range(0, records, AT_ONCE)]
    with numberdesk(switch.stock.url) as server:
        before, start = server.cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            answers = list(pool.map(lambda body: _send(server.port, switch.key, body), bodies))
        served = records / (time.perf_counter() - start)
        cpu = (server.cpu_seconds() - before) / records * 1e6
    outcomes = [one["outcome"] + "/" + str(one["status"]) for answer in answers for one in answer["data"]]
    assert set(outcomes) == {"accepted/charged"}, set(outcomes)
    return Charged(served, _by_hand(switch.stock.url, engine, records), cpu)


def _body(switch: Switch, first: int, count: int, began: datetime) -> bytes:
    return json.dumps(
        [
            {
                "call_id": f"bench-{place}",
                "direction": "inbound",
                "phone_number": switch.numbers[place % len(switch.numbers)],
                "other": f"+1512{2_000_000 + place}",
                "started_at": (began + timedelta(milliseconds=place)).isoformat(),
                "seconds": place % 600,
            }
            for place in range(first, first + count)
        ]
    ).encode()


def _send(port: int, key: str, body: bytes) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/api/v1/usage/calls/", body, {"X-Api-Key": key, "Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status == 200, said[:500]
    return json.loads(said)


def _by_hand(url: str, engine: str, records: int) -> float:
    """Take the calls out of the same database and put them back, a thousand in a transaction, durably."""
    database = Database(url)
    with database.raw(writing=True) as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM calls ORDER BY id")]
        assert len(rows) == records, len(rows)
        connection.exec_driver_sql("DELETE FROM calls")
        connection.commit()
    mark = "?" if engine == "sqlite" else "%s"
    insert = f"INSERT INTO calls VALUES ({', '.join([mark] * len(rows[0]))})"
    start = time.perf_counter()
    for first in range(0, records, AT_ONCE):
        with database.raw(writing=True) as connection:
            connection.exec_driver_sql(insert, rows[first : first + AT_ONCE])
            connection.commit()
    rate = records / (time.perf_counter() - start)
    database.close()
    return rate


def _print(engine: str, records: int, found: list[Charged]) -> None:
    median = statistics.median
    print(f"P5  {records:,} call records over HTTP, {AT_ONCE:,} a request, {SENDERS} senders, {engine}: ", end="")
    print(f"{median(one.served for one in found):,.0f}/s (bar: 10,000/s on two cores), ", end="")
    print(f"{median(one.cpu for one in found):.0f} us of processor time a record, the database's processes apart")
    print(f"    executemany of the same rows, {AT_ONCE:,} a commit: {median(one.by_hand for one in found):,.0f}/s")
    print(f"    ratio {median(one.served / one.by_hand for one in found):.2f} x (bar: 0.3 x)", flush=True)
