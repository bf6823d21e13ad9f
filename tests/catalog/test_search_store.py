"""The SQL of searching offers: on both engines it walks indexes.

Touches: database, files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

from numberdesk.catalog.model import FROM_FILE, Listing
from numberdesk.catalog.place_store import (
    calling_code_query,
    codes_query,
    places_query,
    regions_query,
)
from numberdesk.catalog.search import OfferQuery, Sort
from numberdesk.catalog.search_plan import ANY_DIGITS, Region, Span, Spots, Stretch, beginning, shapes_of
from numberdesk.catalog.search_store import (
    WalkStage,
    collect_query,
    count_query,
    first_in_query,
    keep_to_indexes,
    look_up_query,
    skim_query,
    skims,
    walk_query,
    walked_to_query,
)
from numberdesk.catalog.store import insert_listings
from numberdesk.catalog.trigram_store import find_matches
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.statements import BoundQuery, set_text
from testbed.databases import Databases
from testbed.offer_queries import sent_query

DIALECTS: dict[str, Any] = {
    "sqlite": sqlite.dialect(),
    "postgresql": psycopg.dialect(),  # type: ignore[no-untyped-call]  # not annotated upstream
}
PLACE = ("currency", "number_type", "region", "area_code", "locality")
SPOTS = Spots(("TX", "tx"), ("Austin",), ("361", "512"), (Stretch("+1361", "+136199999999999"),), complete=True)
EVERYTHING = {
    "region": "TX",
    "locality": "Austin",
    "number_type": "local",
    "area_code": "361",
    "starts_with": "36",
    "ends_with": "09",
    "contains": ["273"],
    "pattern": "+1*61%9",
    "excludes": ["4"],
    "capabilities": "sms",
    "max_price": "5",
}
SPANS = {
    "suffix": Span("reversed", "90", "90999"),
    "number": Span("e164", "+1361", "+1361999"),
    "area": Span("area_code", among=tuple(str(code) for code in range(200, 500))),
    "price": Span("charged_at_once", 1, 1_000_000),
}
BY_KEY = "SEARCH numbers USING PRIMARY KEY (e164=?)"
ORDERS = {Sort.NUMBER: "number", Sort.PRICE: "price", Sort.MEMORABLE: "memorable"}


class Step(NamedTuple):
    """One line of a query plan."""

    id: int
    parent: int
    says: str


def read(**parameters: Any) -> OfferQuery:
    return sent_query("US", "USD", parameters)


def number(place: int) -> Listing:
    national = f"{200 + place % 500}{place:07}"
    about = ("US", "local", f"R{place % 7}", f"Town {place % 40}", national[:3], national, 3, place % 1000, FROM_FILE)
    prices = ("USD", 1_000_000 + place % 9, None, None, 0)
    return Listing(f"+1{national}", *about, *prices, None, None, None, None, None)


NO_NUMBERS: tuple[str, ...] = ()
ONLY_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # SQLite's plans and texts of queries
ONLY_POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.fixture(scope="module")
def database(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An inventory as an import leaves it: the planner has no statistics."""
    url = made.prepared(tmp_path_factory.mktemp("store"))
    database = Database(url)
    with database.write() as tx:
        insert_listings(tx, "pool", [number(place) for place in range(5000)], now=1)
    yield database
    database.close()
    made.done(url)


def written(asked: BoundQuery, engine: str) -> tuple[str, list[Any]]:
    """A statement as the engine gets it, and its values in their order."""
    compiled = asked.statement.query.compile(dialect=DIALECTS[engine])
    given = {name: _sent(engine, value) for name, value in asked.values.items()}
    values = {**compiled.params, **given}
    return str(compiled), [values[name] for name in compiled.positiontup or compiled.params]


def _sent(engine: str, value: Any) -> Any:
    return set_text(engine, value) if isinstance(value, tuple | list) else value


def plan(database: Database, asked: BoundQuery) -> list[Step]:
    statement, values = written(asked, "sqlite")
    with database.read() as tx:
        return [Step(row[0], row[1], row[3]) for row in tx.fetch(f"EXPLAIN QUERY PLAN {statement}", values)]


