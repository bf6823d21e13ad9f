"""The SQL of what the books know of numbers at a carrier, for audits.

Touches: numbers, orders, carrier_releases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import literal_column, or_, select

from numberdesk.core.lifecycle import NumberState
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import SelectSet, in_set
from numberdesk.tables import carrier_releases, numbers, orders

_OURS: Final = (NumberState.ASSIGNED.value, NumberState.CLAIMED.value)
_HELD: Final = SelectSet(
    select(numbers.c.e164, numbers.c.carrier).where(
        in_set(numbers.c.e164, "e164s"),
        or_(numbers.c.order_id.is_not(None), numbers.c.carrier == literal_column(f"'{POOL}'")),
    ),
    "e164s",
)


class KnownNumber(NamedTuple):
    """A number that the books have at a carrier, or had until lately. `since`: when its order completed, else 0.

    `carrier_reference` is the carrier's id for it as the books have it; `is_parked`: it was to go back, and waits for
    a person.
    """

    e164: str
    is_rented: bool
    account_id: str
    order_id: str
    since: int
    carrier_reference: str | None = None
    is_parked: bool = False


def find_known_numbers(tx: Tx, carrier: str, now: int, window: int) -> dict[str, KnownNumber]:
    """Numbers that may be on a carrier's list of ours: rented, ordered, or on their way back.

    One whose going back was confirmed within the last `window` microseconds may still be listed; a confirmation further
    ahead of `now` than that bears the time of a clock that was wrong, and hides nothing. That one rests here says
    nothing: orphans rest, and are orphans for as long as they are found.
    """
    query = (
        select(
            numbers.c.e164,
            numbers.c.state,
            numbers.c.account_id,
            numbers.c.order_id,
            orders.c.completed_at,
            orders.c.carrier_reference,
        )
        .select_from(numbers.outerjoin(orders, orders.c.id == numbers.c.order_id))
        .where(numbers.c.carrier == carrier, numbers.c.state.in_(_OURS))
    )
    known = {
        row.e164: KnownNumber(
            row.e164,
            row.state == NumberState.ASSIGNED.value,
            row.account_id or "",
            row.order_id or "",
            row.completed_at or 0,
            row.carrier_reference,
        )
        for row in tx.execute(query)
    }
    going = select(
        carrier_releases.c.e164,
        carrier_releases.c.confirmed_at,
        carrier_releases.c.parked_at,
        carrier_releases.c.carrier_reference,
    ).where(
        carrier_releases.c.carrier == carrier,
        or_(
            carrier_releases.c.confirmed_at.is_(None),
            carrier_releases.c.confirmed_at.between(now - window + 1, now + window),
        ),
    )
    # What is not confirmed comes last, and so is what is known of a number that went more than once.
    for row in sorted(tx.execute(going), key=lambda each: each.confirmed_at is None):
        if row.e164 not in known or not known[row.e164].order_id:
            reference = row.carrier_reference if row.confirmed_at is None else None
            parked = row.parked_at is not None
            known[row.e164] = KnownNumber(row.e164, False, "", "", 0, reference, parked)  # noqa: FBT003  as named above
    return known


def find_carriers_with_numbers(tx: Tx, carriers: Iterable[str]) -> set[str]:
    """Those of some carriers that have a number which a customer rents or orders. Looks through all numbers."""
    query = select(numbers.c.carrier).where(numbers.c.carrier.in_(sorted(carriers)), numbers.c.state.in_(_OURS))
    return set(tx.execute(query.distinct()).scalars())


def find_held_anywhere(tx: Tx, e164s: Iterable[str]) -> dict[str, str]:
    """Those of some numbers that a customer rents or orders, or that are the pool's: under which carrier, by number.

    The books may have a number under another name than that of the account which lists it: imported into the
    pool, ported by hand, or on an account that is connected twice. It is in somebody's hands all the same.
    """
    return dict(_HELD.run(tx, e164s=e164s))
