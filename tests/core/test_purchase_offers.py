"""The purchase decision on carriers' numbers: which of what carriers offer is bought, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from numberdesk.core.errors import NumberNotOffered, NumberTaken, PriceChanged
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Confirmation, Quote
from numberdesk.core.purchase import Loaded, Refusal, SaleNumber, Sold, decide
from tests.core.test_purchase import BUY, FORMER, LOT, ME, NOW, NUMBER, OFFER, OTHER, PURSE, desk, held, one, refusal


def offered(*quotes: Quote, sale_number: SaleNumber | None = None) -> Loaded:
    """What the database holds of a number that is its carrier's."""
    return replace(desk(*(() if sale_number is None else (sale_number,))), offers={NUMBER: quotes})


@pytest.mark.parametrize("until", [NOW, NOW - 1])
def test_a_carriers_number_whose_offer_has_ended_is_not_offered(until: int) -> None:
    assert refusal(offered(Quote("acme", OFFER, until))) == NumberNotOffered()


@pytest.mark.parametrize("sale_number", [None, LOT._replace(carrier="other", state=NumberState.WITHDRAWN)])
def test_a_carriers_number_is_sold_until_the_last_instant_of_its_offer(sale_number: SaleNumber | None) -> None:
    outcome = decide(offered(Quote("acme", OFFER, NOW + 1), sale_number=sale_number), [BUY])
    (decision,) = outcome.decisions
    assert isinstance(decision, Sold)
    assert (decision.order.carrier, decision.charges) == ("acme", ())
    assert outcome.sale_numbers[NUMBER] == SaleNumber(NUMBER, "acme", NumberState.CLAIMED, OFFER, ME, BUY.order_id)


def test_each_buy_of_a_batch_is_sold_what_is_offered_at_its_own_time() -> None:
    ending, other = Quote("acme", OFFER._replace(inbound=1), NOW + 1), Quote("zeta", OFFER, NOW + 9)
    poor = replace(offered(ending, other), wallets={ME: PURSE._replace(posted=1), OTHER: PURSE})
    late = BUY._replace(account_id=OTHER, order_id="ord_2", now=NOW + 1)
    first, second = decide(poor, [BUY, late]).decisions
    assert isinstance(first, Refusal)
    assert isinstance(second, Sold)
    assert second.order.carrier == "zeta"


def test_of_two_carriers_offers_that_agree_the_cheaper_with_its_setup_price_is_bought() -> None:
    dear, cheap = Quote("acme", OFFER._replace(setup=2), NOW + 1), Quote("zeta", OFFER._replace(setup=1), NOW + 1)
    for quotes in ((dear, cheap), (cheap, dear)):
        decision = one(offered(*quotes))
        assert isinstance(decision, Sold)
        assert decision.order.carrier == "zeta"


def test_terms_that_a_newer_search_replaced_are_honoured_with_the_setup_price_that_was_shown() -> None:
    newer, older = Quote("acme", OFFER._replace(setup=50), NOW + 9), Quote("acme", OFFER, NOW + 1)
    for setup in (None, 0):
        decision = one(offered(newer, older), BUY._replace(confirmed=Confirmation(1_150_000, setup=setup)))
        assert isinstance(decision, Sold)
        assert decision.order.prices == OFFER
    late = BUY._replace(confirmed=Confirmation(1_150_000, setup=0), now=NOW + 1)
    error = refusal(offered(newer, older), late)
    assert error == PriceChanged(details=newer.prices.details())


def test_a_number_that_somebody_else_orders_is_taken_though_its_offer_has_ended() -> None:
    loaded = replace(desk(held(OTHER, NumberState.CLAIMED)), offers={NUMBER: (Quote("acme", OFFER, NOW),)})
    assert refusal(loaded) == NumberTaken()


def test_a_number_sold_at_a_superseded_price_keeps_its_own() -> None:
    decided = decide(desk(LOT, superseded=(FORMER,)), [BUY._replace(confirmed=Confirmation(FORMER.monthly))])
    assert decided.sale_numbers[NUMBER] == LOT._replace(
        state=NumberState.ASSIGNED, account_id=ME, order_id=BUY.order_id
    )
