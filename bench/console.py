"""P13: every page of the console with an account of many rentals and a large inventory; buys beside people clicking.

Touches: files, clock, database, network.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from bench.process import Server, numberdesk
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, operators_key, sqlite_stock
from numberdesk.accounts.model import OPERATOR_SCOPES
from numberdesk.catalog.store import insert_listings
from numberdesk.console.screens import SCREENS
from numberdesk.console.site import Console  # noqa: F401  its import declares the screens
from numberdesk.core.memorability import memorability
from numberdesk.core.statement import month_of
from numberdesk.infra.clock import now
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build
from testbed.history import e164_of, record_purchases
from testbed.samples import listing_of

USUAL_SIZES: Final = (sized(100_000, 200), sized(1_000_000, 400))
"""Rentals of the one account, and numbers for sale."""

ASKED: Final = sized(30, 2)
PEOPLE: Final = 50
BUYS: Final = sized(2_000, 16)
BUYERS: Final = 8
_ROUNDS: Final = sized(3, 1)
_RENTED_FROM: Final = 8_000_000_000
_FOR_SALE_FROM: Final = 9_000_000_000
_CHUNK: Final = 5_000
_DAYS: Final = 25 * 86_400_000_000
"""The purchases are spread over so long before now: no rent is due yet, and nothing is done beside what is measured."""

_BAR: Final = 0.2
_TOO_LATE: Final = 503
"""What a page is answered with that the database had no time for; that it took so long is the figure."""

_LONGEST: Final = 600.0
_DEEP: Final = 20
"""Pages of a list that are turned before one is measured."""

_NOT_MEASURED: Final = re.compile(
    r"/csv$|/print$|imports/\{|/state$|\{webhook_id\}|\{connection_id\}|/carriers/\{name\}|\{deck\}"
)
"""Files, and pages about things that this account has none of."""

_FILTERED: Final = (
    "/console/numbers?status=past_due", "/console/numbers?region=ZZ", "/console/numbers?iso_country=FR",
    "/console/find?contains=98989&sort=memorable", "/console/find?area_code=901&sort=price",
    "/console/orders?status=failed", "/console/money?kind=usage", "/console/inventory?state=withdrawn",
    "/console/inventory?state=assigned", "/console/all-orders?status=parked", "/console/all-orders?status=failed",
    "/console/rents?status=past_due",
)  # fmt: skip
_DEEP_LISTS: Final = ("/console/numbers", "/console/orders", "/console/money", "/console/all-numbers",
                      "/console/inventory", "/console/all-orders", "/console/rents")  # fmt: skip


class Sitting(NamedTuple):
    """Somebody who is signed in: the cookie."""

    port: int
    cookie: str

    def get(self, path: str) -> tuple[int, str]:
        """The status and text of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", path, headers={"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


class Asked(NamedTuple):
    """What a page took: seconds of each time it was asked for, and processor time of the service for one."""

    path: str
    times: list[float]
    cpu: float


def bench_console(folder: Path, sizes: Sequence[int]) -> None:
    """Fill books, look at every page, then buy alone and beside people who click."""
    rentals, numbers = sizes[0], sizes[1] if len(sizes) > 1 else 10 * sizes[0]
    stock = sqlite_stock(folder, "console", BUYS * 2 * _ROUNDS)
    operators = _fill(stock, rentals, numbers)
    with numberdesk(stock.url, NUMBERDESK_RATE_LIMIT="100000") as server:
        idle = _after_api(server, stock)
        sittings = {"customer": _signed_in(server, stock.keys[0]), "operator": _signed_in(server, operators)}
        found = {who: [_ask(server, sitting, path) for path in _paths(sitting, stock)]
                 for who, sitting in sittings.items()}  # fmt: skip
        used = server.own_memory
        _print_pages(found, rentals, numbers)
        print(
            f"    memory: {idle / 1e6:.0f} MB before the console was used, {used / 1e6:.0f} MB after every page",
            flush=True,
        )
        _buy_beside(folder, server, stock, sittings)


def _fill(stock: Stock, rentals: int, numbers: int) -> str:
    """Let the first account rent so many, list so many; the key of operators."""
    database, until = Database(stock.url), now()
    for first in range(0, rentals, _CHUNK):
        count = min(_CHUNK, rentals - first)
        at = until - _DAYS + _DAYS * first // rentals
        with database.write() as tx:
            record_purchases(tx, stock.accounts[0], _RENTED_FROM + first, count, now=at, ended_every=10)
    for first in range(0, numbers, _CHUNK):
        nationals = [str(_FOR_SALE_FROM + place) for place in range(first, min(first + _CHUNK, numbers))]
        with database.write() as tx:
            listed = [
                listing_of(f"+1{national}", area_code=national[:3], memorability=memorability(national))
                for national in nationals
            ]
            insert_listings(tx, "pool", listed, until)
    with database.write() as tx:
        tx.fetch("PRAGMA optimize", [])
    database.close()
    return _operators_key(stock)


def _operators_key(stock: Stock) -> str:
    services = build(load_settings(database_url=stock.url))
    secret = operators_key(services, services.new_id("acc"), OPERATOR_SCOPES, services.now())
    services.close()
    return secret


