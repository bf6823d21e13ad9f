"""Tell carriers anew where calls go: after a connection has changed, or somebody changed it at the carrier.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import (
    find_raising,
    lock_rental_connections,
    next_connected,
)
from numberdesk.connections.store import change_connections, find_connected_rental, find_connections
from numberdesk.connections.trunk_number_store import lock_trunks_of
from numberdesk.core.connection import ConnectionKind
from numberdesk.flows.connections.want_connections import Wish, want_connections
from numberdesk.infra.db import Tx
from numberdesk.numbers.store import lock_rentals

MOST_AT_ONCE: Final = 200
"""Rentals of one transaction, so that no purchase waits long behind a change that thousands of numbers follow."""

_MOST_CONNECTIONS: Final = 20


class RaiseRentals(NamedTuple):
    """One round at `now`, over the next rentals of connections that have changed."""

    now: int


class RaiseReport(NamedTuple):
    """How many rentals got their next generation. `left`: there may be more."""

    rentals: int
    left: bool


def raise_rentals(tx: Tx, commands: Sequence[RaiseRentals]) -> list[RaiseReport]:
    """The write flow of the worker."""
    return [_round(tx, command.now) for command in commands]


def _round(tx: Tx, now: int) -> RaiseReport:
    found = find_raising(tx, _MOST_CONNECTIONS)
    known = find_connections(tx, found, lock=True)
    raised = 0
    for connection in known.values():
        raised += len(_raise(tx, connection, now))
        if raised >= MOST_AT_ONCE:
            break
    return RaiseReport(raised, left=raised >= MOST_AT_ONCE or len(found) == _MOST_CONNECTIONS)


def _raise(tx: Tx, connection: Connection, now: int) -> list[str]:
    """Raise the next rentals of a locked connection, and note how far that has come."""
    if connection.raising_after is None:
        return []
    ids = next_connected(tx, connection.id, connection.raising_after, MOST_AT_ONCE)
    rentals = lock_rentals(tx, ids).values()
    wishes = [
        Wish(rental, connection)
        for rental in rentals
        if rental.released_at is None and rental.connection_id == connection.id
    ]
    want_connections(tx, wishes, now)
    after = ids[-1] if len(ids) == MOST_AT_ONCE else None
    change_connections(tx, [connection._replace(raising_after=after)])
    return ids


def raise_changed(tx: Tx, connection: Connection, now: int) -> None:
    """Begin with the rentals of a locked connection whose change is written: few of them are told at once."""
    _raise(tx, connection, now)


def lock_to_connect(tx: Tx, e164s: Collection[str]) -> list[str]:
    """Lock what connecting numbers anew may change; the ids of their live rentals. The numbers are locked already."""
    found = [one for e164 in sorted(e164s) if (one := find_connected_rental(tx, e164)) is not None]
    find_connections(tx, [one.connection.id for one in found if one.connection is not None], share=True)
    rentals = lock_rentals(tx, [one.rental_id for one in found])
    lock_trunks_of(tx, e164s)
    lock_rental_connections(tx, rentals)
    return list(rentals)


def connect_anew(tx: Tx, carrier: str, e164: str, now: int) -> bool:
    """Have a carrier told anew of a number; False where nobody rents it there, or it is connected to nothing."""
    return _connect_anew(tx, carrier, e164, tuple(ConnectionKind), now)


def put_in_anew(tx: Tx, carrier: str, e164: str, now: int) -> bool:
    """Have a number put into the LiveKit trunk of its connection anew; False where it is to be in none."""
    return _connect_anew(tx, carrier, e164, (ConnectionKind.LIVEKIT,), now)


def _connect_anew(tx: Tx, carrier: str, e164: str, kinds: Collection[ConnectionKind], now: int) -> bool:
    """Connect a number to what it was found connected to, unless it is by now to something else, or nobody's."""
    found = find_connected_rental(tx, e164)
    if found is None or found.carrier != carrier or found.connection is None or found.connection.kind not in kinds:
        return False
    connection = find_connections(tx, [found.connection.id], share=True)[found.connection.id]
    rental = lock_rentals(tx, [found.rental_id])[found.rental_id]
    if rental.released_at is not None or rental.connection_id != connection.id:
        return False
    want_connections(tx, [Wish(rental, connection)], now)
    return True
