"""Connect rented numbers, or disconnect them.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import lock_rental_connections
from numberdesk.connections.store import find_connections
from numberdesk.connections.trunk_number_store import find_trunk_numbers
from numberdesk.core.connection import ConnectionState
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import OFF_TRUNK, trunk_number_id
from numberdesk.flows.connections.permitted_connections import refused_connections
from numberdesk.flows.connections.want_connections import Wish, want_connections
from numberdesk.infra.db import Tx
from numberdesk.numbers.store import latest_rentals, lock_rentals

NO_CONNECTION = "is no connection that this account has"


class Assignment(NamedTuple):
    """Connect the number that an account rents, or the rental named by `rental_id`; to nothing without a connection.

    Without an `account_id` it is the operator, who may connect any rental to what its account has.
    """

    account_id: str | None
    e164: str
    connection_id: str | None
    now: int
    rental_id: str | None = None


def assign_connections(tx: Tx, commands: Sequence[Assignment]) -> list[Rental | NumberdeskError]:
    """The write flow: the rentals as they are connected then.

    The same again changes nothing, but has a carrier told anew that had failed or could not. To connect a number to
    what its account may not use any more is Forbidden; what is connected to it already stays so.
    """
    known = find_connections(tx, [one.connection_id for one in commands if one.connection_id is not None], share=True)
    refused = refused_connections(tx, known.values())
    latest = latest_rentals(tx, [(one.account_id or "", one.e164) for one in commands if one.rental_id is None])
    rentals = lock_rentals(tx, [one.rental_id for one in commands if one.rental_id is not None])
    rentals |= {rental.id: rental for rental in latest.values()}
    stuck = {
        row.rental_id
        for row in lock_rental_connections(tx, rentals).values()
        if row.state in (ConnectionState.FAILED, ConnectionState.UNSUPPORTED)
    }
    stuck |= _off_trunk(tx, rentals.values())
    outcomes: list[Rental | NumberdeskError] = []
    for command in commands:
        found = latest.get((command.account_id or "", command.e164)) if command.rental_id is None else None
        rental = rentals.get(command.rental_id or (found.id if found is not None else ""))
        outcome = _outcome(rental, known.get(command.connection_id or ""), command, refused)
        if isinstance(outcome, Wish):
            if _changes(outcome) or outcome.rental.id in stuck:
                (rental,) = want_connections(tx, [outcome], command.now)
                rentals[rental.id] = rental
            outcomes.append(rentals[outcome.rental.id])
        else:
            outcomes.append(outcome)
    return outcomes


def _off_trunk(tx: Tx, rentals: Iterable[Rental]) -> set[str]:
    """Rentals whose LiveKit trunk has not taken the number, or has lost it since."""
    ids = {trunk_number_id(one.connection_id, one.e164): one.id for one in rentals if one.connection_id is not None}
    found = find_trunk_numbers(tx, ids) if ids else {}
    return {ids[row.id] for row in found.values() if row.state is ConnectionState.FAILED or row.message == OFF_TRUNK}


def _outcome(
    rental: Rental | None, connection: Connection | None, command: Assignment, refused: Mapping[str, Forbidden]
) -> Wish | NumberdeskError:
    if rental is None or rental.released_at is not None or command.account_id not in (None, rental.account_id):
        return NotFound("This account does not rent this number.")
    if command.connection_id is not None and (connection is None or not connection.is_for(rental.account_id)):
        return InvalidRequest("connection_id", NO_CONNECTION)
    wish = Wish(rental, connection)
    refusal = refused.get(command.connection_id or "")
    return wish if refusal is None or not _changes(wish) else refusal


def _changes(wish: Wish) -> bool:
    return wish.rental.connection_id != (None if wish.connection is None else wish.connection.id)
