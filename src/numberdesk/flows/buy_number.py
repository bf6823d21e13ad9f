"""The story of one purchase, from a checked request to its answer.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from numberdesk.core.errors import OrderInProgress
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Decision, Order, Refused
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer, nothing

Open = Callable[[Tx, Sequence[Buy]], Sequence[Decision]]

POINTS: Final = ("asked", "decided")
"""The points that a purchase passes: before anything of it is written, and when all of it is and nobody knows yet."""


async def buy_number(
    writer: Writer, open_orders: Open, buy: Buy, *, reach: Callable[[str], None] = nothing
) -> Order | Refused:
    """Buy once: the order, new or the one that was made before, or the refusal.

    `reach` is told when it passes one of POINTS. Raises Overloaded and StorageFailedError, both with
    nothing charged (only CommitUnknownError leaves that open: asking again tells), and OrderInProgress
    while a carrier other than the own pool is still to answer.
    """
    reach("asked")
    decision = await writer.submit(open_orders, buy)
    reach("decided")
    if isinstance(decision, Refused):
        return decision
    if decision.order.state is OrderState.ORDERING:
        raise OrderInProgress(details={"order_id": decision.order.id})
    return decision.order
