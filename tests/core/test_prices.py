"""Offers' prices and confirmations of them."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from numberdesk.core.prices import Confirmation, Prices, decimal_or_none, first_agreeing

OFFER = Prices("USD", 1_150_000, 8_500, 94_500, 250_000)
WITHOUT_RATES = Prices("USD", 1_150_000, None, None)


@pytest.mark.parametrize(
    "confirmed",
    [
        Confirmation(1_150_000),
        Confirmation(1_150_000, 8_500),
        Confirmation(1_150_000, None, 94_500),
        Confirmation(1_150_000, 8_500, 94_500),
    ],
)
def test_the_offers_prices_agree_whether_rates_are_sent_or_left_out(confirmed: Confirmation) -> None:
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


def test_the_setup_price_is_charged_with_the_month_and_not_confirmed() -> None:
    assert OFFER.total == 1_400_000
    assert Confirmation(1_150_000).agrees_with(OFFER._replace(setup=0))


def test_current_prices_win_over_superseded_ones_that_agree_too() -> None:
    former = OFFER._replace(inbound=9_000)
    assert first_agreeing(Confirmation(1_150_000), OFFER, (former,)) is OFFER


def test_of_superseded_prices_the_newest_that_agree_are_meant() -> None:
    newest, older, oldest = (OFFER._replace(monthly=2_000_000, inbound=rate) for rate in (1, 2, 1))
    assert first_agreeing(Confirmation(2_000_000), OFFER, (newest, older, oldest)) is newest
    assert first_agreeing(Confirmation(2_000_000, 2), OFFER, (newest, older, oldest)) is older


def test_prices_nobody_offered_agree_with_none() -> None:
    assert first_agreeing(Confirmation(1), OFFER, (OFFER._replace(monthly=2),)) is None


def test_details_are_exact_decimals_under_the_names_of_the_api() -> None:
    assert OFFER.details() == {
        "price": Decimal("1.15"),
        "per_minute_price_inbound": Decimal("0.0085"),
        "per_minute_price_outbound": Decimal("0.0945"),
        "setup_price": Decimal("0.25"),
        "currency": "USD",
    }
    assert WITHOUT_RATES.details()["per_minute_price_inbound"] == 0
    assert WITHOUT_RATES.details()["per_minute_price_outbound"] == 0
    assert [decimal_or_none(rate) for rate in (None, 0, 8_500)] == [None, Decimal(0), Decimal("0.0085")]
