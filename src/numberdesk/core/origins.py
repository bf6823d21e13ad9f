"""How rentals begin that nobody bought: an operator gave the number, or it goes on from a rental before.

Touches: nothing.

Each has an order, completed at once, for which nothing is held and which charges nothing itself: the first period is
charged like any later one, or waived. What goes on keeps anchor, term and period of the rental before.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.core.periods import begin_of
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Order, Wallet
from numberdesk.core.rent import RELEASE, RentLook
from numberdesk.core.rental import ChargeState, Rental, RentCharge, charge_id, first_look, rental_of


def given_order(
    order_id: str, account_id: str, e164: str, carrier: str, prices: Prices, origin: OrderOrigin, now: int
) -> Order:
    """The order of a number that is given at `now`; when it renews says its first period (`begun`)."""
    prices = prices._replace(setup=0)
    return Order(
        order_id, account_id, e164, carrier, OrderState.COMPLETED, prices, now, now, begin_of(now, prices.term, 1),
        origin=origin,
    )  # fmt: skip


def begun(order: Order, *, anchor: int, period: int = 0) -> tuple[Order, Rental]:
    """The order with its rental, which stands before its first period: that is to be charged or waived."""
    term = order.prices.term
    order = order._replace(renews_at=begin_of(anchor, term, period + 1))
    before = begin_of(anchor, term, period)
    return order, rental_of(order)._replace(anchor=anchor, period=period - 1, renews_at=before)


def started(look: RentLook) -> Rental:
    """The rental after its first period was charged or waived, with when it is looked at first."""
    rental = look.rental
    return rental._replace(next_at=first_look(rental.created_at, rental.renews_at))


def first_waived(rental: Rental, wallet: Wallet, by: str, reason: str) -> RentLook:
    """Waive the first period of a rental that is about to begin."""
    look = RentLook(rental, wallet)
    look.waive(by, reason, rental.created_at)
    look.rental = started(look)
    return look


def paid_until(rental: Rental, charges: Sequence[RentCharge]) -> int:
    """The last period that an ended rental has not only because its number was given back: what follows is to be paid.

    `charges` are the latest periods.
    """
    real = [one.period for one in charges if one.state is not ChargeState.WAIVED or one.waived_by != RELEASE]
    return max(real, default=rental.period)


def named_period(rental: Rental, period: int) -> str:
    """What is said of the first period of a rental that goes on: who has it paid, or not."""
    return f"it is that of {rental.id}: {charge_id(rental.id, period)}"
