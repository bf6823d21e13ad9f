"""Opening orders on a real database: what one purchase writes, replays, quotes, and refusals that stay."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from numberdesk.core.billing import Billing
from numberdesk.core.errors import (
    Forbidden,
    IdempotencyConflict,
    InsufficientBalance,
    NumberdeskError,
    NumberNotOffered,
    NumberTaken,
    PriceChanged,
)
from numberdesk.core.lifecycle import AccountState, OrderState
from numberdesk.core.money import MAX_AMOUNT
from numberdesk.core.periods import MICROSECONDS, add_months
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Decision, Order, Refusal, Replayed, Sold, Wallet
from numberdesk.core.rating import BY_THE_MINUTE
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.purchase.open_orders import MOST_REPEATS
from numberdesk.ledger.model import Transfer
from tests.flows.conftest import NOW, PRICE, QUARANTINE, Shop

ENGINES_TAKE_TURNS = "a purchase is decided by core, alike on both engines"

TABLES = ("orders", "idempotency_records", "holds", "transfers", "rentals", "events")


def order_of(decision: Decision) -> Order:
    assert isinstance(decision, Sold)
    return decision.order


def replayed(decision: Decision) -> Order:
    assert isinstance(decision, Replayed)
    return decision.order


def refusal(decision: Decision) -> NumberdeskError:
    assert isinstance(decision, Refusal)
    return decision.error


def counts(shop: Shop) -> dict[str, int]:
    return {table: shop.count(table) for table in TABLES}


def test_a_purchase_writes_every_row_that_it_needs_and_no_other(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number(setup=250_000)
    shop.now += 5
    before = counts(shop)
    order = order_of(shop.buy(account_id, e164, key="k"))
    total = PRICE + 250_000
    assert {table: count - before[table] for table, count in counts(shop).items()} == {
        "orders": 1,
        "idempotency_records": 1,
        "holds": 1,
        "transfers": 2,
        "rentals": 1,
        "events": 1,
    }
    assert shop.wallet(account_id) == Wallet(account_id, AccountState.ACTIVE, "USD", 10 * PRICE - total, 0, 0, 3)
    assert shop.rows("SELECT state, account_id, order_id, updated_at FROM numbers") == [
        ("assigned", account_id, order.id, NOW + 5)
    ]
    assert shop.rows("SELECT id, state, price, setup, attempts, created_at, completed_at FROM orders") == [
        (order.id, "completed", PRICE, 250_000, 0, NOW + 5, NOW + 5)
    ]
    assert shop.rows("SELECT owner_id, amount, state, opened_at, resolved_at FROM holds") == [
        (order.id, total, "captured", NOW + 5, NOW + 5)
    ]
    assert shop.rows("SELECT id, order_id, state, price, inbound, outbound, anchor, renews_at FROM rentals") == [
        (order.rental_id, order.id, "active", PRICE, 8_500, 94_500, NOW + 5, add_months(NOW + 5, 1))
    ]


def test_the_statement_has_the_month_and_the_setup_price_as_entries_of_their_own(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number(setup=250_000)
    order = order_of(shop.buy(account_id, e164))
    suffix, wallet = order.id.removeprefix("ord_"), f"wallet:{account_id}"
    paid_in, month, setup = shop.statement(account_id)
    assert (paid_in.entry, paid_in.balance_after) == (1, 10 * PRICE)
    assert month == Transfer(
        *(f"trf_{suffix}_rental", "rental", wallet, "revenue:rental", PRICE, "USD"),
        *(account_id, 2, 9 * PRICE, order.id, None, NOW),
    )
    assert setup == Transfer(
        *(f"trf_{suffix}_setup", "setup", wallet, "revenue:setup", 250_000, "USD"),
        *(account_id, 3, 9 * PRICE - 250_000, order.id, None, NOW),
    )


def test_the_event_tells_what_was_bought(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164))
    (_, (owner, kind, payload, created_at)) = shop.rows(
        "SELECT account_id, kind, payload, created_at FROM events ORDER BY kind"
    )
    assert (owner, kind, created_at) == (account_id, "number.purchased", NOW)
    assert json.loads(payload) == {
        "phone_number": e164,
        "order_id": order.id,
        "id": order.rental_id,
        "price": "1.15",
        "currency": "USD",
        "period_unit": "month",
        "period_every": "1",
        "purchased_at": "2025-06-15T15:06:40Z",
    }


def test_a_number_of_a_carrier_is_claimed_and_held_for(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number(carrier="acme")
    order = order_of(shop.buy(account_id, e164, key="k"))
    assert order.state is OrderState.ORDERING
    assert shop.wallet(account_id) == Wallet(account_id, AccountState.ACTIVE, "USD", PRICE, PRICE, 0, 1)
    assert shop.rows("SELECT state, order_id FROM numbers") == [("claimed", order.id)]
    assert shop.rows("SELECT state, amount, resolved_at FROM holds") == [("open", PRICE, None)]
    assert shop.rows("SELECT state, completed_at, renews_at FROM orders") == [("ordering", None, None)]
    assert [shop.count(table) for table in ("rentals", "events")] == [0, 1], "the top-up alone is told"
    assert len(shop.statement(account_id)) == 1
    # what is held is spent as far as the next purchase goes
    assert isinstance(shop.buy(account_id, shop.number()), Refusal)
    # and whoever asks again waits for the same order
    assert [replayed(shop.buy(account_id, e164, key=key)) for key in (None, "k", "k2")] == [order] * 3
    assert shop.count("orders") == 1


def test_a_refusal_writes_its_answer_and_nothing_else(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE - 1), shop.number()
    before = counts(shop)
    shop.buy(account_id, e164)
    assert counts(shop) == before
    shop.buy(account_id, e164, key="k")
    assert counts(shop) == {**before, "idempotency_records": before["idempotency_records"] + 1}
    assert shop.wallet(account_id).posted == PRICE - 1
    assert shop.rows("SELECT state, order_id FROM numbers") == [("available", None)]


def test_each_refusal_is_told_by_its_code(shop: Shop) -> None:
    rich, poor, suspended = shop.account(10 * PRICE), shop.account(), shop.account(10 * PRICE)
    shop.suspend(suspended)
    taken, free, unpriced = shop.number(), shop.number(), shop.number(price=None, currency=None)
    foreign, claimed = shop.number(currency="EUR"), shop.number(carrier="acme")
    shop.buy(rich, taken)
    shop.buy(rich, claimed)
    other = shop.account(10 * PRICE)
    assert isinstance(refusal(shop.buy(suspended, free)), Forbidden)
    for e164 in ("+13610000000", unpriced, foreign):
        assert refusal(shop.buy(other, e164)) == NumberNotOffered()
    for e164 in (taken, claimed):
        assert refusal(shop.buy(other, e164)) == NumberTaken()
    assert isinstance(refusal(shop.buy(other, free, PRICE + 1)), PriceChanged)
    assert refusal(shop.buy(poor, free)) == InsufficientBalance(
        details={"needed": Decimal("1.15"), "available": Decimal(0), "missing": Decimal("1.15"), "currency": "USD"}
    )


def test_a_number_in_quarantine_is_not_offered_and_then_is_again_to_anybody(shop: Shop) -> None:
    first, second, e164 = shop.account(10 * PRICE), shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(first, e164))
    shop.release(first, e164)
    for account_id in (first, second):
        assert refusal(shop.buy(account_id, e164)) == NumberNotOffered()
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, 10**15))
    again = order_of(shop.buy(second, e164))
    assert again.id != order.id
    assert refusal(shop.buy(first, e164)) == NumberTaken()


def test_a_credit_limit_is_spent_to_its_end(shop: Shop) -> None:
    account_id = shop.account(credit_limit=2 * PRICE)
    bought = [shop.buy(account_id, shop.number()) for _ in range(3)]
    assert [isinstance(decision, Sold) for decision in bought] == [True, True, False]
    assert shop.wallet(account_id).posted == -2 * PRICE


def test_the_largest_price_and_the_largest_balance_are_exact(shop: Shop) -> None:
    account_id = shop.account(MAX_AMOUNT)
    e164 = shop.number(price=10**12, setup=10**12)
    order_of(shop.buy(account_id, e164, 10**12))
    assert shop.wallet(account_id).posted == MAX_AMOUNT - 2 * 10**12


# keys


def test_a_key_gives_the_same_order_again_for_nothing(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164, key="k", inbound=8_500))
    before = counts(shop)
    shop.now += 3600 * 10**6
    for _ in range(3):
        assert replayed(shop.buy(account_id, e164, key="k", inbound=8_500)) == order
    assert counts(shop) == before
    assert shop.wallet(account_id).posted == 9 * PRICE


def test_a_key_outlives_the_rental_and_still_gives_the_first_order(shop: Shop) -> None:
    first, second, e164 = shop.account(10 * PRICE), shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(first, e164, key="k"))
    ended = shop.release(first, e164)
    assert replayed(shop.buy(first, e164, key="k")) == order._replace(rental_ended_at=ended.released_at)
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, 10**15))
    order_of(shop.buy(second, e164, key="k"))
    assert replayed(shop.buy(first, e164, key="k")) == order._replace(rental_ended_at=ended.released_at)


@pytest.mark.parametrize("outcome", ["sold", "refused"])
@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("phone_number", {}),
        ("price", {"price": PRICE + 1}),
        ("price", {"price": PRICE + 1, "inbound": 1, "outbound": 1}),
        ("per_minute_price_inbound", {"inbound": None}),
        ("per_minute_price_inbound", {"inbound": 0}),
        ("per_minute_price_outbound", {"outbound": None}),
        ("per_minute_price_outbound", {"outbound": 94_501}),
    ],
)
def test_a_key_with_another_body_is_a_conflict_that_names_the_field(
    shop: Shop, outcome: str, field: str, changes: dict[str, int | bool | None]
) -> None:
    account_id, e164, other = shop.account(10 * PRICE if outcome == "sold" else 0), shop.number(), shop.number()
    said: dict[str, Any] = {"price": PRICE, "inbound": 8_500, "outbound": 94_500}
    first = shop.buy(account_id, e164, key="k", **said)
    before = counts(shop)
    number = e164 if changes else other
    sent: dict[str, Any] = {**said, **changes}
    assert refusal(shop.buy(account_id, number, key="k", **sent)) == IdempotencyConflict(field)
    assert counts(shop) == before
    again = shop.buy(account_id, e164, key="k", **said)
    if isinstance(first, Sold):
        assert first.answer is not None
        assert again == Replayed(first.order, None, first.answer.request_id)
    else:
        assert again == first._replace(answer=None)


def test_a_refusal_for_want_of_money_stays_under_its_key_after_a_top_up(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE - 1), shop.number()
    first = shop.buy(account_id, e164, key="k")
    assert isinstance(first, Refusal)
    shop.top_up(account_id, 10 * PRICE)
    again = shop.buy(account_id, e164, key="k")
    assert again == first._replace(answer=None)
    assert isinstance(again, Refusal)
    assert again.error.details["missing"] == Decimal("0.000001")
    assert str(again.error.details["missing"]) == "0.000001"
    order_of(shop.buy(account_id, e164, key="another"))
    assert shop.buy(account_id, e164, key="k") == again


def test_every_refusal_comes_back_from_its_key_exactly_as_it_was_given(shop: Shop) -> None:
    rich, poor, suspended = shop.account(10 * PRICE), shop.account(), shop.account()
    shop.suspend(suspended)
    taken, free = shop.number(), shop.number(inbound=None, setup=1)
    shop.buy(rich, taken)
    other = shop.account(10 * PRICE)
    asked = [(poor, free, PRICE), (suspended, free, PRICE), (other, taken, PRICE), (other, "+13610000000", 1)]
    asked.append((rich, free, PRICE - 1))
    for place, (account_id, e164, price) in enumerate(asked):
        first = shop.buy(account_id, e164, price, key=f"k{place}")
        again = shop.buy(account_id, e164, price, key=f"k{place}")
        assert isinstance(first, Refusal)
        assert isinstance(again, Refusal)
        assert (again.error, again.request_id) == (first.error, first.request_id)
        assert (repr(again.error.details), str(again.error)) == (repr(first.error.details), str(first.error))


def test_two_accounts_may_use_one_key(shop: Shop) -> None:
    first, second = shop.account(PRICE), shop.account(PRICE)
    orders = [order_of(shop.buy(account_id, shop.number(), key="k")) for account_id in (first, second)]
    assert len({order.id for order in orders}) == 2


@pytest.mark.parametrize("key", ["!", "x" * 255, "'; DROP TABLE idempotency_records; --", '"\\', "a,b", "[]", "%", "K"])
def test_a_key_is_compared_character_by_character(shop: Shop, key: str) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164, key=key))
    assert replayed(shop.buy(account_id, e164, key=key)) == order
    order_of(shop.buy(account_id, shop.number(), key=key.lower() + "?"))


def test_without_a_key_the_account_may_retry_as_often_as_it_likes(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164))
    for price in (PRICE, PRICE, 1):
        assert replayed(shop.buy(account_id, e164, price)) == order
    assert shop.wallet(account_id).posted == 9 * PRICE


def test_a_new_key_for_a_number_that_is_rented_already_is_bound_to_the_first_order(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164))
    assert replayed(shop.buy(account_id, e164, key="k")) == order
    ended = shop.release(account_id, e164)
    assert replayed(shop.buy(account_id, e164, key="k")) == order._replace(rental_ended_at=ended.released_at)


# quotes


def test_what_is_rented_keeps_its_price_when_the_offer_changes(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    order = order_of(shop.buy(account_id, e164))
    shop.offer(e164, price=5 * PRICE)
    assert replayed(shop.buy(account_id, e164)).prices == order.prices
    assert shop.rows("SELECT price FROM rentals") == [(PRICE,)]


def test_an_offer_without_rates_is_confirmed_by_zeros(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number(inbound=None, outbound=None)
    order = order_of(shop.buy(account_id, e164, inbound=0, outbound=0))
    assert order.prices == Prices("USD", PRICE, None, None).billed(Billing(BY_THE_MINUTE, 0))
    assert shop.rows("SELECT inbound, outbound FROM rentals") == [(None, None)]


def test_of_the_keys_of_an_order_the_first_and_the_newest_are_kept(shop: Shop) -> None:
    account_id, e164, other = shop.account(2 * PRICE), shop.number(), shop.number()
    first = shop.buy(account_id, e164, key="zz opener")
    shop.buy(account_id, other)  # without a key: its first key is that of a repeat
    assert isinstance(first, Sold)
    shop.now -= MICROSECONDS  # a clock that was put back makes no repeat the first
    for place in range(5 * MOST_REPEATS):
        shop.now += 1
        assert isinstance(shop.buy(account_id, e164, key=f"a{place:05}"), Replayed)
        assert isinstance(shop.buy(account_id, other, key=f"b{place:05}"), Replayed)
    kept = {key for (key,) in shop.rows("SELECT key FROM idempotency_records")}
    assert {"zz opener", "b00000"} < kept
    for letter in "ab":
        newest = {f"{letter}{place:05}" for place in range(4 * MOST_REPEATS, 5 * MOST_REPEATS)}
        assert newest <= {key for key in kept if key.startswith(letter)}
    assert len(kept) <= 2 * (2 * MOST_REPEATS)
    again = shop.buy(account_id, e164, key="zz opener")
    assert isinstance(again, Replayed)
    assert again.order.id == first.order.id
