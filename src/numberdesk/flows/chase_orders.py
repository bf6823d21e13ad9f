"""Ask carriers what became of orders that are open, until each has ended or is left to a person.

Touches: database.

Several workers share the work: whoever takes an order puts off its next look-up first, in a
transaction of its own, for longer than asking takes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.connections import CarrierConnections
from numberdesk.carriers.port import VISIBILITY_WINDOW
from numberdesk.core.fulfilment import Chase, Unknown
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.place_orders import Placement, log_word
from numberdesk.infra.db import Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer, nothing
from numberdesk.orders.chase_store import Ended, change_chases, find_due_carriers, lock_due_chases

POINTS: Final = ("taken_up", "looked_up")
"""The points that a look-up passes: before the carrier is asked about an order, and when it has answered."""

LOOK_UP_LEASE: Final = 200 * MICROSECONDS
"""How long looking one order up may take: three requests of the longest wait that an account may be given."""

MOST_AT_ONCE: Final = 16
"""Orders of one carrier looked up side by side."""


class TakeUp(NamedTuple):
    """Take up to `limit` orders of each carrier, or of one `carrier`, that are due at `now`."""

    now: int
    limit: int = MOST_AT_ONCE
    carrier: str | None = None


def take_up_chases(tx: Tx, commands: Sequence[TakeUp]) -> list[list[Chase]]:
    """The write flow: the orders that are due, which are nobody else's for the length of a lease."""
    outcomes = []
    for command in commands:
        due = [
            chase._replace(next_at=command.now + LOOK_UP_LEASE)
            for chase in lock_due_chases(tx, command.now, command.limit, command.carrier)
        ]
        change_chases(tx, [Ended(chase, None) for chase in due])
        outcomes.append(due)
    return outcomes


async def carriers_to_ask(reader: Reader, now: int) -> list[str]:
    """The carriers of orders that are due: each may be chased by itself, so that none waits for a slower one."""
    return await reader.read(lambda tx: find_due_carriers(tx, now))


async def chase_orders(
    writer: Writer,
    reader: Reader,
    carriers: CarrierConnections,
    placement: Placement,
    *,
    now: Callable[[], int],
    carrier: str | None = None,
    reach: Callable[[str], None] = nothing,
) -> bool:
    """One round: ask about the orders that are due, of one carrier or of all. True when there may be more.

    Whoever names a carrier knows that there is work for it; before a round for all it is looked for.
    """
    if carrier is None and not await carriers_to_ask(reader, now()):
        return False
    due = await writer.submit(take_up_chases, TakeUp(now(), carrier=carrier))
    await asyncio.gather(*(_chase(chase, carriers, placement, reach) for chase in due))
    return MOST_AT_ONCE in Counter(chase.carrier for chase in due).values()


async def _chase(
    chase: Chase, carriers: CarrierConnections, placement: Placement, reach: Callable[[str], None]
) -> None:
    try:
        await _look_up(chase, carriers, placement, reach)
    except Exception:  # noqa: BLE001  whatever it was, the others go on, and this one is due again after its lease
        get_log().exception("order not looked up", order_id=chase.order_id, carrier=chase.carrier)


async def _look_up(
    chase: Chase, carriers: CarrierConnections, placement: Placement, reach: Callable[[str], None]
) -> None:
    reach("taken_up")
    line = await carriers.client(chase.carrier)
    if line is None:
        word, window = Unknown("this carrier is not connected"), VISIBILITY_WINDOW
        await placement.hear(chase.order_id, chase.attempt, word, window)
        return
    found = await line.find(chase.e164, chase.order_id)
    reach("looked_up")
    standing = await placement.hear(
        chase.order_id, chase.attempt, found, line.window, looked_up=True, may_send=line.in_use
    )
    if standing is not None and standing.order.state is OrderState.FAILED:
        log_word(chase.carrier, chase.order_id, chase.attempt, found)  # what ended it, and not each look before
    if standing is not None and standing.again is not None:
        await placement.send_again(line, standing.order, standing.again.attempt)
