"""Look orders up soon whose carrier answers again after it was silent, however long they would have waited.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.core.carrier_order import soon
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer
from numberdesk.orders.carrier_order_store import Ended, change_carrier_orders, lock_waiting_long

MOST_AT_ONCE: Final = 1000
"""Orders that are hurried in one transaction: bounds how long a purchase waits behind it."""


class HurryOrders(NamedTuple):
    """A carrier answers again at `now`."""

    carrier: str
    now: int


def hurry_orders(tx: Tx, commands: Sequence[HurryOrders]) -> list[int]:
    """The write flow: how many of a carrier's open orders, which were to wait long, are due now. Repeat when many."""
    return [_hurry(tx, command) for command in commands]


def _hurry(tx: Tx, command: HurryOrders) -> int:
    waiting = lock_waiting_long(tx, command.carrier, command.now, MOST_AT_ONCE)
    change_carrier_orders(tx, [Ended(soon(carrier_order, command.now), None) for carrier_order in waiting])
    return len(waiting)


async def hurry_answered(carriers: CarrierClients, writer: Writer, now: Callable[[], int]) -> None:
    """Hurry the orders of every carrier that has begun to answer since this was done last."""
    for client in await carriers.clients(active_only=False):
        contact = client.contact
        if not contact.answers_again:
            continue
        while await writer.submit(hurry_orders, HurryOrders(client.name, now())) == MOST_AT_ONCE:
            pass
        contact.answers_again = False
