"""Statements for sets of rows, on both engines: every size, any text, and sets that are not all there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, select

from numberdesk.accounts import store as accounts_store
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.statements import InsertRows, RowsLostError, SelectSet, UpdateRows, array_text, in_pairs, in_set
from numberdesk.ledger import store as ledger_store
from numberdesk.numbers import store as numbers_store
from numberdesk.orders import store as orders_store
from numberdesk.outbox import store as outbox_store
from testbed.databases import Databases
from tests.infra.conftest import BROKEN_CONSTRAINT

NOTES = Table(
    "notes",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger),
    Column("remark", Text),
)
SIZES = [*range(24), 63, 64, 65, 84, 127, 128, 129, 200]
STORES = (accounts_store, ledger_store, numbers_store, orders_store, outbox_store)


ONLY_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # SQLite's texts of statements
ONLY_POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

TEXTS: Final = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.text("\"\\{},' \t\n%NULnul", max_size=8),
    st.sampled_from(["NULL", "null", "", " ", "{}", '""', "\\N", "\\.", "\u2028", "\U0001f4de"]),
)
NUMBERS: Final = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture(scope="module")
def book(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with a table of notes, for all tests here."""
    url = made.prepared(tmp_path_factory.mktemp("statements"))
    database = Database(url)
    with database.raw(writing=True) as connection:
        NOTES.create(connection)
        connection.commit()
    yield database
    database.close()
    made.done(url)


@pytest.fixture
def notes(book: Database) -> Database:
    """The same with no notes in it."""
    with book.write() as tx:
        tx.execute(NOTES.delete())
    return book


def rows(size: int) -> list[tuple[str, int | None, str | None]]:
    return [(f"n{place:03}", place or None, None if place % 3 else f"é'\"{place}") for place in range(size)]


def kept(database: Database) -> list[tuple[str, int | None, str | None]]:
    with database.read() as tx:
        return tx.fetch("SELECT name, count, remark FROM notes ORDER BY name", [])


@pytest.mark.parametrize("size", SIZES)
def test_sets_of_every_size_are_inserted_changed_and_found(notes: Database, size: int) -> None:
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, [*rows(size), ("other", 1, "stays")])
    assert kept(notes) == [*rows(size), ("other", 1, "stays")]
    changed = [(name, None if place % 2 else -place, "changed") for place, (name, _, _) in enumerate(rows(size))]
    with notes.write() as tx:
        UpdateRows(NOTES, "name", "count", "remark").run(tx, changed[::-1])
        found = SelectSet(select(NOTES).where(in_set(NOTES.c.name, "names")), "names").run(
            tx, names=[name for name, _, _ in changed]
        )
    assert kept(notes) == [*changed, ("other", 1, "stays")]
    assert sorted(found) == changed


@ONLY_SQLITE
def test_a_few_statements_serve_sets_of_all_sizes(notes: Database) -> None:
    insert = InsertRows(NOTES)
    for size in range(1, 90):
        with notes.write() as tx:
            insert.run(tx, [(f"{size} {place}", 1, None) for place in range(size)])
    assert len(kept(notes)) == sum(range(1, 90))
    assert set(insert._texts) == {1, 2, 4, 8, 16, 32, 64}


def test_rows_are_read_by_name_and_written_in_the_order_that_is_named(notes: Database) -> None:
    with notes.write() as tx:
        InsertRows(NOTES, ("remark", "name", "count")).run(tx, [("x", "a", 1)])
        query = select(NOTES.c.remark, NOTES.c.name).where(in_set(NOTES.c.name, "names"))
        (row,) = SelectSet(query, "names").run(tx, names=["a"])
    assert (row.name, row.remark) == ("a", "x")
    assert kept(notes) == [("a", 1, "x")]


@pytest.mark.parametrize(
    "names", [("name", "count"), ("name", "count", "remarks"), ("name", "count", "remark", "name")]
)
def test_names_that_are_not_those_of_the_table_are_refused_when_the_statement_is_made(names: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="notes has other columns"):
        InsertRows(NOTES, names)


def test_only_the_named_columns_are_changed(notes: Database) -> None:
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, [("a", 1, "x"), ("b", 2, "y")])
        UpdateRows(NOTES, "name", "remark").run(tx, [("b", None)])
    assert kept(notes) == [("a", 1, "x"), ("b", 2, None)]


