"""A price that was shown is honoured for a while after another one took its place."""

from __future__ import annotations

from numberdesk.core.billing import Billing
from numberdesk.core.errors import (
    PriceChanged,
)
from numberdesk.core.prices import Prices
from numberdesk.core.rating import BY_THE_MINUTE
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
from tests.flows.test_open_orders import order_of, refusal

AS_USUAL = Billing(BY_THE_MINUTE, 0)

TABLES = ("orders", "idempotency_records", "holds", "transfers", "rentals", "events")


def test_a_superseded_price_is_honoured_for_the_quote_lifetime_and_not_one_moment_longer(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    shop.now += 1
    shop.offer(e164, price=2 * PRICE)
    wants = shop.wants(account_id, e164, PRICE, now=shop.now + QUOTE_LIFETIME)
    assert refusal(shop.buy_all([wants])[0]) == PriceChanged(
        details=Prices("USD", 2 * PRICE, 8_500, 94_500).billed(AS_USUAL).details()
    )
    order = order_of(shop.buy(account_id, e164, PRICE, now=shop.now + QUOTE_LIFETIME - 1))
    assert order.prices == Prices("USD", PRICE, 8_500, 94_500).billed(AS_USUAL)
    assert shop.wallet(account_id).posted == 9 * PRICE
    assert shop.rows("SELECT price FROM rentals") == [(PRICE,)]


def test_a_clock_that_goes_back_to_where_a_price_ended_loses_no_quote(shop: Shop) -> None:
    account_id, e164 = shop.account(20 * PRICE), shop.number()
    ended = shop.now + 10
    for instant, price in ((ended, 2), (ended + 1, 3), (ended + 5, 4), (ended, 5)):
        shop.now = instant
        shop.offer(e164, price=price * PRICE)
    shop.now = ended + 60 * 10**6
    assert [prices for (prices,) in shop.rows("SELECT price FROM superseded_prices ORDER BY superseded_at")] == [
        PRICE,
        2 * PRICE,
        4 * PRICE,
        3 * PRICE,
    ]
    assert order_of(shop.buy(account_id, e164, 4 * PRICE)).prices.monthly == 4 * PRICE


def test_a_price_that_ended_before_a_clock_went_back_is_honoured_as_long_as_its_instant_says(shop: Shop) -> None:
    account_id, e164 = shop.account(20 * PRICE), shop.number()
    start, ahead = shop.now, shop.now + 60 * 10**6
    for instant, price in ((ahead, 2), (start, 3)):
        shop.now = instant
        shop.offer(e164, price=price * PRICE)
    end = ahead + QUOTE_LIFETIME
    assert isinstance(refusal(shop.buy(account_id, e164, PRICE, now=end)), PriceChanged)
    assert order_of(shop.buy(account_id, e164, PRICE, now=end - 1)).prices.monthly == PRICE


def test_asking_many_times_at_once_makes_no_quote_live_longer(shop: Shop) -> None:
    accounts, e164 = [shop.account(10 * PRICE) for _ in range(5)], shop.number()
    shop.now += 1
    shop.offer(e164, price=2 * PRICE)
    late = shop.now + QUOTE_LIFETIME
    decisions = shop.buy_all([shop.wants(account_id, e164, PRICE, now=late) for account_id in accounts])
    assert [type(refusal(decision)) for decision in decisions] == [PriceChanged] * 5


def test_the_quote_of_one_number_does_not_live_longer_for_an_earlier_request_for_another(shop: Shop) -> None:
    account_id, early, late = shop.account(10 * PRICE), shop.number(), shop.number()
    shop.now += 1
    for e164 in (early, late):
        shop.offer(e164, price=2 * PRICE)
    end = shop.now + QUOTE_LIFETIME
    wants = [shop.wants(account_id, e164, PRICE, now=now) for e164, now in ((early, end - 1), (late, end))]
    decisions = shop.buy_all(wants)
    assert order_of(decisions[0]).prices.monthly == PRICE
    assert isinstance(refusal(decisions[1]), PriceChanged)


def test_of_several_former_prices_each_is_good_for_its_own_time(shop: Shop) -> None:
    account_id, e164 = shop.account(100 * PRICE), shop.number()
    for minutes, price in ((0, 2), (5, 3), (9, 4)):
        shop.now = NOW + minutes * 60 * 10**6 + 1
        shop.offer(e164, price=price * PRICE)
    shop.now = NOW + QUOTE_LIFETIME + 10
    assert isinstance(refusal(shop.buy(account_id, e164, PRICE)), PriceChanged)
    assert order_of(shop.buy(account_id, e164, 2 * PRICE)).prices.monthly == 2 * PRICE


def test_the_current_price_is_good_at_any_time(shop: Shop) -> None:
    account_id, e164 = shop.account(100 * PRICE), shop.number()
    shop.offer(e164, price=2 * PRICE)
    shop.now += 10**15
    assert order_of(shop.buy(account_id, e164, 2 * PRICE)).prices.monthly == 2 * PRICE