def searched(steps: list[Step]) -> list[str]:
    """The indexes that are searched, with their conditions. Anything that reads a whole table or index fails."""
    reads = [step.says for step in steps if re.match(r"SCAN (numbers|here|ahead|there|region|coded)\b", step.says)]
    assert reads == []
    return [step.says for step in steps if step.says.startswith("SEARCH")]


def bounded_by(steps: list[Step], name: str) -> list[Step]:
    """The steps of the inner query `name`, in which nothing may be sorted."""
    (inner,) = [step for step in steps if step.says in (f"CO-ROUTINE {name}", f"MATERIALIZE {name}")]
    inside = [step for step in steps if step.parent == inner.id]
    assert not [step for step in inside if "TEMP B-TREE" in step.says]
    return inside


@ONLY_SQLITE
@pytest.mark.parametrize("parameters", [{}, EVERYTHING, {"max_price": "1.5"}])
@pytest.mark.parametrize("sort", list(Sort))
def test_a_walk_searches_the_index_of_its_order_and_sorts_no_more_than_its_window(
    database: Database, sort: Sort, parameters: dict[str, Any]
) -> None:
    steps = plan(database, walk_query(read(**parameters, sort=sort), SPOTS, WalkStage(beginning(sort), 1000), 11))
    (search,) = searched(bounded_by(steps, "walked"))
    assert re.search(
        rf"USING INDEX ix_numbers_sale_{ORDERS[sort]} \((iso_country=\? AND|\(iso_country,e164\)>)", search
    )
    assert searched(steps) == [search]


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("sort", "from_position"),
    [
        (Sort.NUMBER, "((iso_country,e164)>(?,?) AND (iso_country,e164)<(?,?))"),
        (Sort.PRICE, "(iso_country=? AND (charged_at_once,e164)>(?,?) AND charged_at_once<?)"),
        (Sort.MEMORABLE, "(iso_country=? AND (memorability,e164)<(?,?))"),
    ],
)
def test_a_walk_begins_at_its_position_without_reading_what_is_before(
    database: Database, sort: Sort, from_position: str
) -> None:
    query = read(**EVERYTHING, sort=sort)
    steps = plan(database, walked_to_query(query, WalkStage(beginning(sort), 1000)))
    kind = "INDEX" if sort is Sort.PRICE else "COVERING INDEX"
    there = f"ix_numbers_sale_{ORDERS[sort]} {from_position}"
    assert [step.says for step in steps] == [f"SEARCH numbers USING {kind} {there}"]
    walk = searched(plan(database, walk_query(query, SPOTS, WalkStage(beginning(sort), 1000), 11)))
    assert walk == [f"SEARCH numbers USING INDEX {there}"]


@ONLY_SQLITE
@pytest.mark.parametrize("sort", [Sort.NUMBER, Sort.MEMORABLE])
def test_where_digits_are_asked_for_a_walk_reads_the_rows_of_numbers_that_have_them_and_sorts_nothing(
    database: Database, sort: Sort
) -> None:
    query = read(**EVERYTHING, sort=sort)
    shapes = shapes_of(query, "1")
    with database.read() as tx:
        assert skims(tx, query, shapes)
        assert not skims(tx, read(sort="price", contains=["123"]), shapes)
        assert not skims(tx, read(sort=sort), ANY_DIGITS)
    steps = plan(database, skim_query(query, SPOTS, WalkStage(beginning(sort), 1000), 11, shapes))
    (search,) = searched(bounded_by(steps, "walked"))
    assert f"USING COVERING INDEX ix_numbers_sale_{ORDERS[sort]} (" in search
    assert searched(steps) == [search, BY_KEY]
    assert not [step for step in steps if "TEMP B-TREE" in step.says]


@ONLY_SQLITE
@pytest.mark.parametrize("name", SPANS)
def test_a_span_is_read_from_its_own_index_up_to_its_bound(database: Database, name: str) -> None:
    query = read(**EVERYTHING, sort="memorable")
    for statement in (
        count_query(query, SPANS[name], 100),
        collect_query(query, SPOTS, SPANS[name], beginning(query.sort), 100, 11, shapes_of(query, "1")),
    ):
        steps = plan(database, statement)
        (search,) = searched(bounded_by(steps, "spanned"))
        covering = "" if name == "price" else "COVERING "
        assert re.search(
            rf"USING {covering}INDEX ix_numbers_sale_{name} \((iso_country=\? AND|\(iso_country,e164\)>)", search
        )
        assert searched(steps)[1:] in ([], [BY_KEY])


