"""Books made by the real flows, tools to damage a copy of them, and the audit that must notice."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import CursorResult
from tests.flows.conftest import NOW, PRICE, Shop

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, ApiKey, key_hash, new_key, shown_part
from numberdesk.accounts.store import insert_keys
from numberdesk.core.invariants import Verdict
from numberdesk.core.money import MICROS
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Refused, Replayed, Sold
from numberdesk.flows.create_accounts import create_accounts, new_account
from numberdesk.flows.fund_wallets import ADJUSTMENT, TOP_UP, fund_wallets, funding
from numberdesk.flows.verify import verify
from numberdesk.infra.db import Database, Tx
from numberdesk.tables import holds, orders

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
    ("acc_3", "+13612738806", PRICE, "k8", "ord_8", Refused),
    ("acc_3", "+13612738806", PRICE + 1, "k9", "ord_9", Refused),
)

Row = tuple[str, str, str]
"""What a violation names: invariant, table, row."""

Damage = tuple[tuple[str, ...], set[Row], str]
"""Statements, the rows that must be named for them and no others, and what a message must say."""


@pytest.fixture(scope="session")
def books(prepared_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books with a life behind them, in one closed file; tests damage copies."""
    path = tmp_path_factory.mktemp("verify") / "books.db"
    shutil.copyfile(prepared_file, path)
    database = Database(f"sqlite:///{path}")
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
    database.close()
    return path


@pytest.fixture
def damaged(books: Path, tmp_path: Path) -> Path:
    """A copy of the books, to be damaged."""
    return Path(shutil.copyfile(books, tmp_path / "copy.db"))


def fund(shop: Shop) -> None:
    """Three accounts: one prepaid with a correction, one with credit, one with nothing."""
    for account_id, credit_limit in (("acc_1", 0), ("acc_2", 5 * MICROS), ("acc_3", 0)):
        shop.writer.apply(create_accounts, new_account(account_id, account_id, "USD", credit_limit, NOW))
    for kind, account_id, amount in ((TOP_UP, "acc_1", 20), (ADJUSTMENT, "acc_1", -3), (TOP_UP, "acc_2", 1)):
        command = funding(f"trf_{account_id}_{kind}", kind, account_id, amount * MICROS, reference="r", now=NOW)
        shop.writer.apply(fund_wallets, command)


def fail_an_order(tx: Tx) -> None:
    """An order that its carrier refused."""
    refused = {"id": "ord_f", "account_id": "acc_1", "e164": FREE, "carrier": "acme", "state": "failed"}
    order = {**refused, "currency": "USD", "price": PRICE, "setup": 0, "attempts": 1, "created_at": NOW}
    hold = {"order_id": "ord_f", "account_id": "acc_1", "amount": PRICE, "state": "voided"}
    tx.execute(orders.insert(), [order])
    tx.execute(holds.insert(), [{**hold, "opened_at": NOW, "resolved_at": NOW}])


def issue_a_key(tx: Tx) -> None:
    """A key, stored as keys are."""
    key = new_key(bytes(RANDOM_BYTES))
    insert_keys(tx, [ApiKey("key_1", "acc_1", "k", shown_part(key), key_hash(key), CUSTOMER_SCOPES, NOW, None, None)])


def plant(path: Path, *statements: str) -> None:
    """Do damage that the schema would refuse: without guards, checks and references, which stand again after."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        for _, sql in guards:
            connection.execute(sql)


class SpeaksBoth(Tx):
    """A transaction on SQLite that says every statement in PostgreSQL's SQL as well."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx._connection)
        self.said: list[str] = []

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Compile for PostgreSQL, which raises when that is impossible, and run."""
        compiled: Any = statement
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # not annotated upstream
        self.said.append(str(compiled.compile(dialect=dialect)))
        return super().execute(statement, rows)


def audit(path: Path, *, thorough: bool = False) -> Verdict:
    """The verdict over the books in a file."""
    database = Database(f"sqlite:///{path}")
    try:
        with database.read() as tx:
            return verify(SpeaksBoth(tx), lambda _what, _done, _of: None, thorough=thorough)
    finally:
        database.close()


def named(verdict: Verdict) -> set[Row]:
    """The rows that a verdict names."""
    return {(one.invariant, one.table, one.row) for one in verdict.violations}


def said(verdict: Verdict) -> str:
    """The violations, a line each."""
    return "".join(f"{one.invariant} {one.table} {one.row}: {one.message}\n" for one in verdict.violations)


def must_be_named(path: Path, damage: Damage) -> None:
    """Do the damage and see that the audit names just the rows it must."""
    statements, expected, message = damage
    plant(path, *statements)
    verdict = audit(path)
    assert named(verdict) == expected, said(verdict)
    assert message in said(verdict)
    assert verdict.violations_total == len(expected)
    assert not verdict.ok
