"""Orders with how they stand with their carriers, for operators.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Order
from numberdesk.infra.db import Tx
from numberdesk.orders.carrier_order_store import find_carrier_orders, list_unsettled
from numberdesk.orders.store import find_orders, list_orders


class DescribedOrder(NamedTuple):
    """An order with its account's name, and how it stands with its carrier; one of the own pool was never at one."""

    order: Order
    account_name: str
    carrier_order: CarrierOrder | None


def describe_order(tx: Tx, order_id: str) -> DescribedOrder | None:
    """One order; None when there is none of this id."""
    found = find_orders(tx, [order_id])
    return _described(tx, list(found.values()))[0] if found else None


def describe_orders(
    tx: Tx, *, state: OrderState | None = None, before_id: str | None = None, limit: int
) -> list[DescribedOrder]:
    """Orders of all accounts, in a state or in any, newest first, from before the given id."""
    return _described(tx, list_orders(tx, None, state=state, before_id=before_id, limit=limit))


def describe_parked_orders(tx: Tx, *, after_id: str | None = None, limit: int) -> list[DescribedOrder]:
    """Open orders that wait for a person, oldest first, from after the given id."""
    carrier_orders = list_unsettled(tx, parked=True, after_id=after_id, limit=limit)
    orders = find_orders(tx, [carrier_order.order_id for carrier_order in carrier_orders])
    return _with_accounts(tx, [(orders[each.order_id], each) for each in carrier_orders])


def _described(tx: Tx, orders: Sequence[Order]) -> list[DescribedOrder]:
    carrier_orders = find_carrier_orders(tx, [order.id for order in orders])
    return _with_accounts(tx, [(order, carrier_orders.get(order.id)) for order in orders])


def _with_accounts(tx: Tx, found: Sequence[tuple[Order, CarrierOrder | None]]) -> list[DescribedOrder]:
    accounts = find_accounts(tx, [order.account_id for order, _ in found], lock=False)
    return [DescribedOrder(order, accounts[order.account_id].name, carrier_order) for order, carrier_order in found]
