"""Ending an order: what was held is charged or free again, and the number has its owner or none."""

from __future__ import annotations

import pytest

from numberdesk.core.errors import NumberTaken
from numberdesk.core.lifecycle import AccountState, IllegalMoveError, NumberState, OrderState
from numberdesk.core.periods import add_months
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, Charge, Order, SaleNumber, Wallet
from numberdesk.core.settlement import capture, void

NOW = 1_750_000_000_000_000
PRICES = Prices("USD", 1_150_000, 8_500, 94_500, 250_000)
ORDER = Order("ord_1", "acc_1", "+13612738809", "acme", OrderState.ORDERING, PRICES, NOW - 9, None, None, 1)
PURSE = Wallet("acc_1", AccountState.ACTIVE, "USD", 5_000_000, 2_000_000, 0, 3)
LOT = SaleNumber(ORDER.e164, "acme", NumberState.CLAIMED, None, "acc_1", "ord_1")


def test_a_captured_order_is_charged_its_month_and_its_setup_out_of_what_was_held() -> None:
    settled = capture(ORDER, PURSE, LOT, "PN1", NOW)
    assert settled.charges == (Charge("rental", 1_150_000, 4, 3_850_000), Charge("setup", 250_000, 5, 3_600_000))
    assert settled.wallet == PURSE._replace(posted=3_600_000, held=600_000, entries=5)
    assert settled.sale_number == LOT._replace(state=NumberState.ASSIGNED)
    assert settled.order == ORDER._replace(
        state=OrderState.COMPLETED, completed_at=NOW, renews_at=add_months(NOW, 1), carrier_reference="PN1"
    )


def test_a_captured_order_without_setup_price_has_one_charge() -> None:
    plain = ORDER._replace(prices=PRICES._replace(setup=0))
    assert capture(plain, PURSE, LOT, "PN1", NOW).charges == (Charge("rental", 1_150_000, 4, 3_850_000),)


@pytest.mark.parametrize(("carrier", "state"), [("acme", NumberState.WITHDRAWN), (POOL, NumberState.AVAILABLE)])
def test_a_void_order_charges_nothing_and_frees_what_it_held(carrier: str, state: NumberState) -> None:
    sale_number = LOT._replace(carrier=carrier)
    settled = void(ORDER, PURSE, sale_number, NumberTaken(), NOW)
    assert settled.charges == ()
    assert settled.wallet == PURSE._replace(held=600_000)
    assert settled.sale_number == sale_number._replace(state=state, account_id=None, order_id=None)
    assert settled.order == ORDER._replace(state=OrderState.FAILED, failure=NumberTaken(), failed_at=NOW)


@pytest.mark.parametrize("state", [OrderState.COMPLETED, OrderState.FAILED])
def test_an_order_ends_once(state: OrderState) -> None:
    ended = ORDER._replace(state=state)
    with pytest.raises(IllegalMoveError):
        capture(ended, PURSE, LOT, "PN1", NOW)
    with pytest.raises(IllegalMoveError):
        void(ended, PURSE, LOT, NumberTaken(), NOW)


def test_a_number_that_another_order_claims_is_left_alone() -> None:
    others = LOT._replace(order_id="ord_2")
    with pytest.raises(ValueError, match=r"\+13612738809 is not claimed by ord_1"):
        capture(ORDER, PURSE, others, "PN1", NOW)
    with pytest.raises(ValueError, match="not claimed"):
        void(ORDER, PURSE, others, NumberTaken(), NOW)