@ONLY_SQLITE
@pytest.mark.parametrize("sort", list(Sort))
def test_of_an_ending_numbers_and_their_scores_are_known_without_a_row(database: Database, sort: Sort) -> None:
    query = read(**EVERYTHING, sort=sort)
    asked = first_in_query(query, SPANS["suffix"], beginning(query.sort), 100, 11, shapes_of(query, "1"))
    (search,) = searched(plan(database, asked))
    assert "USING COVERING INDEX ix_numbers_sale_suffix (iso_country=? AND " in search


@ONLY_SQLITE
@pytest.mark.parametrize("sort", list(Sort))
def test_what_the_index_of_trigrams_finds_is_looked_up_by_its_key(database: Database, sort: Sort) -> None:
    query = read(**EVERYTHING, sort=sort)
    steps = plan(database, look_up_query(query, SPOTS, beginning(sort), NO_NUMBERS, 11))
    assert searched(bounded_by(steps, "looked_up")) == ["SEARCH numbers USING PRIMARY KEY (e164=?)"]


@ONLY_POSTGRESQL
def test_postgresql_looks_up_by_the_key_what_the_index_of_trigrams_finds(database: Database) -> None:
    found = scans(
        database,
        look_up_query(read(**EVERYTHING), SPOTS, beginning(Sort.NUMBER), NO_NUMBERS, 11),
        inner="looked_up",
    )
    assert found == [Scan("Index Scan", "pk_numbers", bounded=True)]


@ONLY_POSTGRESQL
def test_postgresql_reads_the_index_of_trigrams_though_other_reads_are_kept_from_bitmaps(database: Database) -> None:
    held = [number(place).e164 for place in range(5000)]
    with database.read() as tx:
        keep_to_indexes(tx)
        before = _pages_of_trigrams_read(tx)
        found = find_matches(tx, [[123, 234]], ANY_DIGITS, "+", "+" + "9" * 15, 50, 50)
        assert found.e164s == sorted(one for one in held if "123" in one and "234" in one)
        assert _pages_of_trigrams_read(tx) == before
        assert tx.fetch("SHOW enable_bitmapscan", []) == [("off",)]


def _pages_of_trigrams_read(tx: Tx) -> int:
    """How often the table of trigrams was read from its beginning to its end in this transaction."""
    return int(tx.fetch("SELECT pg_stat_get_xact_numscans('number_trigrams'::regclass)", [])[0][0])


@ONLY_SQLITE
def test_the_calling_code_is_one_look(database: Database) -> None:
    (search,) = searched(plan(database, calling_code_query("US")))
    assert search == (
        "SEARCH numbers USING INDEX ix_numbers_sale_number ((iso_country,e164)>(?,?) AND (iso_country,e164)<(?,?))"
    )


REGION = Region("USD", "local", "R3", "+12033", has_code=True)


def codes_queries() -> list[BoundQuery]:
    return [codes_query("US", [REGION], "361", 8, after=after) for after in (True, False)]


def statements(query: OfferQuery) -> list[BoundQuery]:
    """Every statement that a search can run."""
    spots, start = SPOTS if query.names_place else None, query.after or beginning(query.sort)
    stage, shapes = WalkStage(start, 1000), shapes_of(query, "1")
    return [
        walk_query(query, spots, stage, 11),
        skim_query(query, spots, stage, 11, shapes),
        walked_to_query(query, stage),
        *(count_query(query, span, 100) for span in SPANS.values()),
        *(collect_query(query, spots, span, start, 100, 11, shapes) for span in SPANS.values()),
        *(first_in_query(query, span, start, 100, 11, shapes) for span in SPANS.values()),
        look_up_query(query, spots, start, NO_NUMBERS, 11),
        calling_code_query(query.iso_country),
        places_query(query.iso_country, PLACE, 1000),
        regions_query(query.iso_country, query.area_codes, 1000),
        *codes_queries(),
    ]


@pytest.mark.parametrize("parameters", [{}, EVERYTHING])
@pytest.mark.parametrize("sort", list(Sort))
def test_the_engine_runs_every_statement(database: Database, sort: Sort, parameters: dict[str, Any]) -> None:
    for asked in statements(read(**parameters, sort=sort)):
        with database.read() as tx:
            keep_to_indexes(tx)
            asked.rows(tx)


