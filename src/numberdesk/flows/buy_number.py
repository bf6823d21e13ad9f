"""The story of one purchase, from a checked request to its answer.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numberdesk.core.errors import OrderInProgress
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Decision, Order, Refused
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer

Open = Callable[[Tx, Sequence[Buy]], Sequence[Decision]]


async def buy_number(writer: Writer, open_orders: Open, buy: Buy) -> Order | Refused:
    """Buy once: the order, new or the one that was made before, or the refusal.

    Raises Overloaded and StorageFailedError, both with nothing charged, and OrderInProgress
    while a carrier other than the own pool is still to answer.
    """
    decision = await writer.submit(open_orders, buy)
    if isinstance(decision, Refused):
        return decision
    if decision.order.state is OrderState.ORDERING:
        raise OrderInProgress(details={"order_id": decision.order.id})
    return decision.order
