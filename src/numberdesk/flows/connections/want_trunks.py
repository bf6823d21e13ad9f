"""Have LiveKit servers told again of numbers whose connection may have changed, or whose rental has ended.

Touches: database.

Called in the transaction of the change, with the rentals locked. Rows are the last that it locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from numberdesk.connections.model import Connection
from numberdesk.connections.trunk_number_store import (
    change_trunk_numbers,
    insert_trunk_numbers,
    lock_trunks_of,
)
from numberdesk.core.connection import ConnectionKind
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import first_in_trunk, trunk_asked, trunk_number_id
from numberdesk.infra.db import Tx


def want_trunks(
    tx: Tx, rentals: Sequence[Rental], carriers: Mapping[str, str], connections: Mapping[str, Connection], now: int
) -> None:
    """Numbers of live rentals are to be in the trunks of their connections, and in no other. Carriers are by rental."""
    there = lock_trunks_of(tx, [rental.e164 for rental in rentals])
    wanted = {
        trunk_number_id(connection.id, rental.e164): (connection.id, carriers[rental.id], rental.e164)
        for rental in rentals
        if (connection := connections.get(rental.connection_id or "")) is not None
        and connection.kind is ConnectionKind.LIVEKIT
    }
    asked = [trunk_asked(row, now) for row in there.values()]
    change_trunk_numbers(tx, [row._replace(carrier=wanted[row.id][1]) if row.id in wanted else row for row in asked])
    insert_trunk_numbers(tx, [first_in_trunk(*wanted[one], now) for one in sorted(wanted.keys() - there.keys())])


def leave_trunks(tx: Tx, e164s: Iterable[str], now: int) -> None:
    """The rentals of numbers have ended: whatever trunks these are in are looked at anew."""
    change_trunk_numbers(tx, [trunk_asked(row, now) for row in lock_trunks_of(tx, e164s).values()])
