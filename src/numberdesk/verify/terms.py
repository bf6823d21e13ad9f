"""What must hold of terms: an order pays for a period as long as was confirmed, and its rental keeps what was.

Touches: orders, rentals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Text, and_, case, cast, or_, select

from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.invariants import Checked, Violation, differing, found
from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.core.periods import begin_of, iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.tables import orders, rentals
from numberdesk.verify.engine import Check, count_rows, in_key_order, pages, rule

TERMS: Final = "every completed order for another period than a month renews after that"

_OTHER_TERMS: Final = select(
    orders.c.id, orders.c.term, orders.c.billing, orders.c.completed_at, orders.c.renews_at
).where(
    orders.c.state == OrderState.COMPLETED,
    orders.c.origin == OrderOrigin.PURCHASE,
    or_(orders.c.term != "", orders.c.billing != ""),
)


def _check_terms(tx: Tx) -> list[Checked]:
    """No engine counts months from an anchor as we do, so they are read, page by page."""
    return [found("I6", TERMS, count_rows(tx, orders), _wrong(tx))]


def _wrong(tx: Tx) -> Iterator[Violation]:
    for page in pages(tx, _OTHER_TERMS, [orders.c.id]):
        for row in page:
            says = _says(row)
            if says:
                yield Violation("I6", "orders", row.id, says)


def _says(row: Any) -> str:
    try:
        term, _ = term_of(row.term), billing_of(row.billing)
        renews_at = begin_of(row.completed_at, term, 1)
    except (ValueError, TypeError, OverflowError):
        return f"its terms {row.term!r} and {row.billing!r} are none"
    if not row.term or row.renews_at == renews_at:  # that of a month is checked with the others
        return ""
    return f"it paid for {row.term} and renews at {row.renews_at} instead of {iso_seconds(renews_at)}"


_kept = case(
    (and_(rentals.c.unit == "month", rentals.c.every == 1), ""),
    else_=cast(rentals.c.every, Text) + " " + rentals.c.unit,
)
_CHANGED: Final = (
    select(rentals.c.id, _kept.label("kept"), orders.c.term, rentals.c.billing, orders.c.billing.label("confirmed"))
    .select_from(rentals.join(orders, orders.c.id == rentals.c.order_id))
    .where(
        in_key_order(rentals.c.id),
        or_(
            _kept != orders.c.term,
            and_(orders.c.billing != "", rentals.c.billing != orders.c.billing),
        ),
    )
)


def _says_changed(row: Any) -> str:
    return "of what was confirmed " + differing(
        ("the period", row.kept or "a month", row.term or "a month"),
        ("the billing of calls", row.billing, row.confirmed or row.billing),
    )


CHECKS: Final = (
    Check(TERMS, _check_terms),
    rule("I6", "every rental has the terms that its order confirmed", rentals, _CHANGED, _says_changed),
)
