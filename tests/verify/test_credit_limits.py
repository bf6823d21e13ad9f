"""The past of a wallet is judged by the credit limits that it had, not by today's."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from numberdesk.core.invariants import VerifyReport
from numberdesk.core.money import MICROS
from numberdesk.flows.accounts.change_accounts import account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.infra.db import Database
from numberdesk.verify.books import verify
from tests.flows.conftest import NOW, PRICE, Shop


@pytest.fixture
def shop(database: Database) -> Shop:
    """An account that owed the price of a number under a limit of 5 and paid it; then its limits were 0 and 9."""
    shop = Shop(database)
    shop.writer.apply(create_accounts, new_account("acc_1", "On credit", "USD", 5 * MICROS, NOW))
    shop.buy("acc_1", shop.number())
    shop.top_up("acc_1", 2 * PRICE)
    for limit in (0, 9):
        shop.writer.apply(change_accounts, account_change("acc_1", NOW, credit_limit=limit * MICROS))
    shop.buy("acc_1", shop.number())
    return shop


def report(shop: Shop) -> VerifyReport:
    with shop.database.read() as tx:
        return verify(tx, lambda *_: None)


def test_debts_within_the_limit_of_their_time_are_right_when_the_limit_is_lower_now(shop: Shop) -> None:
    assert report(shop).violations == ()
    shop.writer.apply(change_accounts, account_change("acc_1", NOW, credit_limit=0))
    assert report(shop).violations == ()


def test_a_debt_below_the_limit_of_its_time_is_found_though_the_limit_is_higher_now(shop: Shop) -> None:
    with shop.database.write() as tx:
        tx.execute(text("UPDATE credit_limit_changes SET before = 1000000 WHERE change = 1"))
    (broken,) = report(shop).violations
    assert (broken.invariant, broken.table) == ("I3", "transfers")
    assert broken.message.endswith("the credit limit was 1")


@pytest.mark.parametrize("statement", ["SET after = 1 WHERE change = 1", "SET after = 1 WHERE change = 2"])
def test_a_change_that_does_not_lead_to_the_next_limit_is_found(shop: Shop, statement: str) -> None:
    with shop.database.write() as tx:
        tx.execute(text(f"UPDATE credit_limit_changes {statement}"))
    (broken,) = report(shop).violations
    assert (broken.invariant, broken.table) == ("I3", "credit_limit_changes")
