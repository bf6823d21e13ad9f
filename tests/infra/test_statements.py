"""Statements for sets of rows: every size, both engines' texts, and sets that are not all there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, select

from numberdesk.infra.db import Database
from numberdesk.infra.statements import InsertRows, RowsLostError, SelectSet, UpdateRows, in_set
from numberdesk.ledger import store as ledger_store
from numberdesk.numbers import store as numbers_store
from numberdesk.orders import store as orders_store
from numberdesk.outbox import store as outbox_store

NOTES = Table(
    "notes",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger),
    Column("remark", Text),
)
SIZES = [*range(24), 63, 64, 65, 84, 127, 128, 129, 200]
STORES = (ledger_store, numbers_store, orders_store, outbox_store)


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/notes.db")
    with database.raw() as connection:
        NOTES.create(connection)
        connection.commit()
    yield database
    database.close()


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


def test_one_statement_serves_sets_of_all_sizes(notes: Database) -> None:
    insert = InsertRows(NOTES)
    for size in range(1, 90):
        with notes.write() as tx:
            insert.run(tx, [(f"{size} {place}", 1, None) for place in range(size)])
    assert len(kept(notes)) == sum(range(1, 90))
    assert {size for _, size in insert._texts} == {1, 4, 16, 64}


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
    with pytest.raises(Exception, match="UNIQUE"), notes.write() as tx:
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


def test_a_select_with_another_parameter_is_refused_when_it_is_first_run(notes: Database) -> None:
    query = select(NOTES.c.name).where(in_set(NOTES.c.name, "names"), NOTES.c.count == bindparam("count"))
    with notes.read() as tx, pytest.raises(TypeError, match="no other parameter"):
        SelectSet(query, "names").run(tx, names=["a"])


def test_the_postgresql_texts_are_what_postgresql_reads() -> None:
    assert InsertRows(NOTES)._text("postgresql", 2) == (
        "INSERT INTO notes (name, count, remark) VALUES (%s, %s, %s), (%s, %s, %s)"
    )
    assert UpdateRows(NOTES, "name", "count", "remark")._text("postgresql", 1) == (
        "UPDATE notes SET count = v.column2, remark = v.column3 "
        "FROM (VALUES (CAST(%s AS TEXT), CAST(%s AS BIGINT), CAST(%s AS TEXT))) AS v WHERE notes.name = v.column1"
    )
    text, order = SelectSet(select(NOTES.c.name).where(in_set(NOTES.c.name, "names")), "names")._compile("postgresql")
    assert " ".join(text.split()) == "SELECT notes.name FROM notes WHERE notes.name = ANY(%s::TEXT[])"
    assert order == ["names"]


def test_every_statement_of_the_stores_has_a_text_for_postgresql() -> None:
    seen = 0
    for store in STORES:
        for statement in vars(store).values():
            if isinstance(statement, SelectSet):
                text, order = statement._compile("postgresql")
                assert text.count("%s") == len(order) == text.count("ANY(%s::TEXT[])")
                assert "json_each" not in text
            elif isinstance(statement, (InsertRows, UpdateRows)):
                text = statement._text("postgresql", 4)
                assert "?" not in text
            else:
                continue
            seen += 1
    assert seen >= 12


def test_the_selects_that_lock_do_so_in_a_sorted_order_on_postgresql() -> None:
    purses, _ = ledger_store._PURSES._compile("postgresql")
    assert purses.rstrip().endswith("ORDER BY wallets.account_id FOR UPDATE OF wallets")
    lots, _ = numbers_store._LOTS._compile("postgresql")
    assert lots.rstrip().endswith("ORDER BY numbers.e164 FOR UPDATE")


def test_a_set_is_looked_up_in_the_index_and_never_scanned(database: Database) -> None:
    """Whatever SQLAlchemy puts around a condition, SQLite must still see a column and its members."""
    with database.read() as tx:
        for store in STORES:
            for statement in vars(store).values():
                if isinstance(statement, SelectSet):
                    text, order = statement._compile("sqlite")
                    steps = [row[3] for row in tx.fetch(f"EXPLAIN QUERY PLAN {text}", ["[]"] * len(order))]
                    tables = [step for step in steps if "json_each" not in step and "SUBQUERY" not in step]
                    assert tables
                    assert all(step.startswith("SEARCH") for step in tables), (text, steps)
