"""What an order at a carrier does to the books when it ends: its wallet, its number and its charges.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.errors import NumberdeskError
from numberdesk.core.lifecycle import NumberState, OrderState, require_move
from numberdesk.core.purchase import POOL, Charge, Order, SaleNumber, Wallet, charges_of, completed


class Settlement(NamedTuple):
    """An ended order, with its wallet and number as they are after it. `charges` are empty when it failed."""

    order: Order
    wallet: Wallet
    sale_number: SaleNumber
    charges: tuple[Charge, ...]


def capture(order: Order, wallet: Wallet, sale_number: SaleNumber, number_id: str, now: int) -> Settlement:
    """Complete an open order: what was held is charged, and the number assigned."""
    require_move(order.state, OrderState.COMPLETED)
    charges = charges_of(wallet, order.prices)
    last = charges[-1]
    return Settlement(
        completed(order, now)._replace(carrier_reference=number_id),
        wallet._replace(held=wallet.held - order.prices.total, posted=last.balance_after, entries=last.entry),
        _moved(sale_number, order, NumberState.ASSIGNED),
        charges,
    )


def void(order: Order, wallet: Wallet, sale_number: SaleNumber, error: NumberdeskError, now: int) -> Settlement:
    """Fail an open order: what was held is free again, and so is the number."""
    state = require_move(order.state, OrderState.FAILED)
    free = NumberState.AVAILABLE if sale_number.carrier == POOL else NumberState.WITHDRAWN
    return Settlement(
        order._replace(state=state, failure=error, failed_at=now),
        wallet._replace(held=wallet.held - order.prices.total),
        _moved(sale_number, order, free)._replace(account_id=None, order_id=None),
        (),
    )


def _moved(sale_number: SaleNumber, order: Order, state: NumberState) -> SaleNumber:
    if sale_number.order_id != order.id:
        raise ValueError(f"{sale_number.e164} is not claimed by {order.id}")
    return sale_number._replace(state=require_move(sale_number.state, state))
