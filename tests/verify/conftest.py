"""Books made by the real flows on both engines, tools to damage a copy of them, and the audit that must notice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from sqlalchemy import CheckConstraint, Connection

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, ApiKey, key_hash, new_key, shown_part
from numberdesk.accounts.store import insert_keys
from numberdesk.carriers.port import CarrierAccount
from numberdesk.carriers.store import insert_carriers
from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.errors import NumberTaken
from numberdesk.core.invariants import VerifyReport
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.money import MICROS
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Refusal, Replayed, Sold
from numberdesk.core.rental import NoticeState, RentNotice, RentPrice
from numberdesk.flows.accounts.change_accounts import account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP, fund_wallets, funding
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.vault import Vault
from numberdesk.infra.vault import new_key as new_vault_key
from numberdesk.numbers.rent_store import RentPolicy, insert_rent_notices, insert_rent_prices, save_rent_policy
from numberdesk.orders.carrier_order_store import Ended, change_carrier_orders, insert_carrier_orders
from numberdesk.outbox.model import WEBHOOK_DISABLED
from numberdesk.outbox.rental_event_types import ORDER_FAILED, RENEWAL_UPCOMING, RENTAL_PRICE_CHANGING
from numberdesk.outbox.store import insert_events, number_events
from numberdesk.tables import holds, metadata, orders
from numberdesk.verify.books import verify
from numberdesk.webhooks.delivery_store import insert_deliveries
from numberdesk.webhooks.model import Delivery, WebhookEndpoint
from numberdesk.webhooks.store import insert_endpoints
from testbed.databases import Databases
from tests.flows.conftest import NOW, PRICE, Shop

CLAIMED, FREE = "+13612738808", "+13612738809"
STOCK: Final = (*(f"+1361273880{last}" for last in range(1, 7)), CLAIMED, FREE)

# Account, number, price, key, order id, and what becomes of it.
BUYS: Final = (
    ("acc_1", "+13612738801", PRICE, "k1", "ord_1", Sold),
    ("acc_1", "+13612738802", PRICE, None, "ord_2", Sold),
    ("acc_1", "+13612738803", PRICE, None, "ord_3", Sold),
    ("acc_2", "+13612738804", PRICE, None, "ord_4", Sold),
    ("acc_2", "+13612738805", PRICE, "k5", "ord_5", Sold),
    ("acc_1", CLAIMED, PRICE, "k6", "ord_6", Sold),
    ("acc_1", "+13612738803", PRICE, "k7", "ord_7", Replayed),
    ("acc_3", "+13612738806", PRICE, "k8", "ord_8", Refusal),
    ("acc_3", "+13612738806", PRICE + 1, "k9", "ord_9", Refusal),
)

Row = tuple[str, str, str]
"""What a violation names: invariant, table, row."""

Damage = tuple[tuple[str, ...], set[Row], str]
"""Statements, the rows that must be named for them and no others, and what a message must say."""


ONLY_SQLITE: Final = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # damage that only a file can have
ONLY_POSTGRESQL: Final = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

_CHECKS: Final = [
    (table.name, str(check.name), str(check.sqltext))
    for table in metadata.sorted_tables
    for check in table.constraints
    if isinstance(check, CheckConstraint)
]


class Copy(Protocol):
    """Books of the test's own, to be damaged."""

    engine: str

    def plant(self, *statements: str) -> None:
        """Do damage that the schema would refuse: without guards, checks and references."""

    def change_schema(self, *statements: str) -> None:
        """Change the schema itself, and leave it so."""

    def audit(self, *, thorough: bool = False) -> VerifyReport:
        """The verdict over the books as they are now."""

    def repair(self) -> None:
        """Undo all damage."""


