"""P4: every kind of search in every order, over HTTP, in inventories of several sizes; and what its index costs.

Touches: files, clock, randomness, network, database.

Of each kind, in one order after the other, a search is compared with what looking at every number finds. Purchases
with and without the index take turns, and it is their processor time that is compared: clocks say what else the
machine did.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bench.inventory import PRICES, Parameters, first_pages, national_of, put_in
from bench.process import Server, cpu_seconds_of, numberdesk
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, make_stock_of
from numberdesk.catalog.trigram_store import begin_fill
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, fill_trigrams
from numberdesk.infra.db import Database
from numberdesk.tables import number_trigrams
from numberdesk.tables.trigrams import AS_VIRTUAL
from testbed.postgres import Server as PostgresServer

USUAL_SIZES: Final = (sized(100_000, 1_000), sized(1_000_000, 2_000))
ENGINES: Final = ("sqlite", "postgresql")
ASKED: Final = sized(60, 2)
BUYS: Final = sized(1_000, 16)
TURNS: Final = sized(5, 1)
BUYERS: Final = 16
PAGE: Final = 10
_SQLITE_SIZE: Final = "SELECT sum(length(block)) FROM number_trigrams_data"
_POSTGRESQL_SIZE: Final = "SELECT pg_total_relation_size('number_trigrams')"
_SORTS: Final = ("number", "price", "memorable")
_ASIDE: Final = f"{number_trigrams.name}_aside"
_DURABLE: Final = {"shared_buffers": "128MB", "max_connections": "100", "maintenance_work_mem": "256MB"}


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
    """How a kind of search went in one order: times in seconds, incomplete pages, pages that were not as they must be.

    Each of `empty` pages comes with suggestions, for which the server searches up to twenty times more. `spent` is the
    processor time of each search, the database's included: what others do on the machine lengthens that less.
    """

    times: list[float]
    spent: list[float]
    incomplete: int
    empty: int
    wrong: int

    @property
    def median(self) -> float:
        """By the clock."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """Of the processor time."""
        return statistics.mean(self.spent)


Measured = dict[tuple[str, str], Asked]
"""By the name of a kind and the order."""


class Desk(NamedTuple):
    """What is asked: an inventory, served, and the process of its database server where there is one."""

    folder: Path
    url: str
    database: Database
    stock: Stock
    pid: int | None

    def used(self, server: Server) -> float:
        """Processor time so far."""
        return server.cpu_seconds() + (0.0 if self.pid is None else cpu_seconds_of(self.pid))


def bench_search(folder: Path, sizes: Sequence[int] = USUAL_SIZES, engines: Sequence[str] = ENGINES) -> None:
    """Measure every size on every engine."""
    for engine in engines:
        if engine == "sqlite":
            _measure_all([(f"sqlite:///{folder}/search{size}.db", size) for size in sizes], folder)
            continue
        server = PostgresServer(_DURABLE)
        try:
            server.create()
            server.start()
            _measure_all([(server.make_database(f"search{size}"), size) for size in sizes], folder, server.pid)
        finally:
            server.delete()


def _measure_all(databases: list[tuple[str, int]], folder: Path, pid: int | None = None) -> None:
    """One size after the other, each beside the first."""
    first: Measured | None = None
    for url, size in databases:
        stock = make_stock_of(url, [])
        database = Database(url)
        measured = _measure(Desk(folder, url, database, stock, pid), size, first)
        first = measured if first is None else first
        database.close()


def _measure(desk: Desk, size: int, first: Measured | None) -> Measured:
    seconds = put_in(desk.database, size)
    print(
        f"P4, {size:,} numbers on {desk.database.engine_name}: put in in {seconds:.0f} s, without the index", flush=True
    )
    seconds, held = _fill(desk.database)
    print(f"  index: {held / 1e6:.1f} MB, filled in {seconds:.1f} s in steps of a thousand", flush=True)
    for_buys = [f"+1{national_of(place)}" for place in range(0, min(size, 2 * TURNS * BUYS * PRICES), PRICES)]
    sold = _buy_in_turns(desk, for_buys)
    compared = {(kind.name, _SORTS[place % len(_SORTS)]) for place, kind in enumerate(KINDS)}
    must_be = _first_pages(compared, size, sold)
    measured: Measured = {}
    with numberdesk(desk.url) as server:
        for kind in KINDS:
            for sort in _SORTS:
                measured[kind.name, sort] = _asked(desk, server, kind, sort, must_be.get((kind.name, sort)))
            _print(kind, measured, first)
    return measured


def _first_pages(compared: set[tuple[str, str]], size: int, sold: frozenset[str]) -> dict[tuple[str, str], list[str]]:
    """What the first search of each of these must find."""
    asked = [(kind, sort) for kind in KINDS for sort in _SORTS if (kind.name, sort) in compared]
    searches = [next(_searches(kind, sort)) for kind, sort in asked]
    pages = first_pages(searches, size, sold, PAGE)
    return {(kind.name, sort): page for (kind, sort), page in zip(asked, pages, strict=True)}


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


def _buy_in_turns(desk: Desk, numbers: list[str]) -> frozenset[str]:
    """Have numbers bought without the index and with it, in turns, and print what a purchase took. All that is sold."""
    without, with_index = [], []
    each = min(BUYS, len(numbers) // (2 * TURNS))
    for turn in range(TURNS):
        some = numbers[2 * turn * each : 2 * (turn + 1) * each]
        _put_index_aside(desk.database)
        without.append(_bought(desk, some[:each]))
        _bring_index_back(desk.database)
        with_index.append(_bought(desk, some[each:]))
    ratios = statistics.median(one.spent / other.spent for one, other in zip(with_index, without, strict=True))
    print(
        f"  a purchase, {TURNS} turns of {each:,}: {_told(without)} without the index, {_told(with_index)} with it; "
        f"{ratios:.2f} x the processor time (bar: at most 1.05 x)",
        flush=True,
    )
    return frozenset(numbers[: 2 * TURNS * each])


class Bought(NamedTuple):
    """Purchases of one turn: processor time of one in seconds, and how many a second."""

    spent: float
    rate: float


def _told(turns: list[Bought]) -> str:
    spent, rate = (statistics.median(one) for one in zip(*turns, strict=True))
    return f"{spent * 1e6:,.0f} us of processor time ({rate:,.0f} a second)"


def _bought(desk: Desk, numbers: list[str]) -> Bought:
    with numberdesk(desk.url) as server:
        used = desk.used(server)
        seconds = float(load_bought(desk.folder, server.port, BUYERS, desk.stock, numbers)["seconds"])
        return Bought((desk.used(server) - used) / len(numbers), len(numbers) / seconds)


def _put_index_aside(database: Database) -> None:
    """Leave an empty one in its place."""
    with database.write() as tx:
        tx.run(f"ALTER TABLE {number_trigrams.name} RENAME TO {_ASIDE}", [])
        if tx.engine_name == "sqlite":
            tx.run(str(number_trigrams.info[AS_VIRTUAL]), [])
        else:
            tx.run(f"CREATE TABLE {number_trigrams.name} (LIKE {_ASIDE})", [])


def _bring_index_back(database: Database) -> None:
    with database.write() as tx:
        tx.run(f"DROP TABLE {number_trigrams.name}", [])
        tx.run(f"ALTER TABLE {_ASIDE} RENAME TO {number_trigrams.name}", [])


def _searches(kind: Kind, sort: str) -> Iterator[Parameters]:
    """By chance, and the same ones each time."""
    chance = random.Random(f"{kind.name} {sort}")  # noqa: S311  a load, no secret
    while True:
        yield {**kind.by_chance(chance), "sort": sort, "page_size": str(PAGE)}


def _asked(desk: Desk, server: Server, kind: Kind, sort: str, must_be: list[str] | None) -> Asked:
    """Ask so many searches, the first of which must find just that."""
    times, spent, incomplete, empty, wrong = [], [], 0, 0, 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for place, parameters in enumerate(islice(_searches(kind, sort), ASKED)):
        used, began = desk.used(server), time.perf_counter()
        path = f"/api/v1/phone-numbers/available-numbers/US/?{urlencode(parameters)}"
        connection.request("GET", path, headers={"X-Api-Key": desk.stock.keys[0]})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        times.append(time.perf_counter() - began)
        spent.append(desk.used(server) - used)
        assert response.status == 200, answer
        incomplete += bool(answer["page"].get("incomplete"))
        empty += not answer["data"]
        if place == 0 and must_be is not None and not answer["page"].get("incomplete"):
            wrong += [item["phone_number"] for item in answer["data"]] != must_be
    connection.close()
    return Asked(times, spent, incomplete, empty, wrong)


def _print(kind: Kind, measured: Measured, first: Measured | None) -> None:
    cells = []
    asked = [measured[kind.name, sort] for sort in _SORTS]
    for sort, one in zip(_SORTS, asked, strict=True):
        late = sorted(one.times)[len(one.times) * 99 // 100]
        dear = sorted(one.spent)[len(one.spent) * 99 // 100]
        beside = ""
        if first is not None:
            before = first[kind.name, sort]
            beside = f" ({one.median / before.median:.1f} x, {one.mean / before.mean:.1f} x)"
        figures = (one.median, late, one.mean, dear)
        cells.append(" ".join(f"{each * 1e3:5.1f}" for each in figures) + beside)
    incomplete, wrong = sum(one.incomplete for one in asked), sum(one.wrong for one in asked)
    told = f"empty {sum(one.empty for one in asked)}, incomplete {incomplete} of {ASKED * len(asked)}"
    compared = "as they must be" if not wrong else f"{wrong} WRONG"
    sizes = "" if first is None else "; median and mean beside the first size"
    print(
        f"  {kind.name:28} ms (median, p99, processor mean, p99{sizes}) by {', '.join(_SORTS)}: {' |'.join(cells)}; "
        f"{compared}; {told}",
        flush=True,
    )
