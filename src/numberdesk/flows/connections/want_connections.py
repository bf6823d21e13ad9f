"""Write what rentals are to be connected to: the next generation, and the carrier to be told at once.

Touches: database.

Locks are taken in the one order of ARCHITECTURE.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import (
    ask_removals,
    change_rental_connections,
    insert_rental_connections,
    lock_rental_connections,
)
from numberdesk.connections.sealing import logs_in
from numberdesk.core.connecting import NO_LOGIN, NO_OBJECTS, RentalConnection, asked, first_asked
from numberdesk.core.connection import ConnectionKind
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import POOL, Order
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.want_trunks import leave_trunks, want_trunks
from numberdesk.infra.db import Tx
from numberdesk.numbers.rental_store import connect_rentals
from numberdesk.orders.store import find_orders
from numberdesk.outbox.model import NUMBER_CONNECTED, NUMBER_CONNECTION_FAILED, Event
from numberdesk.outbox.store import insert_events


class Wish(NamedTuple):
    """What a locked rental is to be connected to, as it is before; None for nothing."""

    rental: Rental
    connection: Connection | None


def want_connections(tx: Tx, wishes: Sequence[Wish], now: int) -> list[Rental]:
    """Give live rentals the next generation of what they are connected to; the rentals as they are then."""
    if not wishes:
        return []
    changed = [_changed(wish, now) for wish in wishes]
    connect_rentals(tx, changed)
    left = {
        wish.rental.id: wish.rental.connection_id
        for wish, rental in zip(wishes, changed, strict=True)
        if wish.rental.connection_id not in (None, rental.connection_id)
    }
    orders = find_orders(tx, [rental.order_id for rental in changed])
    connections = {wish.connection.id: wish.connection for wish in wishes if wish.connection is not None}
    begin_connecting(tx, changed, orders, connections, now)
    ask_removals(
        tx,
        [
            (orders[rental.order_id].carrier, connection_id)
            for rental in changed
            if (connection_id := left.get(rental.id)) is not None and orders[rental.order_id].carrier != POOL
        ],
        now,
    )
    return changed


def _changed(wish: Wish, now: int) -> Rental:
    return wish.rental._replace(
        connection_id=None if wish.connection is None else wish.connection.id,
        connection_generation=wish.rental.connection_generation + 1,
        updated_at=max(now, wish.rental.updated_at),
    )


def begin_connecting(
    tx: Tx,
    rentals: Sequence[Rental],
    orders: Mapping[str, Order],
    connections: Mapping[str, Connection],
    now: int,
) -> None:
    """Have carriers told of what rentals want now. For a number of the pool it holds at once, and is told."""
    want_trunks(tx, rentals, {rental.id: orders[rental.order_id].carrier for rental in rentals}, connections, now)
    own = [rental for rental in rentals if orders[rental.order_id].carrier == POOL]
    insert_events(
        tx,
        [
            _of_own(rental, connections, now)
            for rental in own
            if rental.connection_id is not None
            and connections[rental.connection_id].kind is not ConnectionKind.LIVEKIT  # told when it is in the trunk
        ],
    )
    theirs = [rental for rental in rentals if orders[rental.order_id].carrier != POOL]
    if not theirs:
        return
    there = lock_rental_connections(tx, [rental.id for rental in theirs])
    change_rental_connections(tx, [asked(row, now) for row in there.values()])
    new = [rental for rental in theirs if rental.id not in there]
    insert_rental_connections(tx, [_first(rental, orders[rental.order_id], now) for rental in new])


def _first(rental: Rental, order: Order, now: int) -> RentalConnection:
    return first_asked(rental, order.carrier, order.carrier_reference, now)


def _of_own(rental: Rental, connections: Mapping[str, Connection], now: int) -> Event:
    if connections[rental.connection_id or ""].kind is ConnectionKind.NATIVE:
        return connection_failed(rental, rental.connection_id or "", NO_OBJECTS, now)
    if logs_in(connections[rental.connection_id or ""]):
        return connection_failed(rental, rental.connection_id or "", NO_LOGIN, now)
    return connected(rental, now)


def clear_connections(tx: Tx, ended: Iterable[Rental], now: int) -> None:
    """Have what was set for rentals that have ended cleared. Those that never were connected cost nothing."""
    gone = [rental for rental in ended if rental.connection_generation]
    if gone:
        rows = lock_rental_connections(tx, [rental.id for rental in gone])
        change_rental_connections(tx, [asked(row, now) for row in rows.values()])
        leave_trunks(tx, [rental.e164 for rental in gone], now)


def connected(rental: Rental, now: int) -> Event:
    """The event that calls to a number go where they are wanted."""
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "connection_id": rental.connection_id or "",
        "connected_at": iso_seconds(now),
    }
    return NUMBER_CONNECTED.event(_row_id(rental), rental.account_id, payload, now)


def connection_failed(rental: Rental, connection_id: str, message: str, now: int, *, part: str = "") -> Event:
    """The event that calls to a number do not go where they are wanted, and why; `part` where it is not its carrier."""
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "connection_id": connection_id,
        "message": message,
        "failed_at": iso_seconds(now),
    }
    row_id = f"{_row_id(rental)}_{part}" if part else _row_id(rental)
    return NUMBER_CONNECTION_FAILED.event(row_id, rental.account_id, payload, now)


def _row_id(rental: Rental) -> str:
    """What an event is about: a generation, so that each is told once."""
    return f"{rental.id}_{rental.connection_generation}"
