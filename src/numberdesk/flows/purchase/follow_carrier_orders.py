"""Ask carriers what became of orders that are open, until each has ended or is left to a person.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.port import VISIBILITY_WINDOW
from numberdesk.core.carrier_order import CarrierOrder, OrderOutcome, Unknown
from numberdesk.core.lifecycle import OrderState
from numberdesk.flows.purchase.place_orders import Placement, log_outcome
from numberdesk.flows.purchase.settle_orders import OrderStatus
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.orders.carrier_order_store import DUE_ORDERS

CARRIER_ORDERS: Final = "carrier_orders"
"""The name of this kind of due work."""


class LookUp(NamedTuple):
    """What a carrier said when it was asked about an order; no client where it is not connected.

    `asked` is when that was, by this process's clock that only goes forward.
    """

    client: CarrierClient | None
    outcome: OrderOutcome
    asked: int


def follow_carrier_orders(carriers: CarrierClients, placement: Placement) -> DueWork[CarrierOrder, LookUp]:
    """The kind of due work: orders at carriers that are open."""

    async def look_up(order: CarrierOrder) -> LookUp:
        client = await carriers.client(order.carrier)
        asked = placement.time.elapsed()
        if client is None:
            return LookUp(None, Unknown("this carrier is not connected"), asked)
        return LookUp(client, await client.find(order.e164, order.order_id), asked)

    async def note(order: CarrierOrder, found: LookUp) -> WorkOutcome:
        client = found.client
        status = await placement.record(
            order.order_id,
            order.sends,
            found.outcome,
            VISIBILITY_WINDOW if client is None else client.window,
            looked_up=client is not None,
            may_send=client is None or client.in_use,
            leased_until=order.leased_until,
            asked=found.asked,
        )
        if status is None:
            return WorkOutcome.FAILED
        if status.order.state is OrderState.FAILED and client is not None:
            log_outcome(
                order.carrier, order.order_id, order.sends, found.outcome
            )  # what ended it, not each look before
        if client is not None and status.again is not None:
            await placement.send_again(client, status.order, status.again.sends)
        return _outcome(status)

    return DueWork(CARRIER_ORDERS, DUE_ORDERS, look_up, note)


def _outcome(status: OrderStatus) -> WorkOutcome:
    if status.lease_lost:
        return WorkOutcome.LEASE_LOST
    if status.order.state is not OrderState.ORDERING:
        return WorkOutcome.DONE
    return WorkOutcome.RETRIED if status.parked is None else WorkOutcome.PARKED
