"""Offers of carriers' numbers: what is bought was offered, at a price that was shown, as long as was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from numberdesk.catalog.offers import RemoteOffer
from numberdesk.core.billing import Billing
from numberdesk.core.errors import NumberNotOffered, PriceChanged
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Order, Refusal, Sold
from numberdesk.core.rating import BY_THE_MINUTE
from numberdesk.flows.catalog.keep_offers import SLACK, Shown, keep_offers
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.infra.failures import CommitUnknownError, StorageFailedError, TryAgainError
from numberdesk.infra.writer import Writer
from testbed.samples import listing_of
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
from tests.flows.markets import NUMBERS, Market, opened_market

AS_USUAL = Billing(BY_THE_MINUTE, 0)

E164, OTHER = NUMBERS[:2]


@pytest.fixture
def market(shop: Shop) -> Iterator[Market]:
    with opened_market(shop) as market:
        yield market


def kept(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT e164, carrier, price, offered_at, expires_at FROM offers ORDER BY 1, 2, 3")


def shown(carrier: str, *e164s: str, price: int = PRICE, now: int = NOW, lifetime: int = QUOTE_LIFETIME) -> Shown:
    """Offers that are about to be shown."""
    listings = (listing_of(e164, price=price, price_source="rule") for e164 in e164s)
    return Shown(tuple(RemoteOffer(carrier, listing, now, now + lifetime) for listing in listings))


def test_what_was_shown_can_be_bought_at_the_price_that_was_shown(market: Market) -> None:
    market.acme.offer(E164, setup=200_000)
    (offer,) = market.find().offers
    shop, account_id = market.shop, market.shop.account(10 * PRICE)
    another_rate = shop.wants(account_id, E164, offer.prices.monthly, inbound=5_750, outbound=0)
    assert isinstance(shop.tell(shop.purchase(shop.placement(), another_rate)), Refusal)
    order = shop.tell(
        shop.purchase(shop.placement(), shop.wants(account_id, E164, offer.prices.monthly, inbound=5_750))
    )
    assert isinstance(order, Order)
    assert order.prices == offer.prices.billed(AS_USUAL)
    assert offer.prices == Prices("USD", 1_150_000, 5_750, 57_500, 230_000)
    assert market.shop.wallet(account_id).posted == 10 * PRICE - 1_380_000
    costs = "SELECT carrier, iso_country, region, locality, cost_currency, cost_monthly FROM numbers"
    assert market.shop.rows(costs) == [("acme", "US", "TX", "Corpus Christi", "USD", 1_000_000)]


def test_what_was_never_shown_cannot_be_bought(market: Market) -> None:
    market.acme.offer(E164)
    refused = market.shop.buy(market.shop.account(10 * PRICE), E164)
    assert isinstance(refused, Refusal)
    assert refused.error == NumberNotOffered()
    assert kept(market.shop) == []


def test_an_offer_is_good_to_its_end_and_not_one_moment_longer(shop: Shop) -> None:
    shop.connect("acme")
    shop.writer.apply(keep_offers, shown("acme", E164, OTHER))
    account_id, end = shop.account(10 * PRICE), shop.now + QUOTE_LIFETIME + SLACK
    late = shop.buy(account_id, OTHER, now=end)
    assert isinstance(late, Refusal)
    assert late.error == NumberNotOffered()
    assert isinstance(shop.buy(account_id, E164, now=end - 1), Sold)


def test_the_same_search_again_writes_nothing_and_a_later_one_puts_the_end_off(market: Market) -> None:
    shop = market.shop
    market.acme.offer(E164)
    market.find()
    first, commands = kept(shop), shop.writer.figures.commands
    assert first == [(E164, "acme", PRICE, shop.now, shop.now + QUOTE_LIFETIME + SLACK)]
    shop.now += SLACK
    market.find()
    assert (kept(shop), shop.writer.figures.commands) == (first, commands)
    shop.now += 1
    market.find()
    assert kept(shop) == [(E164, "acme", PRICE, shop.now, shop.now + QUOTE_LIFETIME + SLACK)]


def test_a_changed_price_refuses_with_the_current_one_and_the_former_quote_is_honoured_to_its_end(
    market: Market,
) -> None:
    shop, account_id = market.shop, market.shop.account(100 * PRICE)
    for e164 in NUMBERS[:3]:
        market.acme.offer(e164)
    market.find()
    shop.now += QUOTE_LIFETIME // 2
    market.rule("acme", margin=500_000)
    market.find()
    refused = shop.buy(account_id, E164, PRICE + 1)
    assert isinstance(refused, Refusal)
    assert refused.error == PriceChanged(details=Prices("USD", 1_500_000, 7_500, 75_000).billed(AS_USUAL).details())
    former, current = shop.buy(account_id, NUMBERS[0], PRICE), shop.buy(account_id, NUMBERS[1], 1_500_000)
    assert isinstance(former, Sold)
    assert isinstance(current, Sold)
    assert (former.order.prices.monthly, current.order.prices.monthly) == (PRICE, 1_500_000)
    shop.now = NOW + QUOTE_LIFETIME + SLACK
    too_late = shop.buy(account_id, NUMBERS[2], PRICE)
    assert isinstance(too_late, Refusal)
    assert isinstance(too_late.error, PriceChanged)


def test_of_two_carriers_the_one_whose_price_is_confirmed_is_bought_from(market: Market) -> None:
    shop, account_id = market.shop, market.shop.account(100 * PRICE)
    shop.writer.apply(keep_offers, shown("acme", E164, OTHER))
    shop.writer.apply(keep_offers, shown("beta", E164, OTHER, price=2 * PRICE))
    decisions = [shop.buy(account_id, E164, PRICE), shop.buy(account_id, OTHER, 2 * PRICE)]
    assert all(isinstance(decision, Sold) for decision in decisions)
    assert shop.rows("SELECT carrier, price FROM orders ORDER BY id") == [("acme", PRICE), ("beta", 2 * PRICE)]


def test_offers_that_cannot_be_kept_are_not_shown(market: Market) -> None:
    market.shop.offer(OTHER)
    market.acme.offer(E164)
    market.shop.writer._limit = 0
    page = market.find()
    assert ([offer.e164 for offer in page.offers], page.incomplete) == ([OTHER], ("acme", "beta"))
    market.shop.writer._limit = 9
    assert market.shown() == [E164, OTHER]


@pytest.mark.parametrize("error", [StorageFailedError("full"), CommitUnknownError("cut"), TryAgainError("deadlock")])
def test_neither_are_those_whose_keeping_failed(shop: Shop, error: Exception) -> None:
    class Failing(Writer):
        async def submit(self, flow: Any, command: Any) -> Any:  # noqa: ARG002  nothing is done
            raise error

    shop.writer = Failing(shop.database)
    with opened_market(shop) as market:
        market.acme.offer(E164)
        page = market.find()
    assert ([*page.offers], page.incomplete) == ([], ("acme", "beta"))


def test_of_several_that_show_an_offer_the_longest_promise_holds(shop: Shop) -> None:
    with shop.database.write() as tx:
        keep_offers(
            tx, [shown("acme", E164, lifetime=5), shown("acme", E164, lifetime=9), shown("acme", E164, lifetime=7)]
        )
    assert kept(shop) == [(E164, "acme", PRICE, NOW, NOW + 9 + SLACK)]
    shop.writer.apply(keep_offers, shown("acme", E164, lifetime=3))
    assert kept(shop) == [(E164, "acme", PRICE, NOW, NOW + 9 + SLACK)]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_two_processes_that_show_the_same_for_the_first_time_both_keep_it(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    """In crosswise orders, and the second before the first has committed."""
    other = beside()
    mine, others = shown("acme", *NUMBERS), shown("acme", *reversed(NUMBERS))
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            keep_offers(tx, [mine])
            second = pool.submit(other.writer.apply, keep_offers, others)
            with pytest.raises(TimeoutError):
                second.result(0.2)
        assert second.result(10) is None
    assert len(kept(shop)) == len(NUMBERS)
    assert other.writer.figures.retries == 0


def test_offers_are_forgotten_after_their_end_a_bounded_number_at_a_time(shop: Shop) -> None:
    shop.writer.apply(keep_offers, shown("acme", *(f"+1361{serial}" for serial in range(2_000_000, 2_001_100))))
    end = NOW + QUOTE_LIFETIME + SLACK
    rounds = [
        shop.writer.apply(clean_up, Cleanup(now, 10**15)).offers_forgotten for now in (end, end + 1, end + 1, end + 1)
    ]
    assert rounds == [0, 1_000, 100, 0]


def test_an_account_in_another_currency_is_sold_the_offer_in_its_own(shop: Shop) -> None:
    shop.connect("acme")
    for currency in ("EUR", "USD"):
        listing = listing_of(E164, currency=currency, price_source="rule")
        shop.writer.apply(keep_offers, Shown((RemoteOffer("acme", listing, shop.now, shop.now + 9),)))
        shop.now += 1
    in_pounds, in_euros = shop.account(PRICE, currency="GBP"), shop.account(PRICE, currency="EUR")
    refused, sold = shop.buy(in_pounds, E164), shop.buy(in_euros, E164)
    assert isinstance(refused, Refusal)
    assert refused.error == NumberNotOffered()
    assert isinstance(sold, Sold)
    assert sold.order.prices.currency == "EUR"
