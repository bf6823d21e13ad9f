"""What ending an order at a carrier does to wallet, number and order.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.errors import NumberdeskError
from numberdesk.core.lifecycle import NumberState, OrderState, require_move
from numberdesk.core.purchase import POOL, Charge, Lot, Order, Purse, charges_of, completed


class Settlement(NamedTuple):
    """An ended order, with its wallet and number as they are after it. `charges` are empty when it failed."""

    order: Order
    purse: Purse
    lot: Lot
    charges: tuple[Charge, ...]


def capture(order: Order, purse: Purse, lot: Lot, number_id: str, now: int) -> Settlement:
    """Complete an open order: what was held is charged, and the number assigned."""
    require_move(order.state, OrderState.COMPLETED)
    charges = charges_of(purse, order.prices)
    last = charges[-1]
    return Settlement(
        completed(order, now)._replace(carrier_reference=number_id),
        purse._replace(held=purse.held - order.prices.total, posted=last.balance_after, entries=last.entry),
        _moved(lot, order, NumberState.ASSIGNED),
        charges,
    )


def void(order: Order, purse: Purse, lot: Lot, error: NumberdeskError, now: int) -> Settlement:
    """Fail an open order: what was held is free again, and so is the number."""
    state = require_move(order.state, OrderState.FAILED)
    free = NumberState.AVAILABLE if lot.carrier == POOL else NumberState.WITHDRAWN
    return Settlement(
        order._replace(state=state, failure=error, failed_at=now),
        purse._replace(held=purse.held - order.prices.total),
        _moved(lot, order, free)._replace(account_id=None, order_id=None),
        (),
    )


def _moved(lot: Lot, order: Order, state: NumberState) -> Lot:
    if lot.order_id != order.id:
        raise ValueError(f"{lot.e164} is not claimed by {order.id}")
    return lot._replace(state=require_move(lot.state, state))
