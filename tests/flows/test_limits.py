"""Caps on purchases and low balances, in the books: exactly kept and told, whoever comes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from numberdesk.accounts.model import ApiKey
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.carrier_order import Reason, Refused
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, SpendLimit
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import POOL, Buy, Decision, Refusal, Replayed, Sold
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.cap_spending import CapKey, CappedKey, cap_keys
from numberdesk.flows.accounts.change_accounts import LowBalance, account_change, change_accounts
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys
from numberdesk.flows.accounts.suspend_debtors import SuspendDebtors, suspend_debtors
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from tests.flows.carrier_orders import heard, settled
from tests.flows.conftest import PRICE, Shop

DAY = 86_400_000_000
ALERTS = "SELECT below, balance FROM balance_alerts ORDER BY created_at, id"
NO_CAPS = SpendCaps()
NO_NUMBER = Refused(Reason.TAKEN, "no such number")
TOLD = "SELECT count(*) FROM events WHERE kind = 'account.low_balance'"


def cap(shop: Shop, account_id: str, **caps: int) -> None:
    shop.writer.apply(change_accounts, account_change(account_id, shop.now, caps=SpendCaps(**caps)))


def watch(shop: Shop, account_id: str, below: int | None) -> None:
    shop.writer.apply(change_accounts, account_change(account_id, shop.now, low_balance=LowBalance(below)))


def key(
    shop: Shop,
    account_id: str,
    key_id: str,
    caps: SpendCaps = NO_CAPS,
    **changes: Any,
) -> ApiKey:
    scopes = ("numbers:buy", "keys:manage")
    record = ApiKey(key_id, account_id, "", "nd_live_", key_id, scopes, shop.now, None, None)
    made: ApiKey = shop.writer.apply(issue_keys, NewKey(record._replace(**changes), caps))
    return made


def sold(decisions: Sequence[Decision]) -> int:
    return sum(isinstance(one, Sold) for one in decisions)


def bought(shop: Shop, want: Buy) -> Decision:
    (decision,) = shop.buy_all([want])
    return decision


def buy_each(shop: Shop, account_id: str, count: int, **given: Any) -> list[Decision]:
    return [bought(shop, shop.wants(account_id, number)._replace(**given)) for number in shop.numbers(count)]


def test_of_many_who_buy_at_once_no_more_than_the_cap_is_sold(shop: Shop, beside: Callable[[], Shop]) -> None:
    account_id = shop.account(100 * PRICE)
    cap(shop, account_id, per_day=7 * PRICE)
    wants = [shop.wants(account_id, number) for number in shop.numbers(64)]
    decisions: list[Decision] = []
    shops = [shop, beside()] if shop.database.engine_name == "postgresql" else [shop, shop]

    def buy(by: Shop, mine: int) -> None:
        decisions.extend(bought(by, want) for want in wants[mine::2])

    threads = [threading.Thread(target=buy, args=(by, place)) for place, by in enumerate(shops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sold(decisions), len(decisions)) == (7, 64)
    assert shop.wallet(account_id).posted == 93 * PRICE


def test_what_was_bought_before_the_cap_counts_and_the_next_day_begins_anew(shop: Shop) -> None:
    account_id = shop.account(100 * PRICE)
    assert sold(buy_each(shop, account_id, 2)) == 2
    cap(shop, account_id, per_day=3 * PRICE, per_month=5 * PRICE)
    assert sold(buy_each(shop, account_id, 3)) == 1
    shop.now += DAY
    assert sold(buy_each(shop, account_id, 3)) == 2
    cap(shop, account_id)
    assert sold(buy_each(shop, account_id, 3)) == 3
    assert shop.rows("SELECT capped FROM wallets WHERE account_id = :id", id=account_id) == [(0,)]


def test_a_buy_that_was_done_is_given_again_beyond_the_cap(shop: Shop) -> None:
    account_id, number = shop.account(9 * PRICE), shop.number()
    cap(shop, account_id, per_month=PRICE)
    first = shop.wants(account_id, number, key="once")
    assert isinstance(bought(shop, first), Sold)
    assert isinstance(bought(shop, first), Replayed)
    refused = shop.buy(account_id, shop.number())
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, SpendLimit)


def test_an_order_that_fails_at_its_carrier_counts_no_more(shop: Shop) -> None:
    account_id = shop.account(9 * PRICE)
    cap(shop, account_id, per_day=PRICE)
    want = shop.wants(account_id, shop.number(carrier="acme"))
    assert isinstance(bought(shop, want), Sold)
    assert isinstance(shop.buy(account_id, shop.number()), Refusal)
    settled(shop, heard(shop, want, NO_NUMBER))
    assert isinstance(shop.buy(account_id, shop.number()), Sold)


def test_a_key_has_caps_beside_those_of_its_account(shop: Shop) -> None:
    account_id = shop.account(99 * PRICE)
    key(shop, account_id, "key_1", SpendCaps(per_day=2 * PRICE))
    key(shop, account_id, "key_2")
    cap(shop, account_id, per_day=5 * PRICE)
    assert sold(buy_each(shop, account_id, 3, key_id="key_1")) == 2
    assert sold(buy_each(shop, account_id, 5, key_id="key_2")) == 3


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_customer_caps_keys_no_higher_than_the_account_and_a_capped_key_caps_none(shop: Shop) -> None:
    account_id, other = shop.account(PRICE), shop.account()
    cap(shop, account_id, per_day=5 * PRICE)
    key(shop, account_id, "key_1")

    def capped(by: str | None = "key_1", whose: str = account_id, **caps: Any) -> CappedKey:
        command = CapKey("key_1", SpendCaps(**caps), shop.now, whose, by)
        done: CappedKey = shop.writer.apply(cap_keys, command)
        return done

    with pytest.raises(InvalidRequest, match=r"per_day must be at most 5\.75, that of the account"):
        capped(per_day=5 * PRICE + 1)
    with pytest.raises(InvalidRequest, match="per_day must be at most"):
        key(shop, account_id, "key_9", SpendCaps(per_day=6 * PRICE))
    with pytest.raises(NotFound):
        capped(whose=other, per_day=1)
    assert capped(per_day=PRICE).caps == SpendCaps(per_day=PRICE)
    for free in (NO_CAPS, SpendCaps(per_day=5 * PRICE)):
        with pytest.raises(Forbidden, match="cannot change spend limits"):
            capped(**free._asdict())
    with pytest.raises(Forbidden, match="make keys that buy"):
        key(shop, account_id, "key_2", created_by="key_1")
    assert key(shop, account_id, "key_3", created_by="key_1", scopes=("numbers:read",)).id == "key_3"
    assert capped(by=None).caps == SpendCaps()


def test_a_low_balance_is_told_once_for_each_crossing_by_whatever_charge(shop: Shop) -> None:
    account_id = shop.account(4 * PRICE)
    watch(shop, account_id, 3 * PRICE)
    assert shop.rows(TOLD) == [(0,)]
    wants = [shop.wants(account_id, number) for number in shop.numbers(3)]
    shop.buy_all(wants)  # one batch, which crosses once
    assert shop.rows(ALERTS) == [(3 * PRICE, PRICE)]
    shop.top_up(account_id, PRICE // 2)
    assert shop.rows(TOLD) == [(1,)]
    shop.top_up(account_id, 3 * PRICE)
    want = shop.wants(account_id, shop.number(carrier="acme"))
    assert isinstance(bought(shop, want), Sold)  # held, not charged yet
    shop.buy(account_id, shop.number())
    assert shop.rows(TOLD) == [(2,)]
    settled(shop, heard(shop, want, NO_NUMBER))
    assert shop.wallet(account_id).alerted_at is None
    shop.buy(account_id, shop.number())
    assert shop.rows(TOLD) == [(3,)]
    assert shop.wallet(account_id).alerts == 3


def test_a_balance_that_is_low_already_is_told_as_that_is_set(shop: Shop) -> None:
    account_id = shop.account(PRICE)
    watch(shop, account_id, 2 * PRICE)
    watch(shop, account_id, 3 * PRICE)
    watch(shop, account_id, None)
    assert shop.rows(ALERTS) == [(2 * PRICE, PRICE), (3 * PRICE, PRICE)]
    assert shop.wallet(account_id).alerted_at is None


def test_calls_that_run_into_debt_are_low_and_are_suspended_for_after_some_days_once(shop: Shop) -> None:
    shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, "switch"))
    account_id, number = shop.account(2 * PRICE), shop.number(inbound=MICROS)
    shop.buy(account_id, number)
    watch(shop, account_id, 1)
    call = CallRecord("switch", "c", "", Direction.INBOUND, number, "", shop.now, shop.now, None, 600, "")
    shop.writer.apply(record_calls, RecordCalls(shop.new_id("bat"), (call,), shop.now))
    assert shop.rows(TOLD) == [(1,)]

    def look() -> int:
        done = shop.writer.apply(suspend_debtors, SuspendDebtors(shop.now, 3 * DAY, shop.now))
        return int(done.suspended)

    shop.now += 3 * DAY - 1
    assert look() == 0
    shop.now += 1
    assert (look(), look()) == (1, 0)
    assert shop.wallet(account_id).state is AccountState.SUSPENDED
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'account.suspended'") == [(1,)]
    shop.writer.apply(change_accounts, account_change(account_id, shop.now, state=AccountState.ACTIVE))
    assert look() == 0, "the operator was overruled"
