"""P11: where calls to own numbers go, asked over HTTP, alone and beside purchases at half of what is possible.

Touches: files, clock, database, network.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.process import Server, numberdesk
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, operators_key, sqlite_stock
from numberdesk.connections.model import Connection
from numberdesk.connections.sealing import with_route
from numberdesk.core.connection import ConnectionKind, SipRoute, SipTarget
from numberdesk.flows.connections.set_up_connections import NewConnection, create_connections
from numberdesk.infra.clock import now
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build
from testbed.history import e164_of, record_purchases

USUAL_RENTALS = 100_000
LOOKS = sized(10_000, 40)
BUYS = sized(3_000, 40)
SWITCHES = 4
CLIENTS = 64
_CHUNK = 1_000
_FIRST = 8_000_000_000
_ROUTE = SipRoute((SipTarget("sip:pbx.example.com"), SipTarget("sip:pbx2.example.com", priority=20)))


class Asked(NamedTuple):
    """Times of look-ups in seconds, sorted; how long all took in seconds, and of processor time in the service."""

    times: list[float]
    seconds: float
    cpu: float


def bench_routing(folder: Path, sizes: Sequence[int]) -> None:
    """Measure look-ups alone, then what is possible of purchases, then look-ups beside half of that."""
    for rentals in sizes:
        stock = sqlite_stock(folder, f"routing{rentals}", 2 * BUYS)
        key = _connect_all(stock, rentals)
        with numberdesk(stock.url) as server:
            _look_up(server, key, rentals, LOOKS // 10)  # the file is in memory then, as it is where calls come all day
            alone = _look_up(server, key, rentals, LOOKS)
            bought = load_bought(folder, server.port, CLIENTS, stock, stock.numbers[:BUYS])
            rate = BUYS / bought["seconds"]
            buyer = threading.Thread(
                target=load_bought,
                args=(folder, server.port, CLIENTS, stock, stock.numbers[BUYS:]),
                kwargs={"rate": rate / 2},
            )
            buyer.start()
            beside = _look_up(server, key, rentals, LOOKS, while_alive=buyer)
            buyer.join()
        print(f"P11 {rentals:,} own rentals with a connection, {SWITCHES} connections that ask, SQLite:")
        _print("alone", alone)
        _print(f"beside {rate / 2:,.0f} purchases a second, half of what was measured", beside)
        print("    (bar: p99 under 10 ms)", flush=True)


def _connect_all(stock: Stock, rentals: int) -> str:
    """Let the accounts rent so many numbers that lead to a shared connection; the key of a server that asks."""
    services = build(load_settings(database_url=stock.url))
    began = services.now()
    secret = operators_key(services, "acc_switch", ("routing:read",), began)
    empty = Connection("con_bench", None, "desk", ConnectionKind.SIP, "", "{}", None, 1, began, began)
    services.writer.apply(create_connections, NewConnection(with_route(empty, _ROUTE, services.vault), _ROUTE))
    services.close()
    database = Database(stock.url)
    for first in range(0, rentals, _CHUNK):
        account_id = stock.accounts[first // _CHUNK % len(stock.accounts)]
        with database.write() as tx:
            record_purchases(tx, account_id, _FIRST + first, min(_CHUNK, rentals - first), now=now())
    with database.raw(writing=True) as raw:
        raw.exec_driver_sql("UPDATE rentals SET connection_id = 'con_bench', connection_generation = 1")
        raw.commit()
    database.close()
    return secret


def _look_up(
    server: Server, key: str, rentals: int, looks: int, *, while_alive: threading.Thread | None = None
) -> Asked:
    """Ask so often, or for as long as purchases go on."""
    times: list[float] = []
    before, began = server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(SWITCHES) as pool:
        each = [looks // SWITCHES] * SWITCHES
        seeds = range(SWITCHES)
        list(
            pool.map(lambda many, seed: _switch(server.port, key, rentals, many, seed, times, while_alive), each, seeds)
        )
    return Asked(sorted(times), time.perf_counter() - began, server.cpu_seconds() - before)


def _switch(
    port: int,
    key: str,
    rentals: int,
    many: int,
    seed: int,
    times: list[float],
    while_alive: threading.Thread | None,
) -> None:
    """One connection: calls to numbers here and there, one after the other."""
    chance = random.Random(seed)  # noqa: S311  no secret
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    done = 0
    while done < many or (while_alive is not None and while_alive.is_alive()):
        number = e164_of(_FIRST + chance.randrange(rentals))
        began = time.perf_counter()
        connection.request("GET", f"/api/v1/routing/json/?to={number[1:]}", headers={"X-Api-Key": key})
        answer = connection.getresponse()
        said = answer.read()
        times.append(time.perf_counter() - began)
        assert answer.status == 200, said[:500]
        assert json.loads(said)["data"]["allowed"], said
        done += 1
    connection.close()


def _print(what: str, asked: Asked) -> None:
    count = len(asked.times)
    parts = (("p50", 500), ("p99", 990), ("p99.9", 999))
    told = ", ".join(f"{name} {asked.times[min(count - 1, count * of // 1000)] * 1e3:.2f} ms" for name, of in parts)
    print(f"    {what}: {told}; {count:,} at {count / asked.seconds:,.0f}/s; ", end="")
    print(f"{asked.cpu / count * 1e3:.2f} ms of the service's processor time for each, purchases included")
