"""What carriers take once with a number: counted where offers are sorted, compared and kept under a price."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.core.purchase import Sold
from tests.flows.conftest import Shop
from tests.flows.markets import NUMBERS, Market, opened_market

ONE, TWO, THREE = NUMBERS[:3]


@pytest.fixture
def market(shop: Shop) -> Iterator[Market]:
    with opened_market(shop) as market:
        yield market


def test_offers_of_carriers_are_sorted_and_bounded_by_what_is_charged_at_once(market: Market) -> None:
    market.acme.offer(ONE, monthly=1_000_000, setup=3_000_000)
    market.beta.offer(TWO, monthly=2_000_000, setup=0)
    market.acme.offer(THREE, monthly=1_000_000, setup=500_000)
    assert market.shown(sort="price") == [THREE, TWO, ONE]
    assert market.shown(sort="price", max_price="2.3") == [THREE, TWO]
    assert market.shown(sort="price", max_price="2.29") == [THREE]


def test_of_two_carriers_that_have_a_number_the_cheaper_is_shown_with_its_setup_price(market: Market) -> None:
    market.acme.offer(ONE, monthly=1_000_000, setup=3_000_000)
    market.beta.offer(ONE, monthly=2_000_000, setup=100_000)
    (shown,) = market.find().offers
    assert (shown.prices.monthly, shown.prices.setup) == (2_300_000, 115_000)


def test_terms_that_a_newer_search_replaced_hold_with_the_setup_price_that_was_shown(market: Market) -> None:
    account_id = market.shop.account(10_000_000)
    market.acme.offer(ONE, monthly=1_000_000, setup=0)
    (shown,) = market.find().offers
    market.acme.offer(ONE, monthly=1_000_000, setup=3_000_000)
    market.shop.now += 60_000_000
    market.find()
    bought = market.shop.buy(account_id, ONE, shown.prices.monthly, setup=shown.prices.setup)
    assert isinstance(bought, Sold)
    assert bought.order.prices.setup == 0


def test_what_a_carrier_does_not_say_of_setup_is_not_free_where_prices_are_made_of_costs(market: Market) -> None:
    market.acme.offer(ONE, monthly=1_000_000, setup=None)
    market.acme.offer(TWO, monthly=1_000_000, setup=0)
    assert market.shown() == [TWO]
