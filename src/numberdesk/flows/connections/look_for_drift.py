"""Ask carriers whether calls still go where they were told: somebody may have changed that there.

Touches: database.

A few numbers at a time, each some minutes after it was connected and then daily. What is found is a finding for the
operator, who keeps it or has it put back; nothing is set by itself, since whoever changed it may have had a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.finding_store import (
    Finding,
    change_findings,
    end_findings,
    insert_findings,
    lock_findings,
)
from numberdesk.carriers.port import CarrierError
from numberdesk.connections.rental_connection_store import (
    change_rental_connections,
    find_to_look_at,
    hold_looks,
    lock_rental_connections,
)
from numberdesk.connections.sealing import wanted_of
from numberdesk.connections.store import find_connections
from numberdesk.core.connecting import RentalConnection, looked_at
from numberdesk.core.connection import ConnectionState, ShownRouting
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import LONGEST_MESSAGE
from numberdesk.flows.tell_operators import tell_findings
from numberdesk.infra.db import Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.infra.writer import Writer

MOST_AT_ONCE: Final = 20
"""Numbers of one round, so that looking never keeps carriers from what is more important."""

AGAIN: Final = 3600 * MICROSECONDS
"""After how long a look that came to nothing is tried again."""

ELSEWHERE: Final = "connected, but the carrier has shown something else since"
"""What a customer is told, without a carrier's names and ids."""


class TakeLooks(NamedTuple):
    """Take up to `limit` looks that are due at `now`; nobody else does them for a while."""

    now: int
    limit: int = MOST_AT_ONCE


class LookReport(NamedTuple):
    """What a carrier showed for a rental whose connection was applied as a generation."""

    rental_id: str
    generation: int
    shown: ShownRouting
    now: int


def take_looks(tx: Tx, commands: Sequence[TakeLooks]) -> list[list[RentalConnection]]:
    """The write flow: the rows to look at."""
    outcomes = []
    for command in commands:
        rows = find_to_look_at(tx, command.now, command.limit)
        hold_looks(tx, rows, command.now + AGAIN)
        outcomes.append(rows)
    return outcomes


def note_looks(tx: Tx, commands: Sequence[LookReport]) -> list[bool]:
    """The write flow: whether each is still connected as it was when it was asked for, and so what was shown counts."""
    rows = lock_rental_connections(tx, [command.rental_id for command in commands])
    outcomes, changed = [], []
    for command in commands:
        row = rows[command.rental_id]
        counts = row.state is ConnectionState.ACTIVE and row.applied_generation == command.generation
        outcomes.append(counts)
        if counts:
            changed.append(looked_at(row, ELSEWHERE, command.now, as_wanted=command.shown.as_wanted))
            _note(tx, row, command.shown, command.now)
    change_rental_connections(tx, changed)
    return outcomes


def _note(tx: Tx, row: RentalConnection, shown: ShownRouting, now: int) -> None:
    if shown.as_wanted:
        end_findings(tx, row.carrier, FindingKind.DRIFTED, [row.e164], now)
        return
    said = f"calls should go to {row.applied_connection_id}; the carrier has: {shown.text}"[:LONGEST_MESSAGE]
    finding = Finding(
        row.carrier, row.e164, FindingKind.DRIFTED, FindingState.OPEN, row.carrier_reference or "", "", said, now, now
    )
    before = lock_findings(tx, [finding.key]).get(finding.key)
    if before is None:
        insert_findings(tx, [finding])
        tell_findings(tx, [(finding, now)])
    elif before.state is FindingState.ENDED:
        change_findings(tx, [finding])
        tell_findings(tx, [(finding, now)])
    else:
        change_findings(tx, [finding._replace(state=before.state, first_seen_at=before.first_seen_at)])


async def look_for_drift(
    writer: Writer, reader: Reader, carriers: CarrierClients, vault: Vault, now: Callable[[], int]
) -> int:
    """One round; how many numbers were looked at."""
    rows = await writer.submit(take_looks, TakeLooks(now()))
    await asyncio.gather(*(_look(row, writer, reader, carriers, vault, now) for row in rows))
    return len(rows)


async def _look(
    row: RentalConnection,
    writer: Writer,
    reader: Reader,
    carriers: CarrierClients,
    vault: Vault,
    now: Callable[[], int],
) -> None:
    wanted_id = row.applied_connection_id or ""
    client = await carriers.client(row.carrier)
    connection = (await reader.look_up(lambda tx: find_connections(tx, [wanted_id]))).get(wanted_id)
    if client is None or connection is None:
        return
    try:
        shown = await client.routing(row.e164, row.carrier_reference, wanted_of(connection, vault))
    except (CarrierError, VaultError, ValueError) as error:
        get_log().info("connection not looked at", carrier=row.carrier, rental_id=row.rental_id, said=str(error))
        return
    if not shown.as_wanted:
        get_log().warning("connection drifted", carrier=row.carrier, rental_id=row.rental_id)
    await writer.submit(note_looks, LookReport(row.rental_id, row.applied_generation, shown, now()))
