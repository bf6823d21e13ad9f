"""The check of the books as a whole: clean books pass, nothing is changed, figures cannot be changed unseen."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, select

from numberdesk.core.invariants import MOST_SHOWN, VerifyReport
from numberdesk.infra.db import Database, TryAgainError
from numberdesk.tables import metadata, transfers
from numberdesk.verify.books import verify
from numberdesk.verify.engine import pages
from tests.flows.conftest import Shop
from tests.verify.conftest import FREE, ONLY_POSTGRESQL, Copy, said

ENGINES_TAKE_TURNS = "a check is one statement for both engines"

INVARIANTS = {
    *(f"I{number}" for number in (*range(1, 12), 13, *range(15, 21))),  # I12 has rows in the books with calls
    *("hold", "storage"),
}
PLANTED = {
    "rent_refunds": "'rrf_1', 'rnt_1', 0, 'acc_1', '+13612738801', 1, 'trf_1_rental', 1",
    "rate_deck_choices": "'acc_1', 1, NULL",
    "time_zone_changes": "'acc_1', '2026-12', 'Europe/Berlin'",
    "interventions": "'itv_1', 1, 'key_1', 'take_back', 'acc_1', '+13612738802', 'rnt_2', 'fraud'",
    "superseded_prices": f"'{FREE}', 1, 'USD', 1, NULL, NULL, 0, '', ''",
    "keyed_requests": "'acc_1', 'release', 'k', '{}', 'rnt_2', 1",
    "usage_sources": "'acc_1', 'rnt_3', 1, 'switch'",
    "usage_rates": "'acc_1', 'rnt_3', 'outbound', 1, 1",
    "receivables": "'rcv_1', 'acc_1', 'USD', 0, 1, 1, NULL",
    "spend_caps": "'acc_1', 'acc_1', NULL, NULL, NULL, 1",
    "balance_alerts": "'alr_1_1', 'acc_1', 2, 1, 1",
    "connections": "'con_1', 'acc_1', 'c', 'sip', 'custom', '{}', NULL, 1, NULL, NULL, 1, 1",
    "connection_permits": "'acc_1', 'forward', '', 1",
    "rental_connections": "'rnt_3', 'acc_1', 'pool', '+13612738803', NULL, 'none', 0, NULL, NULL, 0, '', NULL, NULL, "
    "1, NULL",
    "adopted_offers": "'ado_1', '+13612738801', 1, 'acme', 'PN1', 'key_1', NULL, NULL, NULL",
    "line_sums": "'acc_1', 0, 'rental', 1, 1, 1",
    "trunk_numbers": "'tnm_1', 'con_1', 'pool', '+13612738803', 1, 'pending', 1, 0, '', NULL, NULL, NULL, NULL",
    "people": "'per_1', 'acc_1', 'ann@example.com', 'owner', 1, NULL, NULL",
    "compliance_profiles": "'cmp_1', 'acc_1', 'acme', 'DE', '', '{}', 'draft', NULL, '', 1, 1, NULL, NULL",
    "number_settings": "'rnt_3', 'acc_1', 'pool', '+13612738803', NULL, '', '', 1, 'none', NULL, 0, '', NULL, NULL, "
    "0, 1, NULL",
    "call_feeds": "'acc_1', 'switch', 'freeswitch', NULL, NULL, NULL, 1",
    "usage_sessions": "'ses_1', 'acc_1', 'rnt_3', 'switch', 'c', '', 'inbound', '+13612738803', '', 'USD', 0, 0, 1, 1, "
    "1, 0, 'open', 2000000000000000, 2000000000000000, NULL, 1, 0, '', NULL, NULL, NULL",
    "call_reversals": "'rev_1', 'acc_1', 'cal_1', 1, 0, 0, 1, 1, 1, 0, 0, NULL, NULL, 1, NULL, 1, '', NULL",
    "calls": "'cal_1', 'switch', 'c', '', 'inbound', '+13612738801', '', 1, NULL, NULL, 1, '', 'witness', NULL, "
    "'acc_1', 'rnt_3', 'USD', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 1, NULL, NULL",
}
"""Rows of tables that the books have none of."""
REFERENCES = [
    one for table in metadata.sorted_tables for one in sorted(table.foreign_keys, key=lambda each: each.parent.name)
]
LINES = ("trf_acc_1_top_up", "trf_acc_1_adjustment", "trf_1_rental", "trf_1_setup", "trf_3_rental", "trf_5_rental")
FIGURE = st.integers(-(10**12), 10**12).filter(bool)


def report_of(database: Database, *, thorough: bool = False) -> VerifyReport:
    with database.read() as tx:
        return verify(tx, lambda _what, _done, _of: None, thorough=thorough)


def test_books_made_by_the_flows_are_in_order(books: Database) -> None:
    report = report_of(books, thorough=True)
    assert report.ok, said(report)
    assert (report.violations, report.violations_total) == ((), 0)
    assert {check.invariant for check in report.checked if check.rows} == INVARIANTS


def test_a_check_says_how_many_rows_it_looked_at(books: Database) -> None:
    rows = {check.what: check.rows for check in report_of(books).checked}
    assert rows["every transfer continues the one before, the last is what its wallet has posted"] == 9
    assert rows["no wallet is overdrawn"] == 3
    assert rows["every order has one hold, of its prices and in its state"] == 7


@pytest.mark.parametrize("size", [1, 3, 9])
def test_rows_that_are_read_page_by_page_come_each_once_in_the_order_of_their_key(size: int, books: Database) -> None:
    key = [transfers.c.debit, transfers.c.id]
    with books.read() as tx:
        every = sorted(tuple(row) for row in tx.execute(select(*key)))
        read = [[tuple(row) for row in page] for page in pages(tx, select(*key), key, size)]
    assert read == [every[first : first + size] for first in range(0, len(every), size)]
    assert len(every) == 9


def test_a_database_without_books_is_in_order(database: Database) -> None:
    assert report_of(database, thorough=True).ok


def test_a_number_sold_again_after_its_quarantine_is_in_order(database: Database) -> None:
    shop = Shop(database)
    account, e164 = shop.account(10_000_000), shop.number()
    for _ in range(2):
        shop.buy(account, e164)
        shop.release(account, e164)
        with database.write() as tx:
            tx.run("UPDATE numbers SET state = 'available', quarantined_until = NULL", [])
    shop.buy(account, e164)
    report = report_of(shop.database)
    assert report.ok, said(report)


def test_the_audit_changes_nothing(books: Database) -> None:
    def rows() -> list[object]:
        with books.read() as tx:
            kept = [
                table for table in metadata.sorted_tables if table.name != "number_trigrams"
            ]  # SQLite keeps no columns
            return [sorted(map(tuple, tx.execute(select(table))), key=repr) for table in kept]

    before = rows()
    report_of(books, thorough=True)
    assert rows() == before


def test_progress_names_each_check_and_ends_with_all_of_them(books: Database) -> None:
    told: list[tuple[str, int, int]] = []
    with books.read() as tx:
        verify(tx, lambda *one: told.append(one))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {of for _, _, of in told} == {len(told) - 1}
    assert len({what for what, _, _ in told}) == len(told)


def test_a_check_lists_the_first_hundred_and_counts_all(damaged: Copy) -> None:
    many = MOST_SHOWN + 50
    damaged.plant(
        f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many}) "  # noqa: S608  a number
        "INSERT INTO events SELECT 'evt_more_' || n, account_id, kind, payload, created_at, NULL "
        "FROM n, events WHERE id = 'evt_3'",
    )
    report = damaged.audit()
    assert (len(report.violations), report.violations_total) == (MOST_SHOWN, many)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: f"{one.parent.table.name}.{one.parent.name}")
def test_no_reference_leads_nowhere_unseen(reference: ForeignKey, damaged: Copy) -> None:
    child, column = reference.parent.table.name, reference.parent.name
    if child in PLANTED:
        damaged.plant(f"INSERT INTO {child} VALUES ({PLANTED[child]})")  # noqa: S608  own names
    key = next(iter(reference.parent.table.primary_key)).name
    last = f"SELECT max({key}) FROM {child} WHERE {column} IS NOT NULL"  # noqa: S608  the schema's own names
    damaged.plant(f"UPDATE {child} SET {column} = 'none' WHERE {key} = ({last})")  # noqa: S608  as above
    found_at = "orders" if child == "holds" else child
    assert found_at in {one.table for one in damaged.audit().violations}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.one_of(
        st.tuples(st.sampled_from(("amount", "balance_after")), FIGURE, st.sampled_from(LINES)),
        st.tuples(st.just("entry"), st.integers(10, 10**12), st.sampled_from(LINES)),
        st.tuples(st.sampled_from(("posted", "held", "entries")), FIGURE, st.sampled_from(("acc_1", "acc_2"))),
    )
)
def test_no_figure_can_be_changed_unseen(change: tuple[str, int, str], damaged: Copy) -> None:
    column, by, row = change
    table, key = ("transfers", "id") if row in LINES else ("wallets", "account_id")
    damaged.repair()
    damaged.plant(f"UPDATE {table} SET {column} = {column} + {by} WHERE {key} = '{row}'")  # noqa: S608  from above
    found = {one.table for one in damaged.audit().violations}
    # A changed entry is a gap, and that shows first at the line behind it, or at the wallet.
    assert found & {"transfers", "wallets"} if column == "entry" else table in found


@ONLY_POSTGRESQL
def test_an_audit_whose_connection_is_cut_fails_and_blames_no_books(books: Database, books_url: str) -> None:
    """What was not asked is not damaged: the audit is to be made again."""
    done_until_cut = []

    def cut_audit() -> None:
        with books.read() as tx:
            ((pid,),) = tx.fetch("SELECT pg_backend_pid()", [])

            def cut(_what: str, done: int, _of: int) -> None:
                done_until_cut.append(done)
                if done == 3:
                    with psycopg.connect(books_url, autocommit=True) as other:
                        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

            verify(tx, cut)

    with pytest.raises(TryAgainError):
        cut_audit()
    assert done_until_cut == [0, 1, 2, 3]
    assert report_of(books).ok
