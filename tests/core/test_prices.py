"""Offers' prices and confirmations of them."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from numberdesk.core.prices import Confirmation, Prices, Quote, cheapest_agreeing, decimal_or_none

OFFER = Prices("USD", 1_150_000, 8_500, 94_500, 250_000)
WITHOUT_RATES = Prices("USD", 1_150_000, None, None)


@pytest.mark.parametrize(
    "confirmed",
    [
        Confirmation(1_150_000),
        Confirmation(1_150_000, 8_500),
        Confirmation(1_150_000, None, 94_500),
        Confirmation(1_150_000, 8_500, 94_500),
        Confirmation(1_150_000, setup=250_000),
        Confirmation(1_150_000, 8_500, 94_500, 250_000),
    ],
)
def test_the_offers_prices_agree_whether_rates_and_setup_are_sent_or_left_out(confirmed: Confirmation) -> None:
    assert confirmed.agrees_with(OFFER)


@pytest.mark.parametrize(
    "confirmed",
    [
        Confirmation(1_150_001),
        Confirmation(1_149_999),
        Confirmation(0),
        Confirmation(1_150_000, 8_501),
        Confirmation(1_150_000, 8_500, 94_501),
        Confirmation(1_150_000, 94_500, 8_500),
        Confirmation(1_150_000, 0),
        Confirmation(1_150_000, 8_500, 0),
        Confirmation(8_500, 8_500, 94_500),
        Confirmation(1_150_000, setup=0),
        Confirmation(1_150_000, 8_500, 94_500, 250_001),
    ],
)
def test_a_confirmation_that_differs_in_one_price_does_not_agree(confirmed: Confirmation) -> None:
    assert not confirmed.agrees_with(OFFER)


@pytest.mark.parametrize("rates", list(itertools.product([None, 0], repeat=2)))
def test_a_sent_zero_equals_a_rate_that_the_offer_has_not(rates: tuple[int | None, int | None]) -> None:
    assert Confirmation(1_150_000, *rates).agrees_with(WITHOUT_RATES)


def test_a_sent_rate_does_not_equal_a_rate_that_the_offer_has_not() -> None:
    assert not Confirmation(1_150_000, 1).agrees_with(WITHOUT_RATES)
    assert not Confirmation(1_150_000, None, 1).agrees_with(WITHOUT_RATES)


def meant(confirmed: Confirmation, *quotes: Prices) -> Prices | None:
    """Which of some quotes of one carrier, the newest first, a confirmation means."""
    quote = cheapest_agreeing(confirmed, [Quote("pool", prices) for prices in quotes])
    return None if quote is None else quote.prices


def test_the_setup_price_is_charged_with_the_month_and_one_left_out_agrees_with_any() -> None:
    assert OFFER.total == 1_400_000
    assert Confirmation(1_150_000).agrees_with(OFFER._replace(setup=0))


def test_of_quotes_that_agree_the_one_is_meant_that_charges_least_now() -> None:
    dear, cheap, dearest = (OFFER._replace(setup=setup) for setup in (2, 1, 3))
    assert meant(Confirmation(1_150_000), dear, cheap, dearest) is cheap
    assert meant(Confirmation(1_150_000), dearest, dear, cheap) is cheap
    assert meant(Confirmation(1_150_000, setup=2), dearest, dear, cheap) is dear


def test_of_quotes_that_charge_the_same_the_lower_rate_inbound_then_outbound_is_meant() -> None:
    free = OFFER._replace(inbound=None)
    assert meant(Confirmation(1_150_000), OFFER, free) is free
    assert meant(Confirmation(1_150_000, 8_500), OFFER, free) is OFFER
    low_in, low_out = OFFER._replace(inbound=1, outbound=9), OFFER._replace(inbound=2, outbound=1)
    assert meant(Confirmation(1_150_000), low_out, low_in) is low_in
    assert meant(Confirmation(1_150_000), low_in, low_in._replace(outbound=8)) == low_in._replace(outbound=8)


def test_of_quotes_that_cost_the_same_the_newest_is_meant() -> None:
    unset, zero = WITHOUT_RATES, WITHOUT_RATES._replace(inbound=0)
    assert meant(Confirmation(1_150_000), unset, zero) is unset
    assert meant(Confirmation(1_150_000, 0), zero, unset) is zero


def test_prices_nobody_offered_agree_with_none() -> None:
    assert meant(Confirmation(1), OFFER, OFFER._replace(monthly=2)) is None


def test_details_leave_a_rate_that_nobody_set_empty() -> None:
    assert WITHOUT_RATES.details()["per_minute_price_inbound"] is None
    assert WITHOUT_RATES.details()["per_minute_price_outbound"] is None


def test_details_are_exact_decimals_under_the_names_of_the_api() -> None:
    assert OFFER.details() == {
        "price": Decimal("1.15"),
        "per_minute_price_inbound": Decimal("0.0085"),
        "per_minute_price_outbound": Decimal("0.0945"),
        "setup_price": Decimal("0.25"),
        "currency": "USD",
        "period_unit": "month",
        "period_every": 1,
        "increments": None,
        "connect_fee": None,
        "rounding": "up",
    }
    assert [decimal_or_none(rate) for rate in (None, 0, 8_500)] == [None, Decimal(0), Decimal("0.0085")]
