"""Buys of one batch for what several carriers, or one in several currencies, offer: each is sold what it means."""

from __future__ import annotations

from numberdesk.core.errors import InsufficientBalance, NumberNotOffered, NumberTaken
from numberdesk.core.purchase import Refusal, Sold
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop


def test_of_several_offers_each_buyer_of_a_batch_is_sold_the_one_that_it_means(shop: Shop) -> None:
    """A number may be offered in two currencies, or by two carriers: the first buyer must not choose for the next."""
    e164 = shop.offer(shop.number(carrier="acme"), carrier="beta", currency="EUR", price=2 * PRICE)
    poor, rich, late = shop.account(), *(shop.account(10 * PRICE, currency="EUR") for _ in range(2))
    wishes = [shop.wants(poor, e164), shop.wants(rich, e164, 2 * PRICE), shop.wants(late, e164, 2 * PRICE)]
    refused, sold, taken = shop.buy_all(wishes)
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, InsufficientBalance)
    assert isinstance(sold, Sold)
    assert (sold.order.carrier, sold.order.prices.currency, sold.order.prices.monthly) == ("beta", "EUR", 2 * PRICE)
    assert isinstance(taken, Refusal)
    assert isinstance(taken.error, NumberTaken)
    shop.verified()


def test_a_confirmed_price_buys_of_the_carrier_that_it_was_shown_for(shop: Shop) -> None:
    e164 = shop.offer(shop.number(carrier="acme"), carrier="beta", price=2 * PRICE)
    poor, rich = shop.account(), shop.account(10 * PRICE)
    _, sold = shop.buy_all([shop.wants(poor, e164), shop.wants(rich, e164, 2 * PRICE)])
    assert isinstance(sold, Sold)
    assert (sold.order.carrier, sold.order.prices.monthly) == ("beta", 2 * PRICE)


def test_each_buy_of_a_batch_is_judged_by_its_own_time_also_where_an_offer_ends_between_two(shop: Shop) -> None:
    """The first buyer has no money. The offer that it meant has ended when the next buys, and another has not."""
    e164 = shop.number(carrier="beta", lifetime=2 * QUOTE_LIFETIME)
    shop.now += 1
    ended = shop.now + QUOTE_LIFETIME
    shop.offer(e164, carrier="acme")
    poor, rich = shop.account(), shop.account(10 * PRICE)
    refused, sold = shop.buy_all([shop.wants(poor, e164), shop.wants(rich, e164, now=ended)])
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, InsufficientBalance)
    assert isinstance(sold, Sold)
    assert sold.order.carrier == "beta"


def test_a_buy_whose_clock_is_ahead_does_not_end_an_offer_for_the_next_one(shop: Shop) -> None:
    e164 = shop.number(carrier="acme")
    late, early = shop.account(PRICE), shop.account(PRICE)
    wishes = [shop.wants(late, e164, now=shop.now + 2 * QUOTE_LIFETIME), shop.wants(early, e164)]
    refused, sold = shop.buy_all(wishes)
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, NumberNotOffered)
    assert isinstance(sold, Sold)
