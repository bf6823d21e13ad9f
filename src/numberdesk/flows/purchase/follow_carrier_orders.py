"""Ask carriers what became of orders that are open, until each has ended or is left to a person.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.connections import CarrierConnections
from numberdesk.carriers.port import VISIBILITY_WINDOW
from numberdesk.core.carrier_order import CarrierOrder, OrderOutcome, Unknown
from numberdesk.core.lifecycle import OrderState
from numberdesk.flows.purchase.place_orders import Placement, log_word
from numberdesk.flows.purchase.settle_orders import OrderStatus
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.orders.carrier_order_store import DUE_ORDERS

CARRIER_ORDERS: Final = "carrier_orders"
"""The name of this kind of due work."""


class LookUp(NamedTuple):
    """What a carrier said when it was asked about an order; no client where it is not connected."""

    line: CarrierClient | None
    outcome: OrderOutcome


def follow_carrier_orders(carriers: CarrierConnections, placement: Placement) -> DueWork[CarrierOrder, LookUp]:
    """The kind of due work: orders at carriers that are open."""

    async def look_up(order: CarrierOrder) -> LookUp:
        line = await carriers.client(order.carrier)
        if line is None:
            return LookUp(None, Unknown("this carrier is not connected"))
        return LookUp(line, await line.find(order.e164, order.order_id))

    async def note(order: CarrierOrder, found: LookUp) -> WorkOutcome:
        line = found.line
        status = await placement.hear(
            order.order_id,
            order.sends,
            found.outcome,
            VISIBILITY_WINDOW if line is None else line.window,
            looked_up=line is not None,
            may_send=line is None or line.in_use,
            leased_until=order.leased_until,
        )
        if status is None:
            return WorkOutcome.FAILED
        if status.order.state is OrderState.FAILED and line is not None:
            log_word(order.carrier, order.order_id, order.sends, found.outcome)  # what ended it, not each look before
        if line is not None and status.again is not None:
            await placement.send_again(line, status.order, status.again.sends)
        return _outcome(status)

    return DueWork(CARRIER_ORDERS, DUE_ORDERS, look_up, note)


def _outcome(status: OrderStatus) -> WorkOutcome:
    if status.lease_lost:
        return WorkOutcome.LEASE_LOST
    if status.order.state is not OrderState.ORDERING:
        return WorkOutcome.DONE
    return WorkOutcome.RETRIED if status.parked is None else WorkOutcome.PARKED
