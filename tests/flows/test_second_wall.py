"""The second wall: violations that no flow commits, planted by SQL, are refused by the database itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import psycopg
import pytest

from numberdesk.carriers.finding_store import Finding
from numberdesk.core.findings import FindingKind
from numberdesk.core.purchase import Sold
from numberdesk.flows.carriers.note_audits import (
    AuditResult,
    FindingResolution,
    ResolveFinding,
    note_audits,
    resolve_findings,
)
from numberdesk.flows.catalog.set_rates import new_rate, set_rates
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import metadata
from testbed.samples import finding
from tests.flows.conftest import NOW, PRICE, Shop

ENGINES_TAKE_TURNS = "the guards of both engines are compared by tests of migrations"


class Trade:
    """A shop in the middle of business.

    `me` rents `rented` (order `paid`) and orders `ordered` from a carrier (order `open`, held for); `other` has money;
    `free` is for sale. An audit found `orphan`, which goes back. SQL may name all of them in braces.
    """

    def __init__(self, shop: Shop) -> None:
        me, other = shop.account(10 * PRICE), shop.account(PRICE)
        rented, free, ordered = shop.number(), shop.number(), shop.number(carrier="acme")
        paid, begun = shop.buy(me, rented, key="k"), shop.buy(me, ordered)
        assert isinstance(paid, Sold) and isinstance(begun, Sold)  # noqa: PT018  both are there
        orphan = _with_an_audit(shop)
        self._shop = shop
        self._names = {
            "orphan": orphan,
            "me": me,
            "other": other,
            "rented": rented,
            "ordered": ordered,
            "free": free,
            "paid": paid.order.id,
            "open": begun.order.id,
            "now": NOW,
        }

    def plant(self, sql: str) -> int:
        """Run a statement in a transaction of its own; return how many rows it changed."""
        with self._shop.database.write() as tx:
            return tx.run(sql.format(**self._names), [])

    def undo(self, sql: str) -> None:
        """The same, and rolled back."""
        with pytest.raises(ZeroDivisionError), self._shop.database.write() as tx:
            assert tx.run(sql.format(**self._names), []) // 0

    def copied(self, table: str, where: str, **changes: str) -> str:
        """A statement that inserts a row like another one, some columns changed."""
        columns = InsertRows(metadata.tables[table]).names
        values = ", ".join(changes.get(name, name) for name in columns)
        return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {where}"  # noqa: S608  the tests' own text


def _with_an_audit(shop: Shop) -> str:
    """A finding, a release and an exchange rate."""
    e164 = "+13612738809"
    found = finding(e164, NOW, carrier_reference="PN1")
    shop.writer.apply(note_audits, AuditResult("acme", NOW, NOW, NOW + 1, 1, (found,), "", 0))
    resolution = ResolveFinding("acme", e164, FindingKind.ORPHAN, FindingResolution.RELEASE, "1", NOW)
    assert isinstance(shop.writer.apply(resolve_findings, resolution), Finding)
    shop.writer.apply(set_rates, new_rate("EUR", "USD", "1.1", NOW))
    return e164


@pytest.fixture
def trade(shop: Shop) -> Trade:
    return Trade(shop)


@contextlib.contextmanager
def refused(sqlite: str, postgresql: str) -> Iterator[None]:
    """What is done inside breaks a constraint, and the engine says so in its own words."""
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)) as caught:
        yield
    says = sqlite if isinstance(caught.value, sqlite3.Error) else postgresql
    assert says in str(caught.value)


COPIES = [
    (
        "two live rentals of one number",
        "rentals",
        "e164 = '{rented}'",
        {"id": "'rnt_2'"},
        "rentals.e164",
        "uq_rentals_live_e164",
    ),
    (
        "one rental twice",
        "rentals",
        "e164 = '{rented}'",
        {"released_at": "1", "state": "'released'", "next_at": "NULL"},
        "rentals.id",
        "pk_rentals",
    ),
    (
        "two open orders for one number",
        "orders",
        "id = '{open}'",
        {"id": "'ord_2'"},
        "orders.e164",
        "uq_orders_open_e164",
    ),
    (
        "two answers under one key",
        "idempotency_records",
        "key = 'k'",
        {"request_id": "'r'"},
        "idempotency_records.account_id, idempotency_records.key",
        "pk_idempotency_records",
    ),
    ("two holds for one order", "holds", "owner_id = '{open}'", {}, "holds.owner_id", "pk_holds"),
    ("a charge taken twice", "transfers", "order_id = '{paid}'", {"entry": "9"}, "transfers.id", "pk_transfers"),
    (
        "two entries of one number",
        "transfers",
        "order_id = '{paid}'",
        {"id": "'t'"},
        "transfers.account_id",
        "uq_transfers_account_id_entry",
    ),
    ("two wallets of one account", "wallets", "account_id = '{me}'", {}, "wallets.account_id", "pk_wallets"),
    ("one number twice", "numbers", "e164 = '{free}'", {"carrier": "'acme'"}, "numbers.e164", "pk_numbers"),
    ("an event told twice", "events", "true", {}, "events.id", "pk_events"),
    (
        "an order twice",
        "orders",
        "id = '{paid}'",
        {"state": "'failed'", "completed_at": "NULL"},
        "orders.id",
        "pk_orders",
    ),
    *(
        (f"two {table} under one key", table, "true", {}, ", ".join(f"{table}.{name}" for name in key), f"pk_{table}")
        for table, *key in (
            ("carriers", "name"),
            ("carrier_orders", "order_id"),
            ("carrier_releases", "id"),
            ("offers", "e164", "carrier", "terms"),
            ("findings", "carrier", "e164", "kind"),
            ("audits", "carrier"),
            ("exchange_rates", "base", "quote"),
        )
    ),
]


@pytest.mark.parametrize(
    ("table", "where", "changes", "columns", "constraint"), [case[1:] for case in COPIES], ids=[c[0] for c in COPIES]
)
def test_what_may_be_there_once_is_not_there_twice(
    trade: Trade, table: str, where: str, changes: dict[str, str], columns: str, constraint: str
) -> None:
    with refused(f"UNIQUE constraint failed: {columns}", f'violates unique constraint "{constraint}"'):
        trade.plant(trade.copied(table, where, **changes))


def test_one_reference_pays_once(shop: Shop, trade: Trade) -> None:
    account_id = shop.account()
    shop.top_up(account_id, PRICE, "invoice-1")
    where, changes = "reference = 'invoice-1'", {"id": "'t'", "entry": "2", "balance_after": "2"}
    again = trade.copied("transfers", where, **changes)
    with refused(
        "UNIQUE constraint failed: transfers.account_id, transfers.kind", '"uq_transfers_account_id_reference"'
    ):
        trade.plant(again)
    trade.undo(trade.copied("transfers", where, kind="'adjustment'", **changes))


PARKED_AND_LEASED = "next_at = NULL, parked_at = 1, leased_until = 1"

UPDATES = [
    # wallets
    ("wallets", "posted = held - 1", "account_id = '{me}'", "ck_wallets_covered"),
    ("wallets", "held = posted + 1", "account_id = '{other}'", "ck_wallets_covered"),
    ("wallets", "posted = -5, credit_limit = 4", "account_id = '{other}'", "ck_wallets_covered"),
    ("wallets", "held = -1", "account_id = '{other}'", "ck_wallets_held_not_negative"),
    ("wallets", "credit_limit = -1", "account_id = '{me}'", "ck_wallets_limit_not_negative"),
    # orders
    ("orders", "price = 0", "id = '{paid}'", "ck_orders_price_positive"),
    ("orders", "price = -1", "id = '{paid}'", "ck_orders_price_positive"),
    ("orders", "setup = -1", "id = '{paid}'", "ck_orders_rates_not_negative"),
    ("orders", "inbound = -1", "id = '{paid}'", "ck_orders_rates_not_negative"),
    ("orders", "inbound = NULL, outbound = -1", "id = '{paid}'", "ck_orders_rates_not_negative"),
    ("orders", "state = 'lost'", "id = '{open}'", "ck_orders_state_known"),
    ("orders", "state = 'completed'", "id = '{open}'", "ck_orders_completed_with_time"),
    ("orders", "state = 'ordering'", "id = '{paid}'", "ck_orders_completed_with_time"),
    # holds
    ("holds", "amount = 0", "owner_id = '{open}'", "ck_holds_amount_positive"),
    ("holds", "state = 'gone', resolved_at = 1", "owner_id = '{open}'", "ck_holds_state_known"),
    ("holds", "state = 'voided'", "owner_id = '{open}'", "ck_holds_resolved_with_time"),
    ("holds", "resolved_at = 1", "owner_id = '{open}'", "ck_holds_resolved_with_time"),
    # numbers
    ("numbers", "state = 'assigned'", "e164 = '{free}'", "ck_numbers_held_by_order"),
    ("numbers", "state = 'claimed'", "e164 = '{free}'", "ck_numbers_held_by_order"),
    ("numbers", "state = 'available'", "e164 = '{rented}'", "ck_numbers_held_by_order"),
    ("numbers", "account_id = NULL", "e164 = '{rented}'", "ck_numbers_held_by_account"),
    ("numbers", "account_id = '{me}'", "e164 = '{free}'", "ck_numbers_held_by_account"),
    ("numbers", "state = 'quarantined'", "e164 = '{free}'", "ck_numbers_quarantined_with_date"),
    ("numbers", "quarantined_until = 1", "e164 = '{free}'", "ck_numbers_quarantined_with_date"),
    ("numbers", "state = 'lost'", "e164 = '{free}'", "ck_numbers_state_known"),
    ("numbers", "price = 0", "e164 = '{free}'", "ck_numbers_price_positive"),
    ("numbers", "price = NULL", "e164 = '{free}'", "ck_numbers_price_with_currency"),
    ("numbers", "currency = NULL", "e164 = '{free}'", "ck_numbers_price_with_currency"),
    ("numbers", "outbound = -1", "e164 = '{free}'", "ck_numbers_rates_not_negative"),
    ("numbers", "price_source = 'guess'", "e164 = '{free}'", "ck_numbers_price_source_known"),
    # rentals
    ("rentals", "price = 0", "e164 = '{rented}'", "ck_rentals_price_positive"),
    ("rentals", "inbound = -1", "e164 = '{rented}'", "ck_rentals_rates_not_negative"),
    ("rentals", "state = 'released'", "e164 = '{rented}'", "ck_rentals_released_with_time"),
    ("rentals", "released_at = 1, next_at = NULL", "e164 = '{rented}'", "ck_rentals_released_with_time"),
    ("rentals", "state = 'lost'", "e164 = '{rented}'", "ck_rentals_state_known"),
    # answers and accounts
    ("idempotency_records", "error_code = 'number_taken'", "key = 'k'", "ck_idempotency_records_order_or_refusal"),
    ("idempotency_records", "order_id = NULL", "key = 'k'", "ck_idempotency_records_order_or_refusal"),
    ("accounts", "state = 'gone'", "id = '{me}'", "ck_accounts_state_known"),
    # orders at carriers
    ("carrier_orders", "sends = 0", "order_id = '{open}'", "ck_carrier_orders_sends_counted"),
    ("carrier_orders", PARKED_AND_LEASED, "order_id = '{open}'", "ck_carrier_orders_leased_while_due"),
    ("carrier_orders", "next_at = NULL", "order_id = '{open}'", "ck_carrier_orders_due_or_parked"),
    ("carrier_orders", "parked_at = 1", "order_id = '{open}'", "ck_carrier_orders_due_or_parked"),
    ("carrier_orders", "settled_at = 1", "order_id = '{open}'", "ck_carrier_orders_settled_is_left_alone"),
    ("carrier_orders", "error_code = 'number_taken'", "order_id = '{open}'", "ck_carrier_orders_refused_when_settled"),
    ("carrier_releases", "confirmed_at = 1", "true", "ck_carrier_releases_confirmed_is_left_alone"),
    ("carrier_releases", "next_at = NULL", "true", "ck_carrier_releases_due_or_parked"),
    ("carrier_releases", PARKED_AND_LEASED, "true", "ck_carrier_releases_leased_while_due"),
    ("audits", "parked_at = 1", "true", "ck_audits_due_or_parked"),
    ("audits", PARKED_AND_LEASED, "true", "ck_audits_leased_while_due"),
    # carriers, their offers, and audits
    ("carriers", "state = 'gone'", "name = 'acme'", "ck_carriers_state_known"),
    ("offers", "price = 0", "e164 = '{ordered}'", "ck_offers_price_positive"),
    ("offers", "setup = -1", "e164 = '{ordered}'", "ck_offers_rates_not_negative"),
    ("offers", "inbound = NULL, outbound = -1", "e164 = '{ordered}'", "ck_offers_rates_not_negative"),
    ("exchange_rates", "rate = 0", "base = 'EUR'", "ck_exchange_rates_rate_positive"),
    ("findings", "kind = 'odd'", "e164 = '{orphan}'", "ck_findings_kind_known"),
    ("findings", "state = 'odd'", "e164 = '{orphan}'", "ck_findings_state_known"),
]


@pytest.mark.parametrize(("table", "change", "where", "constraint"), UPDATES)
def test_a_row_cannot_become_what_it_must_not_be(
    trade: Trade, table: str, change: str, where: str, constraint: str
) -> None:
    with refused(f"CHECK constraint failed: {constraint}", f'violates check constraint "{constraint}"'):
        trade.plant(f"UPDATE {table} SET {change} WHERE {where}")  # noqa: S608  the tests' own text


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"amount": "0"}, "ck_transfers_amount_positive"),
        ({"amount": "-amount"}, "ck_transfers_amount_positive"),
        ({"credit": "debit"}, "ck_transfers_two_sides"),
        ({"account_id": "NULL"}, "ck_transfers_entry_of_wallet"),
        ({"entry": "NULL"}, "ck_transfers_entry_of_wallet"),
    ],
)
def test_a_transfer_cannot_be_written_that_moves_nothing(
    trade: Trade, changes: dict[str, str], constraint: str
) -> None:
    row = {"id": "'t'", "entry": "99", **changes}
    with refused(f"CHECK constraint failed: {constraint}", f'violates check constraint "{constraint}"'):
        trade.plant(trade.copied("transfers", "order_id = '{paid}'", **row))


@pytest.mark.parametrize("column", ["amount", "currency", "debit", "created_at", "id", "state"])
def test_what_must_have_a_value_has_one(trade: Trade, column: str) -> None:
    table, owner, row = ("transfers", "order_id", {"id": "'t'", "entry": "99"})
    if column == "state":
        table, owner, row = ("holds", "owner_id", {"owner_id": "'x'"})
    in_words = f'null value in column "{column}" of relation "{table}" violates not-null constraint'
    with refused(f"NOT NULL constraint failed: {table}.{column}", in_words):
        trade.plant(trade.copied(table, f"{owner} = '{{paid}}'", **{**row, column: "NULL"}))


GUARDED = [
    ("UPDATE transfers SET amount = amount + 1 WHERE order_id = '{paid}'", "a transfer never changes"),
    ("UPDATE transfers SET reference = 'late'", "a transfer never changes"),
    ("DELETE FROM transfers WHERE order_id = '{paid}'", "a transfer is never deleted"),
    ("DELETE FROM transfers", "a transfer is never deleted"),
    ("UPDATE holds SET state = 'voided' WHERE owner_id = '{paid}'", "a hold is resolved once"),
    ("UPDATE holds SET state = 'open', resolved_at = NULL WHERE owner_id = '{paid}'", "a hold is resolved once"),
    ("UPDATE holds SET amount = 1 WHERE owner_id = '{paid}'", "a hold is resolved once"),
    ("UPDATE holds SET state = 'captured', resolved_at = 1", "a hold is resolved once"),
    ("DELETE FROM holds WHERE owner_id = '{open}'", "a hold is never deleted"),
    ("DELETE FROM holds WHERE owner_id = '{paid}'", "a hold is never deleted"),
]
# What each engine has beside: ways to insert that become an update or a deletion.
_CONFLICT = "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT ({1}) DO UPDATE SET amount = 1"
GUARDED_BESIDE = [
    ("sqlite", "INSERT OR REPLACE INTO transfers SELECT * FROM transfers", "a transfer is never deleted"),
    ("sqlite", "UPDATE OR REPLACE transfers SET entry = 1", "a transfer never changes"),
    ("sqlite", "INSERT OR REPLACE INTO holds SELECT * FROM holds", "a hold is never deleted"),
    ("postgresql", _CONFLICT.format("transfers", "id"), "a transfer never changes"),
    ("postgresql", _CONFLICT.format("holds", "owner_id"), "a hold is resolved once"),
    (
        "postgresql",
        "MERGE INTO transfers AS t USING transfers AS s ON s.id = t.id WHEN MATCHED THEN DELETE",
        "a transfer is never deleted",
    ),
]


@pytest.mark.parametrize(("engine", "sql", "says"), GUARDED_BESIDE, indirect=["engine"])
def test_the_books_are_not_written_again_by_another_name(shop: Shop, trade: Trade, sql: str, says: str) -> None:
    _stays_as_it_is(shop, trade, sql, says)


@pytest.mark.parametrize(("sql", "says"), GUARDED)
def test_the_books_are_written_once(shop: Shop, trade: Trade, sql: str, says: str) -> None:
    _stays_as_it_is(shop, trade, sql, says)


def _stays_as_it_is(shop: Shop, trade: Trade, sql: str, says: str) -> None:
    before = [shop.rows("SELECT * FROM transfers"), shop.rows("SELECT * FROM holds")]
    with refused(says, says):
        trade.plant(sql)
    assert [shop.rows("SELECT * FROM transfers"), shop.rows("SELECT * FROM holds")] == before


DANGLING = [
    ("orders", "account_id", "id = '{paid}'", {"id": "'x'"}),
    ("rentals", "e164", "e164 = '{rented}'", {"id": "'x'"}),
    ("rentals", "order_id", "e164 = '{rented}'", {"id": "'x'", "e164": "'{free}'"}),
    ("rentals", "account_id", "e164 = '{rented}'", {"id": "'x'", "e164": "'{free}'"}),
    ("transfers", "account_id", "order_id = '{paid}'", {"id": "'x'"}),
    ("transfers", "order_id", "order_id = '{paid}'", {"id": "'x'", "entry": "99"}),
    ("holds", "account_id", "owner_id = '{open}'", {"owner_id": "'x'"}),
    ("idempotency_records", "order_id", "key = 'k'", {"key": "'x'"}),
    ("idempotency_records", "account_id", "key = 'k'", {}),
    ("wallets", "account_id", "account_id = '{other}'", {}),
    ("carrier_orders", "order_id", "order_id = '{open}'", {}),
    ("carrier_orders", "account_id", "order_id = '{open}'", {"order_id": "'{paid}'"}),
    ("numbers", "order_id", "e164 = '{rented}'", {"e164": "'+19999999'"}),
    ("numbers", "account_id", "e164 = '{rented}'", {"e164": "'+19999999'"}),
]


@pytest.mark.parametrize(("table", "column", "where", "changes"), DANGLING)
def test_a_reference_leads_somewhere(
    trade: Trade, table: str, column: str, where: str, changes: dict[str, str]
) -> None:
    with refused("FOREIGN KEY constraint failed", f'violates foreign key constraint "fk_{table}_{column}"'):
        trade.plant(trade.copied(table, where, **{**changes, column: "'nobody'"}))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM accounts WHERE id = '{other}'",
        "DELETE FROM orders WHERE id = '{paid}'",
        "DELETE FROM numbers WHERE e164 = '{rented}'",
    ],
)
def test_what_others_refer_to_cannot_go(trade: Trade, sql: str) -> None:
    with refused("FOREIGN KEY constraint failed", "violates foreign key constraint"):
        trade.plant(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE holds SET state = 'captured', resolved_at = {now} WHERE owner_id = '{open}'",
        "UPDATE holds SET state = 'voided', resolved_at = {now} WHERE owner_id = '{open}'",
        "UPDATE wallets SET posted = held WHERE account_id = '{me}'",
        "UPDATE wallets SET posted = held - 5, credit_limit = 5 WHERE account_id = '{me}'",
        "UPDATE orders SET state = 'failed' WHERE id = '{open}'",
        "UPDATE orders SET inbound = NULL, outbound = 0 WHERE id = '{open}'",
        "UPDATE numbers SET price = NULL, currency = NULL WHERE e164 = '{free}'",
        "UPDATE rentals SET state = 'past_due', past_due_since = 1 WHERE e164 = '{rented}'",
        "UPDATE carrier_orders SET next_at = NULL, leased_until = NULL, parked_at = 1 WHERE order_id = '{open}'",
        "UPDATE carrier_orders SET next_at = NULL, leased_until = NULL, settled_at = 1, error_code = 'number_taken'",
        "UPDATE offers SET inbound = NULL, outbound = 0 WHERE e164 = '{ordered}'",
        "UPDATE carrier_releases SET next_at = NULL, confirmed_at = 1",
        "UPDATE audits SET next_at = NULL, parked_at = 1",
    ],
)
def test_the_wall_lets_through_what_is_right(trade: Trade, sql: str) -> None:
    trade.undo(sql)
