"""Why a customer sees a number and may buy it: numbers that others have, and numbers of carriers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.accounts.store import find_accounts
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.flows.purchase.explain_number import ExplainedNumber, ExplainNumber, explain_number
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop
from tests.flows.markets import NUMBERS, Market, opened_market


@pytest.fixture
def market(shop: Shop) -> Iterator[Market]:
    with opened_market(shop) as market:
        yield market


def _explained(market: Market, account_id: str, e164: str) -> ExplainedNumber:
    shop = market.shop
    account = shop.reader.read_now(lambda tx: find_accounts(tx, [account_id], lock=False))[account_id]
    asked = ExplainNumber(account, e164, None, shop.now)
    return shop.tell(explain_number(asked, shop.writer, shop.reader, market.search, QUOTE_LIFETIME))


def _said(explained: ExplainedNumber) -> str:
    return " / ".join(one.message for one in explained.reasons)


def test_a_number_that_somebody_rents_names_who_and_the_one_who_does_is_given_the_order(market: Market) -> None:
    rich, other = market.shop.account(10 * PRICE), market.shop.account(10 * PRICE)
    e164 = market.shop.number()
    market.shop.buy(rich, e164)
    theirs = _explained(market, other, e164)
    assert (theirs.sees, theirs.may_buy) == (False, False)
    assert "it is rented by" in _said(theirs)
    mine = _explained(market, rich, e164)
    assert (mine.may_buy, "the account rents this number" in _said(mine)) == (False, True)


def test_what_a_carrier_offers_may_be_bought_at_the_price_of_the_rule(market: Market) -> None:
    account = market.shop.account(10 * PRICE)
    market.acme.offer(NUMBERS[0])
    explained = _explained(market, account, NUMBERS[0])
    assert (explained.sees, explained.may_buy, explained.carrier) == (True, True, "acme")
    assert explained.prices is not None
    assert explained.prices.monthly == 1_150_000
    assert "may still refuse" in _said(explained)
    assert market.shop.count("orders") == 0
    assert market.shop.wallet(account).held == 0


def test_carriers_that_offer_nothing_are_told_apart_from_those_that_are_silent(market: Market) -> None:
    account = market.shop.account(10 * PRICE)
    market.beta.search_fails = CarrierError(Trouble.UNREACHABLE, "no answer")
    explained = _explained(market, account, NUMBERS[1])
    assert (explained.sees, explained.may_buy, explained.prices) == (False, False, None)
    assert "acme does not offer it" in _said(explained)
    assert "beta did not answer the search in time" in _said(explained)


def test_a_customer_whose_currency_no_rule_sells_in_is_told_so(market: Market) -> None:
    account = market.shop.account(10 * PRICE, currency="EUR")
    market.acme.offer(NUMBERS[0])
    assert "no price rule sells what acme offers in the account's currency" in _said(
        _explained(market, account, NUMBERS[0])
    )
