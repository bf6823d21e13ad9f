"""Orders with how they stand with their carriers, for operators.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.purchase import Order
from numberdesk.infra.db import Tx
from numberdesk.orders.carrier_order_store import find_carrier_orders, list_unsettled
from numberdesk.orders.store import find_orders, list_orders


class DescribedOrder(NamedTuple):
    """An order, and how it stands with its carrier; an order of the own pool was never at one."""

    order: Order
    carrier_order: CarrierOrder | None


def describe_order(tx: Tx, order_id: str) -> DescribedOrder | None:
    """One order; None when there is none of this id."""
    found = find_orders(tx, [order_id])
    return _described(tx, list(found.values()))[0] if found else None


def describe_orders(
    tx: Tx, *, open_only: bool = False, before_id: str | None = None, limit: int
) -> list[DescribedOrder]:
    """Orders of all accounts, newest first, from before the given id."""
    return _described(tx, list_orders(tx, None, open_only=open_only, before_id=before_id, limit=limit))


def describe_parked_orders(tx: Tx, *, after_id: str | None = None, limit: int) -> list[DescribedOrder]:
    """Open orders that wait for a person, oldest first, from after the given id."""
    carrier_orders = list_unsettled(tx, parked=True, after_id=after_id, limit=limit)
    orders = find_orders(tx, [carrier_order.order_id for carrier_order in carrier_orders])
    return [DescribedOrder(orders[carrier_order.order_id], carrier_order) for carrier_order in carrier_orders]


def _described(tx: Tx, orders: Sequence[Order]) -> list[DescribedOrder]:
    carrier_orders = find_carrier_orders(tx, [order.id for order in orders])
    return [DescribedOrder(order, carrier_orders.get(order.id)) for order in orders]
