"""The audit of the books as a whole: clean books pass, nothing is changed, figures cannot be changed unseen."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey
from sqlalchemy.dialects import postgresql
from tests.flows.conftest import Shop
from tests.flows.verify.conftest import FREE, SpeaksBoth, audit, named, plant, said

from numberdesk.core.invariants import MOST_SHOWN
from numberdesk.flows.verify import verify
from numberdesk.infra.db import Database
from numberdesk.migrations.soundness import live_guards
from numberdesk.tables import metadata

INVARIANTS = {"I1", "I2", "I3", "I4", "I5", "I6", "I9", "I13", "I15", "hold", "storage"}
REFERENCES = [
    one for table in metadata.sorted_tables for one in sorted(table.foreign_keys, key=lambda each: each.parent.name)
]
LINES = ("trf_acc_1_top_up", "trf_acc_1_adjustment", "trf_1_rental", "trf_1_setup", "trf_3_rental", "trf_5_rental")
FIGURE = st.integers(-(10**12), 10**12).filter(bool)


def test_books_made_by_the_flows_are_in_order(books: Path) -> None:
    verdict = audit(books, thorough=True)
    assert verdict.ok, said(verdict)
    assert (verdict.violations, verdict.violations_total) == ((), 0)
    assert {check.invariant for check in verdict.checked if check.rows} == INVARIANTS


def test_a_check_says_how_many_rows_it_looked_at(books: Path) -> None:
    rows = {check.what: check.rows for check in audit(books).checked}
    assert rows["every transfer continues the one before, the last is what its wallet has posted"] == 9
    assert rows["no wallet is overdrawn"] == 3
    assert rows["every order has one hold, of its prices and in its state"] == 7


def test_a_database_without_books_is_in_order(prepared_file: Path) -> None:
    assert audit(prepared_file, thorough=True).ok


def test_a_number_sold_again_after_its_quarantine_is_in_order(shop: Shop) -> None:
    account, e164 = shop.account(10_000_000), shop.number()
    for _ in range(2):
        shop.buy(account, e164)
        shop.release(account, e164)
        with shop.database.write() as tx:
            tx.run("UPDATE numbers SET state = 'available', quarantined_until = NULL", [])
    shop.buy(account, e164)
    with shop.database.read() as tx:
        verdict = verify(tx, lambda _what, _done, _of: None)
    assert verdict.ok, said(verdict)


def test_the_audit_changes_nothing(damaged: Path) -> None:
    before = damaged.read_bytes()
    audit(damaged, thorough=True)
    assert damaged.read_bytes() == before


def test_progress_names_each_check_and_ends_with_all_of_them(books: Path) -> None:
    told: list[tuple[str, int, int]] = []
    database = Database(f"sqlite:///{books}")
    with database.read() as tx:
        verify(tx, lambda *one: told.append(one))
    database.close()
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {of for _, _, of in told} == {len(told) - 1}
    assert len({what for what, _, _ in told}) == len(told)


def test_a_check_lists_the_first_hundred_and_counts_all(damaged: Path) -> None:
    many = MOST_SHOWN + 50
    plant(
        damaged,
        f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {many}) "  # noqa: S608  a number
        "INSERT INTO events SELECT 'evt_more_' || n, account_id, kind, payload, created_at "
        "FROM n, events WHERE id = 'evt_3'",
    )
    verdict = audit(damaged)
    assert (len(verdict.violations), verdict.violations_total) == (MOST_SHOWN, many)


@pytest.mark.parametrize(
    ("guard", "table"),
    [
        ("transfers_never_change", "transfers"),
        ("transfers_never_go", "transfers"),
        ("holds_resolve_once", "holds"),
        ("holds_never_go", "holds"),
    ],
)
def test_a_guard_that_is_gone_is_named(guard: str, table: str, damaged: Path) -> None:
    with closing(sqlite3.connect(damaged)) as connection:
        connection.execute(f"DROP TRIGGER {guard}")
    assert named(audit(damaged)) == {("I4", table, guard)}


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: f"{one.parent.table.name}.{one.parent.name}")
def test_no_reference_leads_nowhere_unseen(reference: ForeignKey, damaged: Path) -> None:
    child, column = reference.parent.table.name, reference.parent.name
    if child == "superseded_prices":
        plant(damaged, f"INSERT INTO {child} VALUES ('{FREE}', 1, 'USD', 1, NULL, NULL, 0)")  # noqa: S608  own names
    key = next(iter(reference.parent.table.primary_key)).name
    last = f"SELECT max({key}) FROM {child} WHERE {column} IS NOT NULL"  # noqa: S608  the schema's own names
    plant(damaged, f"UPDATE {child} SET {column} = 'none' WHERE {key} = ({last})")  # noqa: S608  as above
    assert not audit(damaged).ok


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.one_of(
        st.tuples(st.sampled_from(("amount", "balance_after")), FIGURE, st.sampled_from(LINES)),
        st.tuples(st.just("entry"), st.integers(10, 10**12), st.sampled_from(LINES)),
        st.tuples(st.sampled_from(("posted", "held", "entries")), FIGURE, st.sampled_from(("acc_1", "acc_2"))),
    )
)
def test_no_figure_can_be_changed_unseen(change: tuple[str, int, str], books: Path, tmp_path: Path) -> None:
    column, by, row = change
    table, key = ("transfers", "id") if row in LINES else ("wallets", "account_id")
    path = Path(shutil.copyfile(books, tmp_path / "copy.db"))
    plant(path, f"UPDATE {table} SET {column} = {column} + {by} WHERE {key} = '{row}'")  # noqa: S608  from above
    found = {one.table for one in audit(path).violations}
    # A changed entry is a gap, and that shows first at the line behind it, or at the wallet.
    assert found & {"transfers", "wallets"} if column == "entry" else table in found


def test_every_statement_is_also_one_of_postgresql(books: Path) -> None:
    database = Database(f"sqlite:///{books}")
    with database.read() as tx:
        both = SpeaksBoth(tx)
        verify(both, lambda _what, _done, _of: None)
    database.close()
    asked = [sql for sql in both.said if not sql.startswith("PRAGMA")]
    assert len(asked) > 30
    assert [sql for sql in asked if re.search(r"\b(instr|glob|ifnull|rowid)\b", sql, re.IGNORECASE)] == []


def test_the_guards_are_asked_of_the_catalog_on_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # not annotated upstream
    assert "FROM pg_trigger" in str(live_guards("postgresql").compile(dialect=dialect))
