"""Tell carriers where calls to their numbers go, until they have it so.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.finding_store import end_findings
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import (
    DUE_CONNECTIONS,
    ask_removals,
    change_rental_connections,
    find_rental_connection,
    lock_rental_connections,
    may_be_told_of,
)
from numberdesk.connections.sealing import wanted_of
from numberdesk.connections.store import find_connections
from numberdesk.connections.trunk_number_store import find_trunk_numbers
from numberdesk.core.connecting import (
    ConnectAnswer,
    Gone,
    RentalConnection,
    applied,
    customers_word,
    wanted_generation,
)
from numberdesk.core.connection import ConnectionState, NotConnected, Unsupported, WantedConnection
from numberdesk.core.findings import FindingKind
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import trunk_number_id
from numberdesk.flows.connections.permitted_connections import refused_connections
from numberdesk.flows.connections.want_connections import connected, connection_failed
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.infra.writer import Writer
from numberdesk.numbers.rental_store import find_rentals
from numberdesk.numbers.store import lock_rentals
from numberdesk.outbox.model import Event
from numberdesk.outbox.store import insert_events

RENTAL_CONNECTIONS: Final = "rental_connections"
"""The name of this kind of due work."""

GONE: Final = "the number went back to its carrier"
_UNREADABLE: Final = "the settings of this connection cannot be read: its operator has to look at it"
_NO_CARRIER: Final = "this carrier is not connected"


class AnsweredConnection(NamedTuple):
    """What a carrier was asked for, and what it answered; `generation` and `connection_id` are what was wanted then."""

    answer: ConnectAnswer
    generation: int
    connection_id: str | None


class ConnectionReport(NamedTuple):
    """What came of telling a carrier of a rental, which was taken up with a lease `leased_until`; None: nothing was."""

    rental_id: str
    told: AnsweredConnection | None
    leased_until: int | None
    now: int


class NotedConnection(NamedTuple):
    """How a rental stands after that. `lease_lost`: somebody else has it by now, or has ended it."""

    row: RentalConnection
    lease_lost: bool


class _Asking(NamedTuple):
    """What the books have of a rental as its carrier is about to be told. `gone`: nobody is to be told any more.

    `refusal`: why its account may not use the connection any more, where the carrier does not have it so already.
    """

    row: RentalConnection | None
    rental: Rental
    connection: Connection | None
    gone: bool
    refusal: str = ""


def _look(tx: Tx, taken: RentalConnection) -> _Asking:
    row = find_rental_connection(tx, taken.rental_id)
    (rental,) = find_rentals(tx, [taken.rental_id])
    wanted = rental.connection_id if rental.released_at is None else None
    connection = None if wanted is None else find_connections(tx, [wanted]).get(wanted)
    gone = rental.released_at is not None and not may_be_told_of(tx, taken)
    return _Asking(row, rental, connection, gone, _refusal(tx, row, connection))


def _refusal(tx: Tx, row: RentalConnection | None, connection: Connection | None) -> str:
    if connection is None or row is None or row.applied_connection_id == connection.id:
        return ""
    refused = refused_connections(tx, [connection]).get(connection.id)
    return "" if refused is None else str(refused)


def _wanted(asking: _Asking, vault: Vault) -> WantedConnection | ConnectAnswer:
    """What a carrier is to be asked for, or why it is not asked."""
    if asking.gone:
        return Gone(GONE)
    if asking.connection is None:
        applied_id = None if asking.row is None else asking.row.applied_connection_id
        return WantedConnection(applied_id or asking.rental.connection_id or "", None)
    if asking.refusal:
        return Unsupported(asking.refusal)
    try:
        return wanted_of(asking.connection, vault)
    except (VaultError, ValueError):
        get_log().exception("connection cannot be read", connection_id=asking.connection.id)
        return NotConnected(_UNREADABLE)


def note_connections(tx: Tx, commands: Sequence[ConnectionReport]) -> list[NotedConnection]:
    """The write flow: how rentals stand after what carriers said.

    What was asked for before the latest change says nothing of that; whoever has lost the lease changes nothing.
    """
    rentals = lock_rentals(tx, [command.rental_id for command in commands])
    rows = lock_rental_connections(tx, [command.rental_id for command in commands])
    events: list[Event] = []
    unneeded: list[tuple[str, str]] = []
    outcomes = []
    for command in commands:
        row, rental = rows[command.rental_id], rentals[command.rental_id]
        lease_lost = row.leased_until != command.leased_until
        if command.told is not None and row.settled_at is None and not lease_lost:
            answer, generation, connection_id = command.told
            after = applied(
                row,
                answer,
                asked_generation=generation,
                asked_connection_id=connection_id,
                wanted=rental,
                now=command.now,
            )
            row = rows[row.rental_id] = after.row
            if after.is_news and not _waits_for_trunk(tx, rental, row):
                events.append(_event(rental, row, command.now))
            unneeded += [(row.carrier, one) for one in sorted(after.unneeded)]
            if row.state in (ConnectionState.ACTIVE, ConnectionState.NONE):
                end_findings(tx, row.carrier, FindingKind.DRIFTED, [row.e164], command.now)
        outcomes.append(NotedConnection(row, lease_lost))
    change_rental_connections(tx, list(rows.values()))
    insert_events(tx, events)
    if commands:
        ask_removals(tx, unneeded, commands[-1].now)
    return outcomes


def _waits_for_trunk(tx: Tx, rental: Rental, row: RentalConnection) -> bool:
    """Whether it is connected only when it is in a LiveKit trunk, too, and is not yet: that is told then."""
    if row.state is not ConnectionState.ACTIVE or rental.connection_id is None:
        return False
    row_id = trunk_number_id(rental.connection_id, rental.e164)
    trunk = find_trunk_numbers(tx, [row_id]).get(row_id)
    return trunk is not None and trunk.state is not ConnectionState.ACTIVE


def _event(rental: Rental, row: RentalConnection, now: int) -> Event:
    if row.state is ConnectionState.ACTIVE:
        return connected(rental, now)
    return connection_failed(rental, rental.connection_id or "", customers_word(row.state, row.message), now)


def connect_numbers(
    writer: Writer, reader: Reader, carriers: CarrierClients, vault: Vault, now: Callable[[], int]
) -> DueWork[RentalConnection, AnsweredConnection | None]:
    """The kind of due work: rentals whose carriers are to be told where calls go, or that they go nowhere."""

    async def tell(taken: RentalConnection) -> AnsweredConnection | None:
        asking = await reader.look_up(lambda tx: _look(tx, taken))
        row = asking.row
        if row is None or row.leased_until != taken.leased_until or row.settled_at is not None:
            return None
        generation, wanted = wanted_generation(asking.rental), _wanted(asking, vault)
        wanted_id = None if asking.connection is None else asking.connection.id
        if not isinstance(wanted, WantedConnection):
            return AnsweredConnection(wanted, generation, wanted_id)
        client = await carriers.client(row.carrier)
        if client is None:
            return AnsweredConnection(NotConnected(_NO_CARRIER), generation, wanted_id)
        return AnsweredConnection(await client.connect(row.e164, row.carrier_reference, wanted), generation, wanted_id)

    async def note(taken: RentalConnection, told: AnsweredConnection | None) -> WorkOutcome:
        if told is None:
            return WorkOutcome.LEASE_LOST
        _log(taken, told.answer)
        noted = await writer.submit(
            note_connections, ConnectionReport(taken.rental_id, told, taken.leased_until, now())
        )
        if noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.RETRIED if noted.row.settled_at is None else WorkOutcome.DONE

    return DueWork(RENTAL_CONNECTIONS, DUE_CONNECTIONS, tell, note, at_once=8)


def _log(taken: RentalConnection, answer: ConnectAnswer) -> None:
    if isinstance(answer, NotConnected | Unsupported):
        said = answer.message if isinstance(answer, NotConnected) else answer.reason
        get_log().info("number not connected", carrier=taken.carrier, rental_id=taken.rental_id, said=said)
