"""The story of one purchase, from a checked request to its answer.

Touches: database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Decision, Order, Refusal, Replayed, Sold
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.infra.db import CommitUnknownError, Tx
from numberdesk.infra.writer import Writer, no_failpoint

Open = Callable[[Tx, Sequence[Buy]], Sequence[Decision]]

FAILPOINTS: Final = ("asked", "decided")
"""The points that a purchase passes: before anything of it is written, and when all of it is and nobody knows yet."""


async def buy_number(
    writer: Writer,
    open_orders: Open,
    placement: Placement,
    buy: Buy,
    *,
    seconds: float,
    failpoint: Callable[[str], None] = no_failpoint,
) -> Order | Refusal:
    """Buy once: the order, new or the one that was made before, or the refusal.

    An order that is still `ordering` after `seconds` goes on and ends by itself; asked again it is
    waited for anew. `failpoint` is told when a purchase passes one of FAILPOINTS. Raises Overloaded and
    StorageFailedError, both with nothing charged (only CommitUnknownError leaves that open: asking
    again tells).
    """
    end = asyncio.get_running_loop().time() + seconds
    failpoint("asked")
    try:
        decision: Decision = await writer.submit(open_orders, buy)
    except (asyncio.CancelledError, CommitUnknownError):  # it may be opened, and nobody waits for it
        placement.look_after(buy.order_id)
        raise
    failpoint("decided")
    if isinstance(decision, Refusal):
        return decision
    order = decision.order
    if order.state is OrderState.ORDERING:
        if isinstance(decision, Sold):
            placement.begin(order)
        order = await placement.outcome(order, end - asyncio.get_running_loop().time())
    if order.failure is not None:
        request_id = decision.request_id if isinstance(decision, Replayed) else buy.request_id
        return Refusal(order.failure, request_id, None)
    return order
