"""Connect numbers as they are bought: to what the purchase named, else to a default.

Touches: database.

A connection never makes a purchase fail or wait. One that the account does not have, or may not use any more, is left
out, and its customer is told. Defaults are looked up after the purchase, by the step that numbers its event.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from numberdesk.connections.model import Connection
from numberdesk.connections.store import find_connections, find_defaults, has_defaults
from numberdesk.core.connection import DefaultScope
from numberdesk.core.lifecycle import OrderOrigin
from numberdesk.core.purchase import Order
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.permitted_connections import refused_connections
from numberdesk.flows.connections.want_connections import (
    Wish,
    begin_connecting,
    connection_failed,
    want_connections,
)
from numberdesk.infra.db import Tx
from numberdesk.numbers.store import lock_rentals
from numberdesk.orders.store import find_orders
from numberdesk.outbox.store import insert_events

UNKNOWN: str = "the account has no such connection, so that the number was bought without one"
FORBIDDEN: str = "the account may not use that connection any more, so that the number was bought without one"


class Bought(NamedTuple):
    """Rentals as they begin, and the connections that they are given. Empty where no purchase named one.

    `refused` are the connections that their accounts may not use.
    """

    rentals: Sequence[Rental]
    connections: dict[str, Connection]
    refused: Collection[str] = ()


def sift_connections(tx: Tx, rentals: Sequence[Rental]) -> Bought:
    """Rentals that are about to begin, without connections that their accounts do not have."""
    wanted = [rental.connection_id for rental in rentals if rental.connection_id is not None]
    if not wanted:
        return Bought(rentals, {})
    known = find_connections(tx, wanted, share=True)
    refused = refused_connections(tx, known.values())
    sifted = [
        rental
        if rental.connection_id is None
        or (rental.connection_id not in refused and _is_for(known.get(rental.connection_id), rental))
        else rental._replace(connection_id=None, connection_generation=0)
        for rental in rentals
    ]
    return Bought(sifted, known, refused.keys())


def _is_for(connection: Connection | None, rental: Rental) -> bool:
    return connection is not None and connection.is_for(rental.account_id)


def begin_connections(tx: Tx, bought: Bought, orders: Sequence[Order], now: int) -> None:
    """Have rentals connected that have begun, and tell whose connection there is not."""
    asked = {order.id: order for order in orders if order.connection_id is not None}
    if not asked:
        return
    mine = [rental for rental in bought.rentals if rental.order_id in asked]
    begin_connecting(
        tx, [rental for rental in mine if rental.connection_id is not None], asked, bought.connections, now
    )
    without = [rental for rental in mine if rental.connection_id is None]
    events = []
    for rental in without:
        connection_id = asked[rental.order_id].connection_id or ""
        known = bought.connections.get(connection_id)
        is_refused = connection_id in bought.refused and _is_for(known, rental)
        events.append(connection_failed(rental, connection_id, FORBIDDEN if is_refused else UNKNOWN, now))
    insert_events(tx, events)


def connect_by_default(tx: Tx, order_ids: Sequence[str], now: int) -> int:
    """Connect what some completed orders brought, and nobody has connected, to its default; how many that were.

    What was transferred or adopted stays as its operator said.
    """
    if not order_ids or not has_defaults(tx):
        return 0
    orders = {order.id: order for order in find_orders(tx, order_ids).values() if _wants_default(order)}
    scopes = {order.id: _scopes(order) for order in orders.values()}
    defaults = find_defaults(tx, [scope for each in scopes.values() for scope in each])
    given = {
        order.rental_id: connection_id
        for order in orders.values()
        if (connection_id := next((defaults[one] for one in scopes[order.id] if one in defaults), None)) is not None
    }
    known = find_connections(tx, given.values(), share=True)
    refused = refused_connections(tx, known.values())
    rentals = lock_rentals(tx, given).values()
    wishes = [
        Wish(rental, connection)
        for rental in rentals
        if rental.connection_generation == 0
        and rental.released_at is None
        and (connection := known.get(given[rental.id])) is not None
        and connection.is_for(rental.account_id)
        and connection.id not in refused
    ]
    return len(want_connections(tx, wishes, now))


def _wants_default(order: Order) -> bool:
    return order.connection_id is None and order.origin in (OrderOrigin.PURCHASE, OrderOrigin.ASSIGNMENT)


def _scopes(order: Order) -> tuple[tuple[DefaultScope, str], ...]:
    """Where a default is looked for, in turn."""
    return (DefaultScope.ACCOUNT, order.account_id), (DefaultScope.CARRIER, order.carrier)
