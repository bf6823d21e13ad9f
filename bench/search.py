"""P4: every kind of search in every order, over HTTP, in inventories of several sizes; and what its index costs.

Touches: files, clock, randomness, network, database.

The numbers are made from their places, so what a search must find is known without asking a database.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bench.process import Server, cpu_seconds_of, numberdesk
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, make_stock_of
from numberdesk.catalog.model import Listing
from numberdesk.catalog.search import OfferQuery
from numberdesk.catalog.store import insert_listings
from numberdesk.catalog.trigram_store import begin_fill
from numberdesk.core.memorability import memorability
from numberdesk.core.pattern import Subjects
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, fill_trigrams
from numberdesk.infra.db import Database
from numberdesk.tables import trigram_fills
from testbed.offer_queries import sent_query
from testbed.postgres import Server as PostgresServer
from testbed.samples import PRICE, listing_of

USUAL_SIZES: Final = (sized(100_000, 1_000), sized(1_000_000, 2_000))
ENGINES: Final = ("sqlite", "postgresql")
ASKED: Final = sized(60, 2)
COMPARED: Final = 1
"""Of each kind, in one order after the other, searches that are compared with what looking at every number finds."""

BUYS: Final = sized(1_000, 16)
BUYERS: Final = 16
PAGE: Final = 10
_BLOCK: Final = 100
_BLOCKS: Final = 700 * 80_000
_STEP: Final = 38_196_601
"""Prime to the number of blocks, so that every place has a block of its own."""

_CHUNK: Final = 10_000
_PRICES: Final = 9
_SQLITE_SIZE: Final = "SELECT sum(length(block)) FROM number_trigrams_data"
_POSTGRESQL_SIZE: Final = "SELECT pg_total_relation_size('number_trigrams')"
_SORTS: Final = ("number", "price", "memorable")

Parameters = dict[str, str]


class Kind(NamedTuple):
    """A kind of search, and one of it by chance."""

    name: str
    by_chance: Callable[[random.Random], Parameters]


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _area(chance: random.Random) -> str:
    return str(chance.randrange(200, 900))


KINDS: Final = (
    Kind("first page", lambda _: {}),
    Kind("area code", lambda chance: {"area_code": _area(chance)}),
    Kind("starts_with, 5 digits", lambda chance: {"starts_with": _area(chance) + _digits(chance, 2)}),
    Kind("ends_with, 3 digits", lambda chance: {"ends_with": _digits(chance, 3)}),
    Kind("ends_with, 4 digits", lambda chance: {"ends_with": _digits(chance, 4)}),
    *(
        Kind(f"contains, {count} digits", lambda chance, count=count: {"contains": _digits(chance, count)})  # type: ignore[misc]  # each its own
        for count in range(3, 8)
    ),
    Kind("a word", lambda chance: {"contains": chance.choice(("STORM", "PIZZA", "TAXI", "HOTEL", "CASH"))}),
    Kind("contains and area code", lambda chance: {"contains": _digits(chance, 4), "area_code": _area(chance)}),
    Kind("contains and max_price", lambda chance: {"contains": _digits(chance, 4), "max_price": "1.17"}),
    Kind("pattern with three in a row", lambda chance: {"pattern": f"%{_digits(chance, 3)}*{_digits(chance, 2)}%"}),
    Kind("pattern without", lambda chance: {"pattern": f"%{_digits(chance, 2)}*{_digits(chance, 2)}%"}),
    Kind("excludes", lambda chance: {"excludes": chance.choice("0123456789"), "contains": _digits(chance, 3)}),
)


class Asked(NamedTuple):
    """How a kind of search went in one order: times in seconds, incomplete pages, how many were not as they must be.

    Each of `empty` pages comes with suggestions, for which the server searches up to twenty times more. `spent` is the
    processor time of each search, the database's included: what others do on the machine lengthens that less.
    """

    times: list[float]
    spent: list[float]
    incomplete: int
    empty: int
    wrong: int


def bench_search(folder: Path, sizes: Sequence[int] = USUAL_SIZES, engines: Sequence[str] = ENGINES) -> None:
    """Measure every size on every engine."""
    for engine in engines:
        if engine == "sqlite":
            for size in sizes:
                _measure(folder, f"sqlite:///{folder}/search{size}.db", size)
            continue
        server = PostgresServer({"shared_buffers": "128MB", "max_connections": "100"})
        try:
            server.create()
            server.start()
            for size in sizes:
                _measure(folder, server.make_database(f"search{size}"), size, server.pid)
        finally:
            server.delete()


def _measure(folder: Path, url: str, size: int, pid: int | None = None) -> None:
    stock = make_stock_of(url, [])
    database = Database(url)
    seconds = _insert(database, size)
    print(f"P4, {size:,} numbers on {database.engine_name}: put in in {seconds:.0f} s, without the index", flush=True)
    for_buys = [f"+1{_national(place)}" for place in range(0, min(size, 2 * BUYS * _PRICES), _PRICES)]
    with numberdesk(url) as server:
        without = _bought(folder, server, pid, stock, for_buys[:BUYS])
    seconds, held = _fill(database)
    print(f"  index: {held / 1e6:.1f} MB, filled in {seconds:.1f} s in steps of a thousand")
    with numberdesk(url) as server:
        with_index = _bought(folder, server, pid, stock, for_buys[BUYS : 2 * BUYS])
        print(f"  a purchase: {without} without it, {with_index} with it")
        sold = set(for_buys[: 2 * BUYS])
        for place, kind in enumerate(KINDS):
            compared = _SORTS[place % len(_SORTS)]
            asked = [
                _asked(server, pid, stock.keys[0], kind, sort, size, sold, COMPARED if sort == compared else 0)
                for sort in _SORTS
            ]
            _print(kind, asked)
    database.close()


def _national(place: int) -> str:
    """Blocks of a hundred that lie somewhere, so that all digits but the last two are as good as by chance."""
    block = place // _BLOCK * _STEP % _BLOCKS
    return f"{200 + block // 80_000}{20_000 + block % 80_000}{place % _BLOCK:02}"


def _price(place: int) -> int:
    return PRICE + place % _PRICES * 10_000


def _listings(size: int) -> Iterator[Listing]:
    for place in range(size):
        national = _national(place)
        score = memorability(national)
        yield listing_of(f"+1{national}", area_code=national[:3], memorability=score, price=_price(place))


def _insert(database: Database, size: int) -> float:
    """Put the numbers in as they are after the upgrade that made the index: it is empty."""
    began, listings = time.perf_counter(), _listings(size)
    with database.write() as tx:
        begin_fill(tx)
    for start in range(0, size, _CHUNK):
        with database.write() as tx:
            insert_listings(tx, "pool", [next(listings) for _ in range(min(_CHUNK, size - start))], now=1)
    with database.write() as tx:
        tx.execute(trigram_fills.delete())
    return time.perf_counter() - began


def _fill(database: Database) -> tuple[float, int]:
    began = time.perf_counter()
    with database.write() as tx:
        begin_fill(tx)
    left = True
    while left:
        with database.write() as tx:
            left = fill_trigrams(tx, [FillTrigrams()])[0].left
    seconds = time.perf_counter() - began
    with database.read() as tx:
        held = tx.fetch(_SQLITE_SIZE if tx.engine_name == "sqlite" else _POSTGRESQL_SIZE, [])[0][0]
    return seconds, int(held)


def _bought(folder: Path, server: Server, database: int | None, stock: Stock, numbers: list[str]) -> str:
    used = _used(server, database)
    seconds = float(load_bought(folder, server.port, BUYERS, stock, numbers)["seconds"])
    spent = (_used(server, database) - used) / len(numbers) * 1e6
    return f"{spent:,.0f} us of processor time ({len(numbers) / seconds:,.0f} a second)"


def _used(server: Server, database: int | None) -> float:
    return server.cpu_seconds() + (0.0 if database is None else cpu_seconds_of(database))


def _asked(
    server: Server,
    database: int | None,
    key: str,
    kind: Kind,
    sort: str,
    size: int,
    sold: set[str],
    compared: int,
) -> Asked:
    chance, times, incomplete, empty = random.Random(f"{kind.name} {sort}"), [], 0, 0  # noqa: S311  a load, no secret
    spent, found, wrong = [], [], 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for place in range(ASKED):
        parameters = {**kind.by_chance(chance), "sort": sort, "page_size": str(PAGE)}
        used, began = _used(server, database), time.perf_counter()
        path = f"/api/v1/phone-numbers/available-numbers/US/?{urlencode(parameters)}"
        connection.request("GET", path, headers={"X-Api-Key": key})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        times.append(time.perf_counter() - began)
        spent.append(_used(server, database) - used)
        assert response.status == 200, answer
        incomplete += bool(answer["page"].get("incomplete"))
        empty += not answer["data"]
        if place < compared and not answer["page"].get("incomplete"):
            found.append((parameters, [item["phone_number"] for item in answer["data"]]))
    connection.close()
    for parameters, numbers in found:
        wrong += numbers != _expected(sent_query("US", "USD", parameters), size, sold)
    return Asked(times, spent, incomplete, empty, wrong)


def _expected(query: OfferQuery, size: int, sold: set[str]) -> list[str]:
    """The first page, from looking at every number."""
    found = []
    literal = max((part.longest_literal for part in query.digits.all_of), key=len, default="")
    for place in range(size):
        national = _national(place)
        if literal not in national:
            continue
        e164 = f"+1{national}"
        fits = query.digits.matches(Subjects(e164[1:], national, national[3:])) and e164 not in sold
        if not fits or query.area_code not in (None, national[:3]) or _price(place) > (query.max_price or PRICE * 9):
            continue
        key = {"number": 0, "price": _price(place), "memorable": memorability(national)}[query.sort.value]
        found.append((key, e164))
    return [e164 for _, e164 in sorted(found, reverse=query.sort.value == "memorable")[:PAGE]]


def _print(kind: Kind, asked: list[Asked]) -> None:
    cells = []
    for one in asked:
        late = sorted(one.times)[len(one.times) * 99 // 100]
        mean, dear = statistics.mean(one.spent), sorted(one.spent)[len(one.spent) * 99 // 100]
        clock = f"{statistics.median(one.times) * 1e3:6.1f} {late * 1e3:6.1f}"
        cells.append(f"{clock} {mean * 1e3:5.1f} {dear * 1e3:5.1f}")
    incomplete, wrong = sum(one.incomplete for one in asked), sum(one.wrong for one in asked)
    told = f"; empty {sum(one.empty for one in asked)}, incomplete {incomplete} of {ASKED * len(asked)}"
    compared = "as they must be" if not wrong else f"{wrong} WRONG"
    told = f"{compared}{told}"
    print(
        f"  {kind.name:28} ms (median, p99, processor mean, p99) by {', '.join(_SORTS)}: {' |'.join(cells)}; {told}",
        flush=True,
    )
