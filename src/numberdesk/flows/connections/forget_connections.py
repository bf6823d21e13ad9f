"""Have carriers remove what they made for a connection that none of their numbers needs any more.

Touches: database.

Whether it is needed is looked at before the carrier is asked and again when that is noted: rentals that came to want it
meanwhile are told anew, so that it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.connections.rental_connection_store import (
    DUE_REMOVALS,
    ConnectionRemoval,
    change_removals,
    end_removals,
    find_removals,
    find_wanting,
    is_needed,
    lock_removals,
    lock_rental_connections,
)
from numberdesk.connections.store import find_connections
from numberdesk.core.connecting import SCHEDULE
from numberdesk.core.connection import Connected, NotConnected, Unsupported
from numberdesk.core.schedule import retried
from numberdesk.flows.connections.want_connections import Wish, want_connections
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.numbers.store import lock_rentals

CONNECTION_REMOVALS: Final = "connection_removals"
"""The name of this kind of due work."""

_MOST_ANEW: Final = 1000


class StillNeeded(NamedTuple):
    """A number of the carrier is connected to it, or is to be: nothing is removed."""


ForgetAnswer = Connected | NotConnected | Unsupported | StillNeeded


class RemovalReport(NamedTuple):
    """What came of asking a carrier to forget a connection."""

    removal_id: str
    answer: ForgetAnswer
    leased_until: int | None
    now: int


class NotedRemoval(NamedTuple):
    """Whether it is done; `lease_lost`: somebody else has it by now, or has ended it."""

    done: bool
    lease_lost: bool


def note_removals(tx: Tx, commands: Sequence[RemovalReport]) -> list[NotedRemoval]:
    """The write flow: removals that are done have no row any more, the others are due again."""
    anew = _lock_wanting(tx, [one.removal_id for one in commands if isinstance(one.answer, Connected)])
    removals = lock_removals(tx, [command.removal_id for command in commands])
    outcomes = []
    for command in commands:
        known = removals.pop(command.removal_id, None)
        if known is None or known.leased_until != command.leased_until:
            outcomes.append(NotedRemoval(done=known is None, lease_lost=True))
            continue
        if isinstance(command.answer, NotConnected):
            change_removals(tx, [retried(known, SCHEDULE, command.answer.message, command.now)])
            outcomes.append(NotedRemoval(done=False, lease_lost=False))
            continue
        end_removals(tx, [known.id])
        if isinstance(command.answer, Connected):
            want_connections(tx, anew[known.id], command.now)
        outcomes.append(NotedRemoval(done=True, lease_lost=False))
    return outcomes


def _lock_wanting(tx: Tx, removal_ids: Sequence[str]) -> dict[str, list[Wish]]:
    """Rentals that came to want what was removed meanwhile, to be connected anew; by removal.

    They are locked before the removals: whoever connects a number to something else locks them in this order, too.
    """
    asked = find_removals(tx, removal_ids)
    wanting = {one.id: find_wanting(tx, one.carrier, one.connection_id, _MOST_ANEW) for one in asked.values()}
    every = [rental_id for each in wanting.values() for rental_id in each]
    connections = find_connections(tx, [one.connection_id for one in asked.values() if wanting[one.id]], share=True)
    rentals = lock_rentals(tx, every)
    lock_rental_connections(tx, rentals)
    return {
        one.id: [
            Wish(rentals[rental_id], connections[one.connection_id])
            for rental_id in wanting[one.id]
            if rentals[rental_id].connection_id == one.connection_id and rentals[rental_id].released_at is None
        ]
        for one in asked.values()
    }


def forget_connections(
    writer: Writer, reader: Reader, carriers: CarrierClients, now: Callable[[], int]
) -> DueWork[ConnectionRemoval, ForgetAnswer]:
    """The kind of due work: connections that carriers may forget."""

    async def forget(removal: ConnectionRemoval) -> ForgetAnswer:
        if await reader.look_up(lambda tx: is_needed(tx, removal.carrier, removal.connection_id)):
            return StillNeeded()
        client = await carriers.client(removal.carrier)
        if client is None:
            return NotConnected("this carrier is not connected")
        return await client.forget_connection(removal.connection_id)

    async def note(removal: ConnectionRemoval, answer: ForgetAnswer) -> WorkOutcome:
        if isinstance(answer, NotConnected):
            get_log().info(
                "connection not removed",
                carrier=removal.carrier,
                connection_id=removal.connection_id,
                said=answer.message,
            )
        noted = await writer.submit(note_removals, RemovalReport(removal.id, answer, removal.leased_until, now()))
        if noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.DONE if noted.done else WorkOutcome.RETRIED

    return DueWork(CONNECTION_REMOVALS, DUE_REMOVALS, forget, note, at_once=2)
