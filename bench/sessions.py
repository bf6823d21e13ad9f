"""P5s: prepaid sessions, authorised, extended and ended durably, beside purchases at half of what is possible.

Touches: files, clock, network.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from bench.calls import Switch, make_switch
from bench.process import Server, numberdesk
from bench.purchases import load_bought
from bench.stock import sqlite_stock

USUAL_SESSIONS = 10_000
SWITCHES = 8
CLIENTS = 64
_HEADERS = {"Content-Type": "application/json"}
_PUBLISHED = {"authorise": 2.9, "extend": 3.6, "end": 3.5}
"""Milliseconds that a large vendor publishes for its prepaid charging, on 36 cores."""


class Asked(NamedTuple):
    """Times of each step in seconds, and how long all of it took in seconds and of processor time."""

    times: dict[str, list[float]]
    seconds: float
    cpu: float


def bench_sessions(folder: Path, sizes: Sequence[int]) -> None:
    """Measure what is possible of purchases first; then sessions alone, and beside half of that."""
    for sessions in sizes:
        stock = sqlite_stock(folder, f"sessions{sessions}", 4 * sessions)
        switch = make_switch(stock)
        serial = count()
        with numberdesk(stock.url) as server:
            bought = load_bought(folder, server.port, CLIENTS, stock, stock.numbers[:sessions])
            rate = sessions / bought["seconds"]
            alone = _sessions(server, switch, sessions, serial)
            buyer = threading.Thread(
                target=load_bought,
                args=(folder, server.port, CLIENTS, stock, stock.numbers[sessions:]),
                kwargs={"rate": rate / 2},
            )
            buyer.start()
            beside = _sessions(server, switch, sessions, serial)
            buyer.join()
        print(f"P5s {sessions:,} sessions, {SWITCHES} connections, SQLite:")
        _print("alone", sessions, alone)
        _print(f"beside {rate / 2:,.0f} purchases a second, half of what was measured", sessions, beside)
        print(f"    (published: {', '.join(f'{step} {ms} ms' for step, ms in _PUBLISHED.items())}; 547/s a core)")


def _sessions(server: Server, switch: Switch, sessions: int, serial: count[int]) -> Asked:
    times: dict[str, list[float]] = {step: [] for step in _PUBLISHED}
    before, began = server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(SWITCHES) as pool:
        each = [sessions // SWITCHES] * SWITCHES
        list(pool.map(lambda many: _switch(server.port, switch, many, serial, times), each))
    return Asked(times, time.perf_counter() - began, server.cpu_seconds() - before)


def _switch(port: int, switch: Switch, many: int, serial: count[int], times: dict[str, list[float]]) -> None:
    """One connection: calls one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(many):
        place = next(serial)
        number = switch.numbers[place % len(switch.numbers)]
        body = {"call_id": f"call-{place}", "number": number, "direction": "inbound", "other": "+13612738000"}
        opened = _ask(connection, switch.key, "", body, times["authorise"])
        assert opened["allowed"], opened
        path = f"{opened['session_id']}/"
        assert _ask(connection, switch.key, f"{path}extend/", None, times["extend"])["allowed"]
        _ask(connection, switch.key, f"{path}end/", {"seconds": 91}, times["end"])
    connection.close()


def _ask(connection: http.client.HTTPConnection, key: str, path: str, body: Any, times: list[float]) -> Any:
    began = time.perf_counter()
    sent = None if body is None else json.dumps(body)
    connection.request("POST", f"/api/v1/usage/sessions/{path}", sent, {"X-Api-Key": key, **_HEADERS})
    answer = connection.getresponse()
    said = answer.read()
    times.append(time.perf_counter() - began)
    assert answer.status == 200, said[:500]
    return json.loads(said)["data"]


def _print(what: str, sessions: int, asked: Asked) -> None:
    p95 = {step: sorted(times)[len(times) * 95 // 100] * 1e3 for step, times in asked.times.items()}
    print(f"    {what}: p95 {', '.join(f'{step} {ms:.1f} ms' for step, ms in p95.items())}; ", end="")
    print(f"{sessions / asked.seconds:,.0f}/s; {asked.cpu / sessions * 1e3:.1f} ms of processor time a session")
