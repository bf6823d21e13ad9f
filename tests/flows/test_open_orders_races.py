"""Purchases that meet: many buyers and one number, one wallet and many numbers, batches against one by one."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from numberdesk.core.errors import InsufficientBalance, NumberTaken, Overloaded
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Decision, Order, Refusal, Replayed, Sold
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.infra.writer import Writer
from tests.flows.conftest import PRICE, Shop

BOOKS = ("orders", "idempotency_records", "holds", "transfers", "rentals", "events", "wallets", "numbers")


async def all_at_once(shop: Shop, buys: Sequence[Buy], seconds: float) -> list[Order | Refusal | BaseException]:
    """Send buys through the writer as concurrent requests do."""
    placement = shop.placement()
    stories = [buy_number(shop.writer, shop.open_orders, placement, buy, seconds=seconds) for buy in buys]
    async with asyncio.timeout(60):
        outcomes = await asyncio.gather(*stories, return_exceptions=True)
    await placement.close(60)
    return outcomes


def ran(shop: Shop, buys: Sequence[Buy], *, seconds: float = 30) -> list[Order | Refusal | BaseException]:
    shop.writer.start()
    try:
        return asyncio.run(all_at_once(shop, buys, seconds))
    finally:
        shop.writer.close()


def test_of_fifty_buyers_of_one_number_one_gets_it_and_only_that_one_pays(shop: Shop) -> None:
    buyers, e164 = [shop.account(PRICE) for _ in range(50)], shop.number()
    outcomes = ran(shop, [shop.wants(account_id, e164) for account_id in buyers])
    won = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    assert len(won) == 1
    assert [outcome.error for outcome in outcomes if isinstance(outcome, Refusal)] == [NumberTaken()] * 49
    left = Counter(shop.wallet(account_id).posted for account_id in buyers)
    assert left == {PRICE: 49, 0: 1}
    assert shop.wallet(won[0].account_id).posted == 0


@pytest.mark.parametrize("carrier", ["pool", "acme"])
def test_a_wallet_for_seven_numbers_buys_exactly_seven_of_thirty(shop: Shop, carrier: str) -> None:
    account_id, numbers = shop.account(7 * PRICE + 1), [shop.number(carrier=carrier) for _ in range(30)]
    outcomes = ran(shop, [shop.wants(account_id, e164) for e164 in numbers])
    refused = [outcome.error for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refused) == 23
    assert all(isinstance(error, InsufficientBalance) for error in refused)
    wallet = shop.wallet(account_id)
    assert wallet.available == 1
    assert (wallet.posted, wallet.held) == (1, 0)
    assert shop.count("orders") == 7
    assert len(shop.acme.orders) == (0 if carrier == "pool" else 7)


@pytest.mark.parametrize("key", [None, "k"])
def test_fifty_retries_of_one_request_are_one_purchase_with_one_answer(shop: Shop, key: str | None) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    outcomes = ran(shop, [shop.wants(account_id, e164, key=key) for _ in range(50)])
    assert len(set(map(repr, outcomes))) == 1
    assert isinstance(outcomes[0], Order)
    assert shop.wallet(account_id).posted == 9 * PRICE
    assert shop.count("idempotency_records") == (0 if key is None else 1)


def test_one_key_sent_with_different_numbers_at_once_buys_one_of_them(shop: Shop) -> None:
    account_id, numbers = shop.account(100 * PRICE), [shop.number() for _ in range(20)]
    outcomes = ran(shop, [shop.wants(account_id, e164, key="k") for e164 in numbers])
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 1
    conflicts = [outcome.error.details for outcome in outcomes if isinstance(outcome, Refusal)]
    assert conflicts == [{"field": "phone_number"}] * 19
    assert shop.wallet(account_id).posted == 99 * PRICE


def test_while_a_carrier_is_to_answer_everybody_of_the_account_is_told_the_order(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number(carrier="acme")
    shop.acme.order_seconds = 0.5
    outcomes = ran(shop, [shop.wants(account_id, e164) for _ in range(3)], seconds=0.1)
    ((order_id,),) = shop.rows("SELECT id FROM orders")
    assert [(type(outcome), getattr(outcome, "id", "")) for outcome in outcomes] == [(Order, order_id)] * 3
    assert {getattr(outcome, "state", None) for outcome in outcomes} == {OrderState.ORDERING}
    assert shop.rows("SELECT id, state FROM orders") == [(order_id, "completed")]
    assert shop.acme.orders == [(e164, order_id)]


def test_a_purchase_that_is_turned_away_has_charged_nothing(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    shop.writer = Writer(shop.database, patience_seconds=-1)
    assert [type(outcome) for outcome in ran(shop, [shop.wants(account_id, e164, key="k")])] == [Overloaded]
    assert shop.wallet(account_id).posted == 10 * PRICE
    assert shop.count("idempotency_records") == 0
    assert isinstance(shop.buy(account_id, e164, key="k"), Sold)


def test_a_purchase_of_an_unknown_account_fails_alone(shop: Shop) -> None:
    account_id, first, second = shop.account(10 * PRICE), shop.number(), shop.number()
    wants = [shop.wants(account_id, first), shop.wants("acc_nobody", first), shop.wants(account_id, second)]
    assert [type(outcome) for outcome in ran(shop, wants)] == [Order, KeyError, Order]


def mixed(shop: Shop, seed: int) -> list[Buy]:
    """Sixty buys of a few accounts and numbers, some with wrong prices, many with keys that come again."""
    chance = random.Random(seed)
    accounts = [shop.account(chance.randrange(6) * PRICE + 1) for _ in range(4)]
    shop.suspend(accounts[0])
    numbers = [
        shop.number(carrier=chance.choice(["pool", "pool", "acme"]), setup=chance.choice([0, 5])) for _ in "x" * 12
    ]
    shop.now += 1
    shop.offer(numbers[0], price=PRICE + 5)
    return [
        shop.wants(
            chance.choice(accounts),
            chance.choice([*numbers, "+13610000000"]),
            chance.choice([PRICE] * 9 + [PRICE + 5]),
            key=chance.choice([None, None, "k1", "k2", "k3"]),
        )
        for _ in range(60)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_leaves_the_books_as_its_purchases_one_by_one_would(shop: Shop, other_shop: Shop, seed: int) -> None:
    buys = mixed(shop, seed)
    assert mixed(other_shop, seed) == buys

    together = shop.buy_all(buys)
    alone = [decision for buy in buys for decision in other_shop.buy_all([buy])]
    assert together == alone
    for table in BOOKS:
        query = f"SELECT * FROM {table} ORDER BY 1, 2"  # noqa: S608  the tests' own table names
        assert shop.rows(query) == other_shop.rows(query), table
    assert {type(decision) for decision in together} == {Sold, Replayed, Refusal}

    # the same requests again, with ids of their own: everybody is answered, nobody is charged
    untouched = [table for table in BOOKS if table != "idempotency_records"]
    before = [shop.rows(f"SELECT * FROM {table} ORDER BY 1") for table in untouched]  # noqa: S608
    again = shop.buy_all([buy._replace(order_id=shop.new_id("ord")) for buy in buys])
    assert [outcome_of(decision) for decision in again] == [outcome_of(decision) for decision in together]
    assert [shop.rows(f"SELECT * FROM {table} ORDER BY 1") for table in untouched] == before  # noqa: S608


def outcome_of(decision: Decision) -> str | None:
    """Which order, if any; a refusal without a key may have another reason the second time."""
    return None if isinstance(decision, Refusal) else decision.order.id
