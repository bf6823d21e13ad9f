"""What a person decides about an order that is open: give it up, look anew, or take the number that is there.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.port import VISIBILITY_WINDOW
from numberdesk.core.carrier_order import Absent, CarrierOrder, Keep, Placed, Unknown, Void, uncounted
from numberdesk.core.errors import CarrierRefused, CarrierUnavailable, NotFound, NumberdeskError, OrderEnded, Overloaded
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Order
from numberdesk.flows.purchase.open_orders import WANTED_FOR
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.settle_orders import OrderBatch, end_order, keep_open, load_books, write_books
from numberdesk.infra.db import Tx
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.orders.carrier_order_store import find_carrier_orders


class OrderResolution(StrEnum):
    """What is to become of an open order."""

    VOID = "void"  # it failed: the hold and the number are free again
    RETRY = "retry"  # its carrier is asked anew from the beginning


class ResolveOrder(NamedTuple):
    """A person's decision about one order. `window` is how long its carrier may hide what it has.

    An order that is looked up anew may be sent once more for as long as a customer is `wanted_for`, after the window.
    """

    order_id: str
    resolution: OrderResolution
    window: int
    now: int
    wanted_for: int = WANTED_FOR


def resolve_orders(tx: Tx, commands: Sequence[ResolveOrder]) -> list[Order | NumberdeskError]:
    """The write flow: the order as it stands then. NotFound for one that no carrier was asked for."""
    books = load_books(tx, [command.order_id for command in commands])
    outcomes = [_resolve(books, command) for command in commands]
    write_books(tx, books)
    return outcomes


def _resolve(books: OrderBatch, command: ResolveOrder) -> Order | NumberdeskError:
    order, carrier_order = books.orders.get(command.order_id), books.carrier_orders.get(command.order_id)
    if order is None or carrier_order is None:
        return NotFound("There is no such order at a carrier.")
    if order.state is not OrderState.ORDERING:
        return OrderEnded(f"This order is {order.state.value} already.", {"order_id": order.id})
    if command.resolution is OrderResolution.VOID:
        why = CarrierUnavailable("The carrier never confirmed this order, so it was given up. Nothing was charged.")
        return end_order(books, carrier_order, Void(why, final=False), command.now)
    keep_open(books, Keep(_anew(carrier_order, command)))
    return order


def _anew(carrier_order: CarrierOrder, command: ResolveOrder) -> CarrierOrder:
    """Looked up from the beginning, and sent once more when it is proven to be absent and was sent only once."""
    return uncounted(carrier_order)._replace(
        attempts=0,
        accepted_at=None,
        next_at=command.now,
        parked_at=None,
        leased_until=None,
        wanted_until=command.now + command.window + command.wanted_for,
        message="to be looked up anew",
    )


async def resolve_order(
    writer: Writer,
    reader: Reader,
    carriers: CarrierClients,
    order_id: str,
    resolution: OrderResolution,
    now: int,
    wanted_for: int,
) -> Order:
    """Decide about one order. Raises NotFound, and OrderEnded."""
    carrier_order = (await reader.look_up(lambda tx: find_carrier_orders(tx, [order_id]))).get(order_id)
    client = None if carrier_order is None else await carriers.client(carrier_order.carrier)
    window = VISIBILITY_WINDOW if client is None else client.window
    return await writer.submit(resolve_orders, ResolveOrder(order_id, resolution, window, now, wanted_for))


async def adopt_order(reader: Reader, carriers: CarrierClients, placement: Placement, order_id: str) -> Order:
    """Complete an open order with the number that its carrier has for us, under whatever reference.

    Raises NotFound, OrderEnded, and CarrierRefused when the carrier does not say that the number is ours.
    """
    carrier_order = (await reader.look_up(lambda tx: find_carrier_orders(tx, [order_id]))).get(order_id)
    if carrier_order is None:
        raise NotFound("There is no such order at a carrier.")
    if carrier_order.settled_at is not None:
        raise OrderEnded(details={"order_id": order_id})
    client = await carriers.client(carrier_order.carrier)
    found = (
        Unknown("this carrier is not connected") if client is None else await client.find(carrier_order.e164, order_id)
    )
    if client is None or not isinstance(found, Placed):
        said = "absent" if isinstance(found, Absent | Placed) else found.message
        why = "The carrier does not say that this number is ours, so it cannot be adopted."
        raise CarrierRefused(why, {"order_id": order_id, "said": said})
    status = await placement.record(order_id, carrier_order.sends, Placed(found.number_id, None), client.window)
    if status is None:
        raise Overloaded
    return status.order
