"""The SQL of what accounts and their keys have spent on purchases, as far as a cap asks for it.

Touches: orders.

The sum is taken from the orders themselves, while their account's wallet is locked: there is no counter that could
differ from them, and an order that fails counts no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, select, update

from numberdesk.core.lifecycle import OrderState
from numberdesk.core.spending import DAY, SpentOn
from numberdesk.infra.db import Tx
from numberdesk.tables import orders

_day: Final = (orders.c.counted_at // DAY).label("day")
_COUNTS: Final = (OrderState.ORDERING.value, OrderState.COMPLETED.value)


def find_spent(tx: Tx, account_ids: Iterable[str], since: int) -> list[SpentOn]:
    """What accounts spent from an instant on, by key and day of UTC, in orders that count and have not failed."""
    query = (
        select(orders.c.account_id, orders.c.key_id, _day, func.sum(orders.c.price + orders.c.setup).label("amount"))
        .where(
            orders.c.account_id.in_(sorted(account_ids)),
            orders.c.counted_at >= since,
            orders.c.counted_at.is_not(None),
            orders.c.state.in_(_COUNTS),
        )
        .group_by(orders.c.account_id, orders.c.key_id, _day)
    )
    return [SpentOn(row.account_id, row.key_id, int(row.day), int(row.amount)) for row in tx.execute(query)]


def begin_counting(tx: Tx, account_id: str, since: int) -> None:
    """Let the orders that an account made since an instant count, which did not as long as nothing was capped."""
    mine = (orders.c.account_id == account_id, orders.c.state.in_(_COUNTS), orders.c.created_at >= since)
    tx.execute(update(orders).where(*mine, orders.c.counted_at.is_(None)).values(counted_at=orders.c.created_at))