@pytest.mark.parametrize("size", [1, 2, 5, 70])
def test_a_row_to_change_that_is_not_there_rolls_everything_back(notes: Database, size: int) -> None:
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, rows(size))
    with pytest.raises(RowsLostError, match=rf"notes: {size + 1} rows to change, {size} there"), notes.write() as tx:
        UpdateRows(NOTES, "name", "count").run(tx, [*((name, 7) for name, _, _ in rows(size)), ("missing", 7)])
    assert kept(notes) == rows(size)


def test_a_row_named_twice_in_one_set_is_lost_too(notes: Database) -> None:
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, rows(4))
    with pytest.raises(RowsLostError), notes.write() as tx:
        UpdateRows(NOTES, "name", "count").run(tx, [("n001", 1), ("n002", 2), ("n001", 3), ("n003", 4)])
    assert kept(notes) == rows(4)


def test_a_row_that_breaks_a_constraint_fails_the_whole_set(notes: Database) -> None:
    with pytest.raises(BROKEN_CONSTRAINT), notes.write() as tx:
        InsertRows(NOTES).run(tx, [*rows(70), ("n000", 1, None)])
    assert kept(notes) == []


@pytest.mark.parametrize("name", ["'", '"', "\\", "a,b", "[1]", "null", "+1", "\uff11", "é", "\u2028", "%", "?", ""])
def test_members_of_a_set_are_compared_as_they_are(notes: Database, name: str) -> None:
    by_name = SelectSet(select(NOTES.c.count).where(in_set(NOTES.c.name, "names")), "names")
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, [(name, 1, None), ("plain", 2, None)])
        assert by_name.run(tx, names=[name]) == [(1,)]
        assert sorted(by_name.run(tx, names=[name, name, "plain", "nobody"])) == [(1,), (2,)]
        assert by_name.run(tx, names=[]) == []


def test_a_select_may_ask_for_several_sets_in_any_order(notes: Database) -> None:
    query = select(NOTES.c.name).where(in_set(NOTES.c.remark, "remarks"), in_set(NOTES.c.name, "names"))
    both = SelectSet(query, "names", "remarks")
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, [("a", 1, "x"), ("b", 1, "y"), ("c", 1, "x")])
        assert both.run(tx, names={"a", "b"}, remarks={"x"}) == [("a",)]


def test_members_of_pairs_are_found_together_and_not_crosswise(notes: Database) -> None:
    query = select(NOTES.c.name).where(in_pairs(NOTES.c.name, NOTES.c.remark, "pairs")).order_by(NOTES.c.name)
    by_pair = SelectSet(query, pairs=("pairs",))
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, [("a", 1, "x"), ("b", 1, "y"), ("c'\"\\", 1, "1"), ("d", 1, None)])
        assert by_pair.run(tx, pairs={("a", "y"), ("b", "y"), ("c'\"\\", "1"), ("d", "x")}) == [("b",), ("c'\"\\",)]
        assert by_pair.run(tx, pairs=[]) == []


def test_a_select_may_take_numbers_beside_its_sets(notes: Database) -> None:
    query = select(NOTES.c.name).where(in_set(NOTES.c.name, "names")).order_by(NOTES.c.name)
    first = SelectSet(query.limit(bindparam("most", type_=BigInteger)), "names", others=("most",))
    with notes.write() as tx:
        InsertRows(NOTES).run(tx, rows(5))
        assert first.run(tx, names=["n003", "n001", "n002"], most=2) == [("n001",), ("n002",)]
        assert first.run(tx, names=["n003"], most=2) == [("n003",)]


def test_a_select_with_another_parameter_is_refused_when_it_is_first_run(notes: Database) -> None:
    query = select(NOTES.c.name).where(in_set(NOTES.c.name, "names"), NOTES.c.count == bindparam("count"))
    with notes.read() as tx, pytest.raises(TypeError, match="no other parameter"):
        SelectSet(query, "names").run(tx, names=["a"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(remarks=st.lists(st.one_of(st.none(), TEXTS), max_size=20), counts=st.lists(st.one_of(st.none(), NUMBERS)))
def test_whatever_is_written_is_read_again_letter_by_letter(
    notes: Database, remarks: list[str | None], counts: list[int | None]
) -> None:
    """Through inserts, updates and sets; by COPY and by arrays on PostgreSQL."""
    counts = (counts + [None] * len(remarks))[: len(remarks)]
    written = [
        (f"n{place:03}", count, remark) for place, (count, remark) in enumerate(zip(counts, remarks, strict=True))
    ]
    found = SelectSet(select(NOTES).where(in_set(NOTES.c.remark, "remarks")), "remarks")
    with notes.write() as tx:
        tx.execute(NOTES.delete())
        InsertRows(NOTES).run(tx, written)
        assert tx.fetch("SELECT name, count, remark FROM notes ORDER BY name", []) == written
        UpdateRows(NOTES, "name", "count", "remark").run(tx, [(name, None, None) for name, _, _ in written])
        UpdateRows(NOTES, "name", "count", "remark").run(tx, written)
        assert tx.fetch("SELECT name, count, remark FROM notes ORDER BY name", []) == written
        wanted = {remark for remark in remarks if remark is not None}
        assert sorted(found.run(tx, remarks=wanted)) == [row for row in written if row[2] is not None]


@ONLY_POSTGRESQL
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(st.none(), TEXTS)), numbers=st.lists(st.one_of(st.none(), NUMBERS)))
def test_an_array_as_text_is_the_array_that_the_server_reads(
    reading: psycopg.Connection[Any], texts: list[str | None], numbers: list[int | None]
) -> None:
    row = reading.execute("SELECT %s::TEXT[], %s::BIGINT[]", [array_text(texts), array_text(numbers)]).fetchone()
    assert row == (texts, numbers)


