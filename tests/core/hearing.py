"""Words of a carrier about one order, for the tests of what follows from them."""

from __future__ import annotations

from typing import Any

from numberdesk.core.carrier_order import (
    Absent,
    CarrierOrder,
    Inquiry,
    Keep,
    OrderOutcome,
    OutcomeReport,
    Step,
    first_carrier_order,
    step,
)

SECOND = 1_000_000
MINUTE = 60 * SECOND
NOW = 1_750_000_000 * SECOND
WINDOW = 15 * MINUTE
LEASE = 45 * SECOND
ORDERED = first_carrier_order("ord_1", "acc_1", "acme", "+13612738809", now=NOW, wanted_for=30 * MINUTE, lease=LEASE)
AGAIN = ORDERED._replace(sends=2)
QUARTER = WINDOW // 4
PROOF = (0, QUARTER, 2 * QUARTER, WINDOW)
"""When look-ups that find nothing make a proof together: after the first of them."""


def hear(
    carrier_order: CarrierOrder,
    word: OrderOutcome,
    *,
    now: int = NOW,
    attempt: int | None = None,
    window: int = WINDOW,
    inquiry: Inquiry | None = None,
    **told: Any,
) -> Step:
    """What follows from a word; the carrier was asked and heard at once, and no clock was ever set."""
    sent, inquiry = attempt or carrier_order.sends, inquiry or at(now - NOW)
    return step(carrier_order, OutcomeReport(carrier_order.order_id, sent, word, window, LEASE, now, inquiry, **told))


def at(elapsed: int, process: str = "prc_1", *, took: int = 0) -> Inquiry:
    """A question to a carrier so long after the process began, whose answer took a while."""
    return Inquiry(process, elapsed, elapsed + took)


def kept(what: Step) -> CarrierOrder:
    assert isinstance(what, Keep)
    return what.carrier_order


def absences(
    carrier_order: CarrierOrder,
    *instants: int,
    window: int = WINDOW,
    word: OrderOutcome = Absent(),  # noqa: B008  a value without state
    **told: Any,
) -> Step:
    """Look-ups that find nothing, at these times after the first."""
    what: Step = Keep(carrier_order)
    for instant in instants:
        what = hear(kept(what), word, now=NOW + instant, window=window, **told)
    return what
