"""Accounts with their wallets: made together, suspended, and taken back."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from numberdesk.accounts.model import Account
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.purchase import Refusal, Sold, Wallet
from numberdesk.flows.accounts.create_accounts import (
    NewAccount,
    SetAccountState,
    change_account_states,
    create_accounts,
    new_account,
)
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
    shop.writer.apply(change_account_states, SetAccountState(account_id, AccountState.ACTIVE))
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
    commands = [SetAccountState(account_id, state) for account_id, state in zip([one, one, two], states, strict=True)]
    with shop.database.write() as tx:
        outcomes = change_account_states(tx, [*commands, SetAccountState("acc_nobody", AccountState.SUSPENDED)])
    assert [outcome.state for outcome in outcomes if isinstance(outcome, Account)] == states
    assert isinstance(outcomes[-1], NotFound)
    assert shop.rows("SELECT id, state FROM accounts ORDER BY id") == [(one, "suspended"), (two, "active")]


def test_the_last_standing_of_a_batch_stands(shop: Shop) -> None:
    account_id = shop.account()
    with shop.database.write() as tx:
        change_account_states(
            tx, [SetAccountState(account_id, state) for state in (AccountState.SUSPENDED, AccountState.ACTIVE)]
        )
    assert shop.rows("SELECT state FROM accounts") == [("active",)]


@pytest.mark.parametrize("reference", ["", "a b", "ä", "x" * (LONGEST_REFERENCE + 1), "a\n", "\x00"])
def test_a_reference_that_could_not_be_typed_again_is_refused(reference: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        funding("trf_1", TOP_UP, "acc_1", 1, reference=reference, now=NOW)
    assert refused.value.details["field"] == "reference"
