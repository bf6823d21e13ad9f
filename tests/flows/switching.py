"""A shop whose numbers are connected: what the worker does about it, and what can be seen of it."""

from __future__ import annotations

from typing import Any

from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import find_rental_connection
from numberdesk.connections.sealing import with_route
from numberdesk.core.connecting import RentalConnection
from numberdesk.core.connection import ConnectionKind, Route, SipRoute, SipTarget, WebhookRoute
from numberdesk.core.purchase import POOL, Order
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.connect_numbers import connect_numbers
from numberdesk.flows.connections.forget_connections import forget_connections
from numberdesk.flows.connections.look_for_drift import look_for_drift
from numberdesk.flows.connections.set_up_connections import (
    ConnectionChange,
    NewConnection,
    change_connection,
    create_connections,
)
from numberdesk.infra.vault import Vault, new_key
from numberdesk.numbers.rental_store import find_rentals
from tests.flows.conftest import PRICE, Shop

VAULT = Vault(new_key())
SIP = SipRoute((SipTarget("sip:pbx.example.com"),))
HOOK = WebhookRoute("https://example.com/voice")


def connection(shop: Shop, account_id: str | None, route: Route = HOOK) -> str:
    """Set up a connection."""
    kept = Connection(shop.new_id("con"), account_id, "office", ConnectionKind.SIP, "", "", None, 1, shop.now, shop.now)
    made = shop.writer.apply(create_connections, NewConnection(with_route(kept, route, VAULT), route))
    assert isinstance(made, Connection), made
    return made.id


def change(shop: Shop, kept: Connection, route: Route) -> Connection:
    """Let a connection lead elsewhere."""
    sealed = with_route(kept, route, VAULT)
    command = ConnectionChange(kept.id, kept.account_id, shop.now, sealed=sealed, route=route)
    changed = shop.writer.apply(change_connection, command)
    assert isinstance(changed, Connection), changed
    return changed


def remove(shop: Shop, connection_id: str, account_id: str | None) -> Any:
    """Delete a connection."""
    return shop.writer.apply(change_connection, ConnectionChange(connection_id, account_id, shop.now, delete=True))


def buy(shop: Shop, account_id: str, *, carrier: str = "acme", connection_id: str | None = None) -> Rental:
    """Buy a number of a carrier, or of the pool."""
    wanted = shop.wants(account_id, shop.number(carrier=carrier))._replace(connection_id=connection_id)
    order = shop.tell(shop.purchase(shop.placement(), wanted))
    assert isinstance(order, Order), order
    return rental_of(shop, order.rental_id)


def assign(shop: Shop, rental: Rental, connection_id: str | None) -> Any:
    """Connect a number."""
    return shop.writer.apply(assign_connections, Assignment(rental.account_id, rental.e164, connection_id, shop.now))


def rental_of(shop: Shop, rental_id: str) -> Rental:
    """A rental as it stands."""
    with shop.database.read() as tx:
        return find_rentals(tx, [rental_id])[0]


def standing(shop: Shop, rental: Rental) -> RentalConnection:
    """How a rental stands with its connection."""
    with shop.database.read() as tx:
        row = find_rental_connection(tx, rental.id)
    assert row is not None
    return row


def converge(shop: Shop, seconds: int = 0) -> None:
    """What the worker does after so many seconds: tell carriers, and have them forget."""
    shop.now += seconds * 1_000_000
    shop.tell(shop.work_off(connect_numbers(shop.writer, shop.reader, shop.carriers, VAULT, lambda: shop.now)))
    shop.tell(shop.work_off(forget_connections(shop.writer, shop.reader, shop.carriers, lambda: shop.now)))


def look(shop: Shop, seconds: int = 0) -> int:
    """What the worker does to find what has drifted."""
    shop.now += seconds * 1_000_000
    return shop.tell(look_for_drift(shop.writer, shop.reader, shop.carriers, VAULT, lambda: shop.now))


def told(shop: Shop, kind: str) -> list[tuple[Any, ...]]:
    """Events of a kind: of which account."""
    return shop.rows("SELECT account_id, payload FROM events WHERE kind = :kind ORDER BY id", kind=kind)


__all__ = ["HOOK", "POOL", "PRICE", "SIP", "VAULT"]