def _after_api(server: Server, stock: Stock) -> int:
    """The service's memory once the API was used."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for path in ("balance", "phone-numbers", "orders", "phone-numbers/available-numbers/US"):
        connection.request("GET", f"/api/v1/{path}/", headers={"X-Api-Key": stock.keys[0]})
        connection.getresponse().read()
    connection.close()
    return server.own_memory


def _signed_in(server: Server, key: str) -> Sitting:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin",
               "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    connection.request("POST", "/console/sign-in", urlencode({"key": key}), headers)
    answer = connection.getresponse()
    answer.read()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    assert cookie, answer.status
    return Sitting(server.port, cookie)


def _paths(sitting: Sitting, stock: Stock) -> Iterator[str]:
    """Every page that somebody may open, then filters that find little, then pages far back."""
    number, order = quote(e164_of(_RENTED_FROM), safe=""), f"ord_{_RENTED_FROM:032}"
    # The account's first line was posted now, when it was made, so that all its lines are in this month.
    values = {
        "number": number, "order_id": order, "rental_id": f"rnt_{_RENTED_FROM:032}", "account_id": stock.accounts[0],
        "month": month_of(now()).name,
    }  # fmt: skip
    plain = [
        each.path.format(**values) for each in SCREENS
        if each.method == "GET" and not each.only_demo and not _NOT_MEASURED.search(each.path)
        and not each.path.endswith("/buy") and not each.path.endswith("/chosen")
    ]  # fmt: skip
    offered = f"/console/buy?number=%2B1{_FOR_SALE_FROM}&price=1.15"
    for path in (*plain, offered, *_FILTERED):
        status, _ = sitting.get(path)
        if status in (200, _TOO_LATE):  # else it is for somebody else, or about what is not there
            yield path
    for path in _DEEP_LISTS:
        yield from _far_back(sitting, path)


def _far_back(sitting: Sitting, path: str) -> Iterator[str]:
    at = path
    for _ in range(_DEEP):
        status, text = sitting.get(at)
        follows = re.search(r'rel="next" href="([^"]+)"', text)
        if status != 200 or follows is None:
            return
        at = follows[1].replace("&amp;", "&")
    yield at


def _ask(server: Server, sitting: Sitting, path: str) -> Asked:
    times, before = [], server.cpu_seconds()
    for _ in range(ASKED):
        began = time.perf_counter()
        status, _ = sitting.get(path)
        times.append(time.perf_counter() - began)
        assert status in (200, _TOO_LATE), (path, status)
    return Asked(path, times, (server.cpu_seconds() - before) / ASKED)


def _print_pages(found: dict[str, list[Asked]], rentals: int, numbers: int) -> None:
    print(f"P13 pages of the console, SQLite, an account with {rentals:,} rentals, {numbers:,} numbers for sale,")
    print(f"    each asked {ASKED} times; processor time for one, the median and the longest, in ms:")
    for who, pages in found.items():
        for page in sorted(pages, key=lambda page: -page.cpu):
            late = max(page.times)
            path = page.path if len(page.path) < 76 else f"{page.path[:60]}..."
            mark = "  over the bar" if late > _BAR else ""
            took = f"{page.cpu * 1e3:8.1f} {statistics.median(page.times) * 1e3:8.1f} {late * 1e3:8.1f}"
            print(f"    {who:8} {took}  {path}{mark}")
    everything = sorted(seconds for pages in found.values() for page in pages for seconds in page.times)
    late = everything[len(everything) * 99 // 100]
    print(f"    p99 of all {len(everything)}: {late * 1e3:.0f} ms (bar: below {_BAR * 1e3:.0f} ms)")


def _buy_beside(folder: Path, server: Server, stock: Stock, sittings: dict[str, Sitting]) -> None:
    """Purchases alone and beside people who click, in turn."""
    others, alone, beside = stock._replace(keys=stock.keys[1:]), list[float](), list[float]()
    statuses = Counter[str]()
    for place in range(_ROUNDS):
        first, second = (stock.numbers[BUYS * (2 * place + half) :][:BUYS] for half in (0, 1))
        alone += load_bought(folder, server.port, BUYERS, others, first)["times"]
        with _clicking(folder, server, sittings["customer"]) as clicks:
            beside += load_bought(folder, server.port, BUYERS, others, second)["times"]
        statuses += clicks
    p50, p99 = ([sorted(times)[len(times) * share // 100] * 1e3 for times in (alone, beside)] for share in (50, 99))
    print(
        f"    {BUYERS} clients' buys: {p50[0]:.1f} ms in the median, {p99[0]:.1f} ms at p99; beside {PEOPLE} people who"
    )
    print(f"    click once a second {p50[1]:.1f} ms and {p99[1]:.1f} ms: {p99[1] / p99[0]:.2f} x at p99; ", end="")
    print(f"clicks by status: {dict(sorted(statuses.items()))}", flush=True)


@contextmanager
def _clicking(folder: Path, server: Server, sitting: Sitting) -> Iterator[Counter[str]]:
    """Have people click meanwhile; how many clicks were answered is known afterwards."""
    file, clicks = folder / "clicks.txt", Counter[str]()
    file.write_text(f"{sitting.cookie}\nconsole\n{e164_of(_RENTED_FROM)}")
    command = [sys.executable, "-m", "bench.readers", str(server.port), str(PEOPLE), str(_LONGEST), str(file)]
    process = subprocess.Popen(command)
    time.sleep(0.5)
    try:
        yield clicks
    finally:
        process.terminate()
        process.wait(60)
    clicks.update(json.loads(Path(f"{file}.out").read_text())["statuses"])
    assert set(clicks) <= {"200", "429"}, clicks  # so many of one account have to wait for their turn