class Scan(NamedTuple):
    """A node of PostgreSQL's plan that reads rows: how, by which index, and whether a part of that."""

    kind: str
    of: str
    bounded: bool


def scans(database: Database, asked: BoundQuery, *, inner: str = "", sorts: bool = False) -> list[Scan]:
    """How PostgreSQL reads numbers. Within the query `inner`, or anywhere when there is none, it may sort nothing,
    unless it `sorts`.
    """
    statement, _ = written(asked, "postgresql")
    given = {name: _sent("postgresql", value) for name, value in asked.values.items()}
    constants = asked.statement.query.compile(dialect=DIALECTS["postgresql"]).params
    with database.read() as tx:
        keep_to_indexes(tx)
        explain = text(f"EXPLAIN (FORMAT JSON) {_with_values(statement, {**constants, **given})}")
        (found,) = tx.execute(explain).scalar_one()
    top = next(node for node in _nodes(found["Plan"]) if inner in ("", node.get("Alias")))
    assert sorts or not [node["Node Type"] for node in _nodes(top) if "Sort" in node["Node Type"]]
    return [
        Scan(node["Node Type"], node.get("Index Name", ""), "Index Cond" in node)
        for node in _nodes(found["Plan"])
        if node.get("Relation Name") == "numbers"
    ]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _with_values(sql: str, values: dict[str, Any]) -> str:
    """The statement with its values written out: EXPLAIN plans for just these."""
    return sql % {name: f"'{value}'" for name, value in values.items()}


@ONLY_POSTGRESQL
@pytest.mark.parametrize("parameters", [{}, EVERYTHING, {"max_price": "1.5"}])
@pytest.mark.parametrize("sort", list(Sort))
def test_postgresql_walks_the_index_of_the_order_though_it_knows_nothing_of_the_inventory(
    database: Database, sort: Sort, parameters: dict[str, Any]
) -> None:
    query = read(**parameters, sort=sort)
    index, stage = f"ix_numbers_sale_{ORDERS[sort]}", WalkStage(beginning(sort), 1000)
    assert scans(database, walked_to_query(query, stage)) == [Scan("Index Only Scan", index, bounded=True)]
    walk = walk_query(query, SPOTS if parameters else None, stage, 11)
    assert scans(database, walk) == [Scan("Index Scan", index, bounded=True)]
    skim = scans(database, skim_query(query, SPOTS, stage, 11, shapes_of(query, "1")))
    assert skim == [Scan("Index Only Scan", index, bounded=True), Scan("Index Scan", "pk_numbers", bounded=True)]


@ONLY_POSTGRESQL
@pytest.mark.parametrize("name", SPANS)
def test_postgresql_reads_a_span_from_its_own_index(database: Database, name: str) -> None:
    query = read(**EVERYTHING, sort="memorable")
    index = f"ix_numbers_sale_{name}"
    assert scans(database, count_query(query, SPANS[name], 100)) == [Scan("Index Only Scan", index, bounded=True)]
    collected = collect_query(query, SPOTS, SPANS[name], beginning(query.sort), 100, 11)
    found = scans(database, collected, sorts=True)
    kind = "Index Scan" if name == "suffix" else "Index Only Scan"  # that index has no numbers as such
    assert found == [Scan(kind, index, bounded=True), Scan("Index Scan", "pk_numbers", bounded=True)]


@ONLY_POSTGRESQL
def test_a_span_ends_at_its_upper_end(database: Database) -> None:
    """Of the 5,000 numbers hardly more are read than the ten between the two ends; the planner may look at some."""
    first = number(100)
    span = Span("e164", first.e164, first.e164[:-7] + "9" * 7)
    with database.read() as tx:
        keep_to_indexes(tx)
        before = _entries_read(tx)
        assert count_query(read(), span, 1000).rows(tx)[0].held == 9
        assert 9 <= _entries_read(tx) - before < 50


def _entries_read(tx: Tx) -> int:
    """How many entries of the index by number were read in this transaction."""
    index = "'ix_numbers_sale_number'::regclass"
    return int(tx.fetch(f"SELECT pg_stat_get_xact_tuples_returned({index})", [])[0][0])