@pytest.fixture(scope="session")
def books_url(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of books with a life behind them, closed; tests damage copies."""
    url = made.prepared(tmp_path_factory.mktemp("verify"))
    database = Database(url)
    shop = Shop(database)
    fund(shop)
    for e164 in STOCK:
        shop.offer(e164, carrier="acme" if e164 == CLAIMED else "pool", setup=500_000 if e164 == STOCK[0] else 0)
    for account_id, e164, price, key, order_id, expected in BUYS:
        command = Buy(account_id, e164, Confirmation(price), key, f"req_{order_id}", order_id, NOW)
        assert type(shop.writer.apply(shop.open_orders, command)) is expected
    shop.release("acc_1", "+13612738802")
    with database.write() as tx:
        fail_an_order(tx)
        issue_a_key(tx)
        connect_a_carrier(tx)
        announce(tx)
        tell_a_webhook(tx)
    database.close()
    yield url
    made.done(url)


@pytest.fixture
def books(books_url: str) -> Iterator[Database]:
    """The same, to be read."""
    database = Database(books_url)
    yield database
    database.close()


@pytest.fixture
def file(books_url: str, tmp_path: Path) -> Path:
    """A copy of the books in a file, for tests of SQLite's pages."""
    return Path(shutil.copyfile(books_url.removeprefix("sqlite:///"), tmp_path / "copy.db"))


@pytest.fixture
def damaged(books_url: str, books: Database, tmp_path: Path) -> Iterator[Copy]:
    """A copy of the books, to be damaged: a file, or a transaction that is rolled back."""
    if books.engine_name == "sqlite":
        yield FileCopy(Path(books_url.removeprefix("sqlite:///")), tmp_path / "copy.db")
        return
    with books.raw(writing=True) as connection:
        yield TransactionCopy(connection)


class FileCopy:
    """A copy in a file of SQLite's."""

    engine = "sqlite"

    def __init__(self, original: Path, path: Path) -> None:
        self._original = original
        self._path = path
        self.repair()

    def plant(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for name, _ in guards:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement
            for _, sql in guards:
                connection.execute(sql)

    def change_schema(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    def audit(self, *, thorough: bool = False) -> VerifyReport:
        return audit(self._path, thorough=thorough)

    def repair(self) -> None:
        shutil.copyfile(self._original, self._path)


class TransactionCopy:
    """A transaction on PostgreSQL, in which even the schema may be changed; nobody commits it."""

    engine = "postgresql"

    def __init__(self, connection: Connection) -> None:
        self.tx = Tx(connection)
        driver: Any = connection.connection.dbapi_connection
        self._driver = driver
        self._driver.execute("SET LOCAL session_replication_role = replica")
        self._driver.execute("SAVEPOINT sound")

    def plant(self, *statements: str) -> None:
        checks = [check for check in _CHECKS if any(check[0] in statement for statement in statements)]
        for table, name, _ in checks:
            self._driver.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        self.change_schema(*statements)
        for table, name, sql in checks:
            self._driver.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({sql}) NOT VALID")
        # As if the check had been there all the time, and had let it through.
        self._driver.execute("UPDATE pg_constraint SET convalidated = true WHERE NOT convalidated")

    def change_schema(self, *statements: str) -> None:
        for statement in statements:
            assert self._driver.execute(statement).rowcount != 0, statement

    def audit(self, *, thorough: bool = False) -> VerifyReport:
        return verify(self.tx, lambda _what, _done, _of: None, thorough=thorough)

    def repair(self) -> None:
        self._driver.execute("ROLLBACK TO sound")


def fund(shop: Shop) -> None:
    """Three accounts: one prepaid with a correction, one with credit, which was less at first, one with nothing."""
    for account_id, credit_limit in (("acc_1", 0), ("acc_2", 4 * MICROS), ("acc_3", 0)):
        shop.writer.apply(create_accounts, new_account(account_id, account_id, "USD", credit_limit, NOW))
    shop.writer.apply(change_accounts, account_change("acc_2", NOW, credit_limit=5 * MICROS))
    for kind, account_id, amount in ((TOP_UP, "acc_1", 20), (ADJUSTMENT, "acc_1", -3), (TOP_UP, "acc_2", 1)):
        command = funding(f"trf_{account_id}_{kind}", kind, account_id, amount * MICROS, reference="r", now=NOW)
        shop.writer.apply(fund_wallets, command)


def fail_an_order(tx: Tx) -> None:
    """An order that its carrier refused."""
    refused = {"id": "ord_f", "account_id": "acc_1", "e164": FREE, "carrier": "acme", "state": "failed"}
    order = {**refused, "currency": "USD", "price": PRICE, "setup": 0, "attempts": 1, "created_at": NOW}
    hold = {"owner_id": "ord_f", "account_id": "acc_1", "amount": PRICE, "state": "voided"}
    tx.execute(orders.insert(), [order])
    tx.execute(holds.insert(), [{**hold, "opened_at": NOW, "resolved_at": NOW}])
    carrier_order = CarrierOrder("ord_f", "acc_1", "acme", FREE, 1, NOW, NOW, settled_at=NOW)
    insert_carrier_orders(tx, [carrier_order])
    change_carrier_orders(tx, [Ended(carrier_order, NumberTaken())])
    payload = dict.fromkeys(ORDER_FAILED.fields, "") | {"phone_number": FREE, "order_id": "ord_f"}
    insert_events(tx, [ORDER_FAILED.event("ord_f", "acc_1", payload, NOW)])


def announce(tx: Tx) -> None:
    """What a customer was told of rent: that a month comes, and costs more from the fifth on; and terms of its own."""
    named = {"phone_number": "+13612738804", "id": "rnt_4"}
    insert_rent_notices(
        tx, [RentNotice("rno_4_1_7", "rnt_4", 1, 7, "acc_2", "+13612738804", NoticeState.UPCOMING, NOW)]
    )
    insert_rent_prices(
        tx, [RentPrice("rpc_4_5", "rnt_4", 5, "acc_2", "+13612738804", "announced", 2 * PRICE, 1, 2, NOW)]
    )
    save_rent_policy(tx, RentPolicy("acc_2", 24, None, None, None, NOW))
    soon = dict.fromkeys(RENEWAL_UPCOMING.fields, "") | named | {"notice_id": "rno_4_1_7"}
    dearer = dict.fromkeys(RENTAL_PRICE_CHANGING.fields, "") | named | {"change_id": "rpc_4_5"}
    insert_events(
        tx,
        [
            RENEWAL_UPCOMING.event("rno_4_1_7", "acc_2", soon, NOW),
            RENTAL_PRICE_CHANGING.event("rpc_4_5", "acc_2", dearer, NOW),
        ],
    )


def issue_a_key(tx: Tx) -> None:
    """A key, stored as keys are, and one that was made with it."""
    key, other = new_key(bytes(RANDOM_BYTES)), new_key(b"\1" * RANDOM_BYTES)
    first = ApiKey("key_1", "acc_1", "k", shown_part(key), key_hash(key), CUSTOMER_SCOPES, NOW, None, None)
    second = first._replace(id="key_2", shown=shown_part(other), hash=key_hash(other), scopes=CUSTOMER_SCOPES[:2])
    insert_keys(tx, [first, second._replace(created_by="key_1")])


def connect_a_carrier(tx: Tx) -> None:
    """An account at a carrier with a secret, which is sealed; that of acme has none."""
    sealed = Vault(new_vault_key()).seal("acme_2", {"auth_token": "5ecre7"})
    options = {"account_sid": "AC1", "api_key_sid": '"auth_token": is elsewhere'}
    insert_carriers(tx, [CarrierAccount("acme_2", "twilio", CarrierState.ACTIVE, options, sealed, NOW, NOW)])


def tell_a_webhook(tx: Tx) -> None:
    """A webhook that was sent three numbered events. The events of other changes have no number yet."""
    sealed = Vault(new_vault_key()).seal("whk_1", {"secret": "whsec_5ecre7"})
    insert_endpoints(tx, [WebhookEndpoint("whk_1", "acc_1", 0, "https://example.com/", "", "", sealed, NOW, NOW)])
    payload = dict.fromkeys(WEBHOOK_DISABLED.fields, "")
    told = [WEBHOOK_DISABLED.event(f"evt_{serial}", "acc_1", payload, NOW) for serial in (1, 2, 3)]
    insert_events(tx, told)
    numbered = number_events(tx, told)
    insert_deliveries(
        tx, [Delivery(f"dlv_{one.number}", "acc_1", "whk_1", one.id, one.kind, NOW, next_at=NOW) for one in numbered]
    )


def audit(path: Path, *, thorough: bool = False) -> VerifyReport:
    """The verdict over the books in a file."""
    database = Database(f"sqlite:///{path}")
    try:
        with database.read() as tx:
            return verify(tx, lambda _what, _done, _of: None, thorough=thorough)
    finally:
        database.close()


def named(report: VerifyReport) -> set[Row]:
    """The rows that a verdict names."""
    return {(one.invariant, one.table, one.row) for one in report.violations}


def said(report: VerifyReport) -> str:
    """The violations, a line each."""
    return "".join(f"{one.invariant} {one.table} {one.row}: {one.message}\n" for one in report.violations)


def must_be_named(copy: Copy, damage: Damage) -> None:
    """Do the damage and see that the audit names just the rows it must."""
    statements, expected, message = damage
    if isinstance(copy, TransactionCopy):  # there the server keeps the checks, and the audit does not ask again
        expected = {row for row in expected if row[0] != "storage" or row[2].startswith("uq_") or "have" in message}
    copy.plant(*statements)
    report = copy.audit()
    assert named(report) == expected, said(report)
    assert message in said(report)
    assert report.violations_total == len(expected)
    assert not report.ok