@pytest.fixture
def reading(notes: Database) -> Iterator[psycopg.Connection[Any]]:
    """A driver's connection to PostgreSQL."""
    with notes.read() as tx:
        connection: Any = tx._connection.connection.dbapi_connection
        yield connection


def test_every_statement_of_the_stores_is_one_that_the_engine_understands(database: Database) -> None:
    seen = 0
    for statement in (value for store in STORES for value in vars(store).values()):
        with database.write() as tx:
            if isinstance(statement, SelectSet):
                given = {name: ["", "nobody"] for name in statement._sets} | dict.fromkeys(statement._others, 1)
                assert statement.run(tx, **given) == []
            elif isinstance(statement, InsertRows):
                understood(tx, statement)
            elif isinstance(statement, UpdateRows):
                for size in (1, 2):
                    with pytest.raises(RowsLostError, match=f"{size} rows to change, 0 there"):
                        statement.run(tx, [("nobody", *[None] * (len(statement._columns) - 1))] * size)
            else:
                continue
        seen += 1
    assert seen >= 12


def test_the_selects_that_lock_do_so_in_a_sorted_order_on_postgresql() -> None:
    wallets, *_ = ledger_store._LOCK_WALLETS._compile("postgresql")
    assert wallets.rstrip().endswith("ORDER BY wallets.account_id FOR UPDATE OF wallets")
    locked, *_ = numbers_store._SALE_NUMBERS._compile("postgresql")
    assert locked.rstrip().endswith("ORDER BY numbers.e164 FOR UPDATE")


def understood(tx: Tx, statement: InsertRows) -> None:
    """The engine knows the table and the columns; nothing is inserted."""
    if tx.engine_name == "postgresql":
        tx.copy(statement._copy, [])
    else:
        tx.fetch(f"EXPLAIN {statement._text(4)}", [None] * 4 * len(statement._table.c))


@ONLY_SQLITE
def test_a_set_is_looked_up_in_the_index_and_never_scanned(database: Database) -> None:
    """Whatever SQLAlchemy puts around a condition, SQLite must still see a column and its members."""
    with database.read() as tx:
        for text, order in _selects("sqlite"):
            steps = [row[3] for row in tx.fetch(f"EXPLAIN QUERY PLAN {text}", ["[]"] * len(order))]
            # Members, the order of what was found, and the array that it becomes.
            beside = ("json_each", "SUBQUERY", "USE TEMP B-TREE", "subquery")
            tables = [step for step in steps if not any(word in step for word in beside)]
            assert tables
            assert all(step.startswith("SEARCH") for step in tables), (text, steps)


@ONLY_POSTGRESQL
def test_postgresql_looks_a_set_up_in_the_index_however_much_there_is_and_whatever_it_believes(
    database: Database,
) -> None:
    """The same where the planner was told nothing and where reading a table whole is said to cost too much."""
    with database.read() as tx:
        tx.fetch("SELECT set_config('enable_seqscan', 'off', true)", [])
        for text, order in _selects("postgresql"):
            values = [array_text(["nobody"])] * len(order)
            steps = "\n".join(row[0] for row in tx.fetch(f"EXPLAIN {text}", values))
            scans = re.findall(r"(?:Seq|Index|Index Only|Bitmap Index) Scan ", steps)
            assert scans
            assert steps.count("Index Cond") == len(scans), (text, steps)


def _selects(engine: str) -> list[tuple[str, list[str]]]:
    statements = [statement for store in STORES for statement in vars(store).values()]
    sets = [one for one in statements if isinstance(one, SelectSet) and one._sets]
    return [one._compile(engine)[:2] for one in sets]
