"""Webhooks: how soon after a purchase its event arrives at a thousand endpoints, of which ten never answer.

Touches: files, clock, network, threads.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.process import numberdesk
from bench.sizes import sized
from bench.stock import Stock, sqlite_stock
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.webhooks.model import WebhookEndpoint
from numberdesk.webhooks.sender import seal_secret
from numberdesk.webhooks.store import insert_endpoints
from numberdesk.wiring import build
from testbed.egress import ALLOWED

ENDPOINTS = sized(1_000, 100)
SILENT = 10
BUYS = sized(400, 10)
A_SECOND = 5
_REST_SECONDS = 30.0
_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """An HTTP server that notes when an event arrives where; at paths that begin with `silent` it never answers."""

    def __init__(self) -> None:
        self.arrived: dict[tuple[str, str], float] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length" in line
                )
                body = json.loads(await reader.readexactly(length))
                path = head.split(" ")[1]
                if path.startswith("/silent"):
                    await asyncio.sleep(3600)
                if body["type"] == "number.purchased":
                    self.arrived.setdefault((path, body["data"]["phone_number"]), time.perf_counter())
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def close(self) -> None:
        """Serve no more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def bench_deliveries(folder: Path) -> None:
    """Buy at a steady pace and print how long events took to those that answer."""
    settings = {"NUMBERDESK_CREDENTIALS_KEY": new_key(), "NUMBERDESK_EGRESS_ALLOW": ALLOWED}
    stock = sqlite_stock(folder, "hooks", BUYS)
    with _receiver() as receiver:
        paths = _register(stock, receiver.port, settings)
        with numberdesk(stock.url, workers=1, **settings) as server:
            sold = _buy(server.port, stock)
            heard = {account: [path for path in given if "silent" not in path] for account, given in paths.items()}
            wanted = [(path, number) for number, (account, _) in sold.items() for path in heard[account]]
            end = time.perf_counter() + _REST_SECONDS
            while len(receiver.arrived) < len(wanted) and time.perf_counter() < end:
                time.sleep(0.1)
    took = sorted(receiver.arrived[one] - sold[one[1]][1] for one in wanted if one in receiver.arrived)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"webhooks: {ENDPOINTS:,} endpoints, {SILENT} of them silent, {BUYS} purchases, {A_SECOND}/s")
    print(f"  {len(took):,} of {len(wanted):,} deliveries arrived")
    print(f"  after the buyer's answer: p50 {p50:.3f} s, p99 {p99:.3f} s\n")


@contextmanager
def _receiver() -> Iterator[Receiver]:
    made = Receiver()
    try:
        yield made
    finally:
        made.close()


def _register(stock: Stock, port: int, settings: dict[str, str]) -> dict[str, list[str]]:
    """Give accounts endpoints, one after another; which paths each has. Silent ones are spread."""
    given: dict[str, Any] = {name.removeprefix("NUMBERDESK_").lower(): value for name, value in settings.items()}
    services = build(load_settings(database_url=stock.url, **given))
    every, paths = max(1, ENDPOINTS // max(1, SILENT)), {account: list[str]() for account in stock.accounts}
    made = []
    try:
        for place in range(ENDPOINTS):  # more of an account than it may register itself
            account = stock.accounts[place % len(stock.accounts)]
            path = f"/{'silent' if place % every == 0 else 'hook'}{place}"
            webhook_id, now = services.new_id("whk"), services.now()
            sealed = seal_secret(services.vault, webhook_id, "whsec_AAAA")
            url = f"http://127.0.0.1:{port}{path}"
            made.append(WebhookEndpoint(webhook_id, account, 0, url, "", "", sealed, now, now))
            paths[account].append(path)
        with services.database.write() as tx:
            insert_endpoints(tx, made)
    finally:
        services.close()
    return paths


def _buy(port: int, stock: Stock) -> dict[str, tuple[str, float]]:
    """Buy a number for each account in turn; by number, whose it is and when that was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sold, began = {}, time.perf_counter()
    for place, number in enumerate(stock.numbers[:BUYS]):
        time.sleep(max(0.0, began + place / A_SECOND - time.perf_counter()))
        which = place % len(stock.accounts)
        headers = {"X-Api-Key": stock.keys[which], "Content-Type": "application/json"}
        body = json.dumps({"phone_number": number, "price": 1.15})
        connection.request("POST", "/api/v1/phone-numbers/buy/", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        sold[number] = (stock.accounts[which], time.perf_counter())
    connection.close()
    return sold
