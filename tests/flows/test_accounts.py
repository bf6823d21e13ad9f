"""Accounts with their wallets: made together, suspended, and taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from numberdesk.accounts.model import Account
from numberdesk.core.errors import AccountInUse, Forbidden, InvalidRequest, NotFound
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.purchase import Refusal, Sold, Wallet
from numberdesk.flows.accounts.change_accounts import AccountChange, account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import (
    NewAccount,
    create_accounts,
    new_account,
    new_operator_account,
)
from numberdesk.flows.accounts.describe_accounts import DescribedAccount
from numberdesk.flows.accounts.fund_wallets import LONGEST_REFERENCE, TOP_UP, funding
from tests.flows.conftest import NOW, PRICE, Shop


def test_an_account_comes_with_an_empty_wallet_in_its_currency(shop: Shop) -> None:
    commands = [new_account("acc_1", "Ä", "USD", 0, NOW), new_account("acc_2", "B", "EUR", 5, NOW + 1)]
    with shop.database.write() as tx:
        made = create_accounts(tx, commands)
    assert made == [
        Account("acc_1", "Ä", "USD", AccountState.ACTIVE, NOW),
        Account("acc_2", "B", "EUR", AccountState.ACTIVE, NOW + 1),
    ]
    assert shop.wallet("acc_1") == Wallet("acc_1", AccountState.ACTIVE, "USD", 0, 0, 0, 0)
    assert shop.wallet("acc_2") == Wallet("acc_2", AccountState.ACTIVE, "EUR", 0, 0, 5, 0)


def test_two_accounts_have_neither_one_name_nor_one_id(shop: Shop) -> None:
    shop.writer.apply(create_accounts, NewAccount("acc_1", "Same", "USD", 0, NOW))
    with pytest.raises(InvalidRequest, match="name is that of acc_1 already"):
        shop.writer.apply(create_accounts, NewAccount("acc_2", "Same", "USD", 0, NOW))
    with shop.database.write() as tx:
        twice = create_accounts(tx, [NewAccount(f"acc_{place}", "Twice", "USD", 0, NOW) for place in (3, 4)])
    assert [type(one) for one in twice] == [Account, InvalidRequest]
    with pytest.raises(IntegrityError, match=r"accounts\.id|pk_accounts"):
        shop.writer.apply(create_accounts, NewAccount("acc_1", "Other", "USD", 0, NOW))
    assert shop.rows("SELECT name FROM accounts") == [("Same",), ("Twice",)]
    assert shop.count("wallets") == 2


def test_a_suspended_account_buys_nothing_until_it_is_active_again(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    shop.suspend(account_id)
    refused = shop.buy(account_id, e164)
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, Forbidden)
    shop.writer.apply(change_accounts, AccountChange(account_id, NOW, state=AccountState.ACTIVE))
    assert isinstance(shop.buy(account_id, e164), Sold)


def test_a_suspended_account_keeps_its_numbers_and_may_give_them_back_and_be_paid(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.suspend(account_id)
    assert shop.rows("SELECT state FROM rentals") == [("active",)]
    assert shop.top_up(account_id, PRICE).balance_after == PRICE
    assert shop.release(account_id, e164).released_at == shop.now


def test_standings_of_a_batch_see_each_other_and_an_unknown_account_harms_none(shop: Shop) -> None:
    one, two = shop.account(), shop.account()
    states = [AccountState.SUSPENDED, AccountState.SUSPENDED, AccountState.ACTIVE]
    commands = [
        AccountChange(account_id, NOW, state=state) for account_id, state in zip([one, one, two], states, strict=True)
    ]
    with shop.database.write() as tx:
        outcomes = change_accounts(tx, [*commands, AccountChange("acc_nobody", NOW, state=AccountState.SUSPENDED)])
    assert [outcome.account.state for outcome in outcomes if isinstance(outcome, DescribedAccount)] == states
    assert isinstance(outcomes[-1], NotFound)
    assert shop.rows("SELECT id, state FROM accounts ORDER BY id") == [(one, "suspended"), (two, "active")]


def test_the_last_standing_of_a_batch_stands(shop: Shop) -> None:
    account_id = shop.account()
    with shop.database.write() as tx:
        change_accounts(
            tx, [AccountChange(account_id, NOW, state=state) for state in (AccountState.SUSPENDED, AccountState.ACTIVE)]
        )
    assert shop.rows("SELECT state FROM accounts") == [("active",)]


def test_an_account_is_renamed_unless_another_one_has_the_name(shop: Shop) -> None:
    for account_id, name in (("acc_1", "One"), ("acc_2", "Two")):
        shop.writer.apply(create_accounts, new_account(account_id, name, "USD", 0, NOW))
    with pytest.raises(InvalidRequest, match="name is that of acc_1 already"):
        shop.writer.apply(change_accounts, account_change("acc_2", NOW, name="One"))
    with shop.database.write() as tx:  # a name is free again for the next of a batch
        swapped = change_accounts(
            tx, [account_change("acc_1", NOW, name="Free"), account_change("acc_2", NOW, name="One")]
        )
    assert [one.account.name for one in swapped if isinstance(one, DescribedAccount)] == ["Free", "One"]
    assert shop.rows("SELECT id, name FROM accounts ORDER BY id") == [("acc_1", "Free"), ("acc_2", "One")]
    with pytest.raises(InvalidRequest, match="name"):
        account_change("acc_1", NOW, name="")


def test_blanks_around_a_name_make_no_other_name_of_it(shop: Shop) -> None:
    shop.writer.apply(create_accounts, new_account("acc_1", "One", "USD", 0, NOW))
    with pytest.raises(InvalidRequest, match="name is that of acc_1 already"):
        shop.writer.apply(create_accounts, new_account("acc_2", "  One ", "USD", 0, NOW))
    shop.writer.apply(create_accounts, new_account("acc_2", " Two", "USD", 0, NOW))
    with pytest.raises(InvalidRequest, match="name is that of acc_1 already"):
        shop.writer.apply(change_accounts, account_change("acc_2", NOW, name="One "))
    assert shop.rows("SELECT name FROM accounts ORDER BY id") == [("One",), ("Two",)]
    with pytest.raises(InvalidRequest, match="must not be empty"):
        new_operator_account("opr_1", "  ", NOW)


def test_a_credit_limit_is_changed_and_what_it_was_is_kept(shop: Shop) -> None:
    account_id, e164 = shop.account(0), shop.number()
    shop.writer.apply(change_accounts, account_change(account_id, NOW, credit_limit=2 * PRICE))
    assert isinstance(shop.buy(account_id, e164), Sold)
    with pytest.raises(AccountInUse, match=r"cannot be lowered so far: 1\.15 USD of it is used"):
        shop.writer.apply(change_accounts, account_change(account_id, NOW, credit_limit=PRICE - 1))
    for limit in (PRICE, PRICE):  # the second is no change
        shop.writer.apply(change_accounts, account_change(account_id, NOW + 5, credit_limit=limit))
    assert shop.wallet(account_id).credit_limit == PRICE
    changes = "SELECT change, before, after, entries, changed_at FROM credit_limit_changes ORDER BY change"
    assert shop.rows(changes) == [(1, 0, 2 * PRICE, 0, NOW), (2, 2 * PRICE, PRICE, 1, NOW + 5)]
    assert isinstance(shop.buy(account_id, shop.number()), Refusal)
    with pytest.raises(InvalidRequest, match="credit_limit must be from 0"):
        account_change(account_id, NOW, credit_limit=-1)


def test_an_account_is_closed_when_it_has_nothing_and_nothing_is_done_for_it_any_more(shop: Shop) -> None:
    account_id, e164 = shop.account(2 * PRICE), shop.number()
    shop.writer.apply(change_accounts, account_change(account_id, NOW, credit_limit=PRICE))
    shop.buy(account_id, e164)
    closing = account_change(account_id, NOW + 9, state=AccountState.CLOSED)
    with pytest.raises(AccountInUse, match=r"has 1\.15 USD; .* rents: 1") as refused:
        shop.writer.apply(change_accounts, closing)
    assert refused.value.details == {"balance": Decimal("1.15"), "currency": "USD", "rentals": 1}
    shop.release(account_id, e164)
    shop.buy(account_id, shop.number())
    assert shop.wallet(account_id).posted == 0
    for rented in [number for (number,) in shop.rows("SELECT e164 FROM rentals WHERE state = 'active'")]:
        shop.release(account_id, rented)
    closed = shop.writer.apply(change_accounts, closing)
    assert (closed.account.state, closed.account.closed_at, closed.credit_limit) == (AccountState.CLOSED, NOW + 9, 0)
    assert shop.writer.apply(change_accounts, closing._replace(now=NOW + 99)) == closed
    refused_buy = shop.buy(account_id, shop.number())
    assert isinstance(refused_buy, Refusal)
    assert isinstance(refused_buy.error, Forbidden)
    with pytest.raises(Forbidden, match="closed"):
        shop.top_up(account_id, PRICE)
    for change in ({"state": AccountState.ACTIVE}, {"credit_limit": 1}):
        with pytest.raises(InvalidRequest, match="closed"):
            shop.writer.apply(change_accounts, account_change(account_id, NOW, **change))
    assert shop.rows("SELECT posted, credit_limit FROM wallets") == [(0, 0)]


def test_an_account_that_owes_money_or_has_an_open_order_is_not_closed(shop: Shop) -> None:
    account_id = shop.account(0)
    shop.writer.apply(change_accounts, account_change(account_id, NOW, credit_limit=3 * PRICE))
    shop.buy(account_id, shop.number())
    shop.offer(e164 := "+12125550307", carrier="acme")
    assert isinstance(shop.buy(account_id, e164), Sold)
    with pytest.raises(AccountInUse) as refused:
        shop.writer.apply(change_accounts, account_change(account_id, NOW, state=AccountState.CLOSED))
    details = {"balance": Decimal("-1.15"), "currency": "USD", "open_orders": 1, "rentals": 1}
    assert refused.value.details == details


@pytest.mark.parametrize("reference", ["", "a b", "ä", "x" * (LONGEST_REFERENCE + 1), "a\n", "\x00"])
def test_a_reference_that_could_not_be_typed_again_is_refused(reference: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        funding("trf_1", TOP_UP, "acc_1", 1, reference=reference, now=NOW)
    assert refused.value.details["field"] == "reference"
