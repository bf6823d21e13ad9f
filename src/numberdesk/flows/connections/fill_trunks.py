"""Put numbers into the LiveKit trunks of their connections and take them off, and look now and then whether it is so.

Touches: database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.finding_store import end_findings
from numberdesk.connections.livekit import LiveKitError, LiveKitTrunks
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import find_rental_connection
from numberdesk.connections.sealing import open_route_of, route_of
from numberdesk.connections.store import find_connected_rental, find_connections
from numberdesk.connections.trunk_number_store import (
    DUE_TRUNK_NUMBERS,
    change_trunk_numbers,
    end_trunk_numbers,
    find_trunk_numbers,
    find_trunks_to_look_at,
    find_wanting_rental,
    hold_trunk_looks,
    lock_trunk_numbers,
)
from numberdesk.core.connection import ConnectionState, LiveKitRoute, NotConnected
from numberdesk.core.findings import FindingKind
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import (
    OF_SHARED,
    InTrunk,
    OffTrunk,
    TrunkAnswer,
    TrunkNumber,
    trunk_answered,
    trunk_looked_at,
)
from numberdesk.flows.connections.want_connections import connected, connection_failed
from numberdesk.flows.note_drift import Drift, note_drift
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.infra.writer import Writer
from numberdesk.numbers.store import lock_rentals
from numberdesk.outbox.model import Event
from numberdesk.outbox.store import insert_events

TRUNK_NUMBERS: Final = "trunk_numbers"
"""The name of this kind of due work."""

LOOKS_AT_ONCE: Final = 50
_AGAIN: Final = 3600 * MICROSECONDS
_UNREADABLE: Final = "the settings of this connection cannot be read: its operator has to look at it"


class TrunkReport(NamedTuple):
    """What a server answered about a row that was taken up with a lease `leased_until`, as of a generation."""

    row_id: str
    answer: TrunkAnswer
    generation: int
    leased_until: int | None
    now: int


class NotedTrunk(NamedTuple):
    """Whether nothing is left to do for now. `lease_lost`: somebody else has it by now, or has ended it."""

    done: bool
    lease_lost: bool


class TrunkLook(NamedTuple):
    """Whether a number was found in its trunk, which it had come into as of a generation."""

    row_id: str
    generation: int
    is_in: bool
    now: int


class TakeTrunkLooks(NamedTuple):
    """Take up looks that are due at `now`; nobody else does them for a while."""

    now: int


class _Asking(NamedTuple):
    """A row, and whether its number is to be in the trunk: for its connection, or for another that has the same."""

    row: TrunkNumber | None
    wanted: bool
    wanted_by_another: bool
    connection: Connection | None


def _look(tx: Tx, taken: TrunkNumber) -> _Asking:
    row = find_trunk_numbers(tx, [taken.id]).get(taken.id)
    wanted = find_wanting_rental(tx, taken.e164, taken.connection_id) is not None
    connection = find_connections(tx, [taken.connection_id]).get(taken.connection_id)
    return _Asking(row, wanted, not wanted and _shares_trunk(tx, taken.e164, connection), connection)


def _shares_trunk(tx: Tx, e164: str, connection: Connection | None) -> bool:
    """Whether whoever rents the number now has it led to the trunk of this connection by another."""
    trunk, live = _trunk_of(connection), find_connected_rental(tx, e164)
    return trunk is not None and live is not None and _trunk_of(live.connection) == trunk


def _trunk_of(connection: Connection | None) -> tuple[str, str] | None:
    route = None if connection is None else open_route_of(connection)
    return route.trunk if isinstance(route, LiveKitRoute) else None


def _route(connection: Connection | None, vault: Vault) -> LiveKitRoute | None:
    """Where its trunk is; None where nobody can read that."""
    try:
        route = None if connection is None else route_of(connection, vault)
    except (VaultError, ValueError):
        get_log().exception("connection cannot be read", connection_id="" if connection is None else connection.id)
        return None
    return route if isinstance(route, LiveKitRoute) else None


def note_trunks(tx: Tx, commands: Sequence[TrunkReport]) -> list[NotedTrunk]:
    """The write flow: how numbers stand with trunks after what servers said. Customers are told as of carriers."""
    ids = [command.row_id for command in commands]
    seen = find_trunk_numbers(tx, ids)
    wanting = {row.id: find_wanting_rental(tx, row.e164, row.connection_id) for row in seen.values()}
    rentals = lock_rentals(tx, {one for one in wanting.values() if one is not None})
    rows = lock_trunk_numbers(tx, ids)
    outcomes = []
    for command in commands:
        rental = rentals.get(wanting.get(command.row_id) or "")
        outcomes.append(_note(tx, command, rows.pop(command.row_id, None), rental))
    return outcomes


def _note(tx: Tx, command: TrunkReport, row: TrunkNumber | None, rental: Rental | None) -> NotedTrunk:
    if row is None or row.leased_until != command.leased_until:
        return NotedTrunk(done=row is None, lease_lost=True)
    after = trunk_answered(row, command.answer, command.generation, command.now)
    if after is None:
        end_trunk_numbers(tx, [row.id])
    else:
        change_trunk_numbers(tx, [after])
    if after is None or after.state is ConnectionState.ACTIVE:
        end_findings(tx, row.carrier, FindingKind.TRUNK_DRIFTED, [row.e164], command.now)
    if after is not None and rental is not None:
        insert_events(tx, _news(tx, row, after, rental, command.now))
    return NotedTrunk(done=after is None or after.settled_at is not None, lease_lost=False)


def _news(tx: Tx, before: TrunkNumber, row: TrunkNumber, rental: Rental, now: int) -> list[Event]:
    """It is connected when its carrier has it so, too; whichever comes last is told."""
    if row.state is ConnectionState.ACTIVE:
        theirs = None if row.carrier == POOL else find_rental_connection(tx, rental.id)
        ready = row.carrier == POOL or (theirs is not None and theirs.state is ConnectionState.ACTIVE)
        return [connected(rental, now)] if ready else []
    if row.state is ConnectionState.FAILED and before.state is ConnectionState.PENDING:
        shared = find_connections(tx, [row.connection_id])[row.connection_id].account_id is None
        said = OF_SHARED if shared else row.message
        return [connection_failed(rental, row.connection_id, said, now, part="trunk")]
    return []


async def _told(trunks: LiveKitTrunks, route: LiveKitRoute, asking: _Asking, e164: str) -> TrunkAnswer:
    if not asking.wanted_by_another:
        return await (trunks.put_in if asking.wanted else trunks.take_off)(route, e164)
    # Put in once more, since it may have been taken off for this row meanwhile; it stays for the other one.
    answer = await trunks.put_in(route, e164)
    return OffTrunk() if isinstance(answer, InTrunk) else answer


def fill_trunks(
    writer: Writer, reader: Reader, trunks: LiveKitTrunks, vault: Vault, now: Callable[[], int]
) -> DueWork[TrunkNumber, TrunkReport | None]:
    """The kind of due work: numbers that are to come into trunks, or out of them."""

    async def tell(taken: TrunkNumber) -> TrunkReport | None:
        asking = await reader.look_up(lambda tx: _look(tx, taken))
        row, route = asking.row, _route(asking.connection, vault)
        if row is None or row.leased_until != taken.leased_until or row.settled_at is not None:
            return None
        answer: TrunkAnswer = NotConnected(_UNREADABLE)
        if route is not None:
            answer = await _told(trunks, route, asking, row.e164)
        if isinstance(answer, NotConnected):
            get_log().info("trunk not changed", connection_id=row.connection_id, said=answer.message)
        return TrunkReport(row.id, answer, row.generation, row.leased_until, now())

    async def note(taken: TrunkNumber, report: TrunkReport | None) -> WorkOutcome:  # noqa: ARG001  as due work calls it
        noted = None if report is None else await writer.submit(note_trunks, report)
        if noted is None or noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.DONE if noted.done else WorkOutcome.RETRIED

    return DueWork(TRUNK_NUMBERS, DUE_TRUNK_NUMBERS, tell, note, at_once=4)


def take_trunk_looks(tx: Tx, commands: Sequence[TakeTrunkLooks]) -> list[list[TrunkNumber]]:
    """The write flow: the rows to look at."""
    outcomes = []
    for command in commands:
        rows = find_trunks_to_look_at(tx, command.now, LOOKS_AT_ONCE)
        hold_trunk_looks(tx, rows, command.now + _AGAIN)
        outcomes.append(rows)
    return outcomes


def note_trunk_looks(tx: Tx, commands: Sequence[TrunkLook]) -> list[bool]:
    """The write flow: whether each is still in its trunk as of then, and so what was seen counts."""
    rows = lock_trunk_numbers(tx, [command.row_id for command in commands])
    outcomes = []
    for command in commands:
        row = rows.get(command.row_id)
        counts = row is not None and row.state is ConnectionState.ACTIVE and row.generation == command.generation
        outcomes.append(counts)
        if row is None or not counts:
            continue
        rows[row.id] = trunk_looked_at(row, command.now, is_in=command.is_in)
        if command.is_in:
            end_findings(tx, row.carrier, FindingKind.TRUNK_DRIFTED, [row.e164], command.now)
        else:
            said = f"it should be in the trunk of {row.connection_id}, and is not: somebody has taken it off there"
            note_drift(tx, Drift(row.carrier, row.e164, FindingKind.TRUNK_DRIFTED, None, said), command.now)
    change_trunk_numbers(tx, rows.values())
    return outcomes


async def look_at_trunks(
    writer: Writer, reader: Reader, trunks: LiveKitTrunks, vault: Vault, now: Callable[[], int]
) -> int:
    """One round: servers are asked once for all numbers of a trunk whose time it is. How many numbers that were."""
    rows = await writer.submit(take_trunk_looks, TakeTrunkLooks(now()))
    if not rows:
        return 0
    known = await reader.look_up(lambda tx: find_connections(tx, {row.connection_id for row in rows}))

    async def look(connection_id: str) -> None:
        mine = [row for row in rows if row.connection_id == connection_id]
        route = _route(known.get(connection_id), vault)
        try:
            there = frozenset() if route is None else await trunks.numbers(route)
        except LiveKitError as error:
            if not error.is_gone:
                get_log().info("trunk not looked at", connection_id=connection_id, said=str(error))
                return
            there = frozenset()
        if route is not None:
            looks = [TrunkLook(row.id, row.generation, row.e164 in there, now()) for row in mine]
            await asyncio.gather(*(writer.submit(note_trunk_looks, one) for one in looks))

    await asyncio.gather(*(look(one) for one in sorted({row.connection_id for row in rows})))
    return len(rows)
