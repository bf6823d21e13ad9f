"""Events: facts told to customers, one row for each business change.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

NUMBER_PURCHASED: Final = "number.purchased"
NUMBER_RELEASED: Final = "number.released"
ORDER_FAILED: Final = "order.failed"

EVENT_KINDS: Final = (NUMBER_PURCHASED, NUMBER_RELEASED, ORDER_FAILED)
"""Every kind there is; docs/events.md describes each."""


class Event(NamedTuple):
    """One fact. `payload` is JSON text; `created_at` in microseconds."""

    id: str
    account_id: str
    kind: str
    payload: str
    created_at: int
