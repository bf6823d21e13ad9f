"""What must hold of rent that was given back: once, by the second, of a period that was paid, by a transfer of its own.

Touches: rent_refunds, rent_charges, rentals, transfers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import select

from numberdesk.core.invariants import Checked, Violation, amount, differing, found
from numberdesk.core.periods import PeriodUnit, Term, begin_of
from numberdesk.core.rent import unused_part
from numberdesk.core.rental import ChargeState
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, wallet_account
from numberdesk.tables import rent_charges, rent_refunds, rentals, transfers
from numberdesk.verify.engine import Check, count_rows, pages

REFUNDS: Final = "every part of a period that was given back is what was left of it, by one transfer"

_ROWS: Final = select(
    rent_refunds.c.id,
    rent_refunds.c.rental_id,
    rent_refunds.c.period,
    rent_refunds.c.account_id,
    rent_refunds.c.e164,
    rent_refunds.c.amount,
    rent_refunds.c.transfer_id,
    rentals.c.account_id.label("rental_account"),
    rentals.c.e164.label("rental_e164"),
    rentals.c.anchor,
    rentals.c.unit,
    rentals.c.every,
    rentals.c.period.label("last_period"),
    rentals.c.released_at,
    rentals.c.price,
    rent_charges.c.amount.label("paid"),
    rent_charges.c.state,
    transfers.c.amount.label("moved"),
    transfers.c.kind,
    transfers.c.debit,
    transfers.c.credit,
    transfers.c.rental_id.label("moved_for"),
    transfers.c.period.label("moved_period"),
).select_from(
    rent_refunds.outerjoin(rentals, rentals.c.id == rent_refunds.c.rental_id)
    .outerjoin(
        rent_charges,
        (rent_charges.c.account_id == rent_refunds.c.account_id)
        & (rent_charges.c.rental_id == rent_refunds.c.rental_id)
        & (rent_charges.c.period == rent_refunds.c.period),
    )
    .outerjoin(transfers, transfers.c.id == rent_refunds.c.transfer_id)
)


def _check_refunds(tx: Tx) -> list[Checked]:
    """No engine counts months from an anchor as we do, so they are read, page by page."""
    return [found("I6", REFUNDS, count_rows(tx, rent_refunds), _wrong(tx))]


def _wrong(tx: Tx) -> Iterator[Violation]:
    for page in pages(tx, _ROWS, [rent_refunds.c.id]):
        for row in page:
            says = _says(row)
            if says:
                yield Violation("I6", "rent_refunds", row.id, says)


def _says(row: Any) -> str:
    if row.rental_account is None or row.paid is None or row.moved is None:
        return f"it is of period {row.period} of {row.rental_id} by {row.transfer_id}, of which one is not there"
    if row.released_at is None or row.state == ChargeState.WAIVED:
        return f"the rental {row.rental_id} goes on, or did not pay period {row.period}"
    try:
        term = Term(PeriodUnit(row.unit), row.every)
        begins, ends = (begin_of(row.anchor, term, period) for period in (row.period, row.period + 1))
    except (ValueError, TypeError, OverflowError):
        return f"period {row.period} of {row.every} {row.unit} from {row.anchor} is at no time"
    left = min(row.paid, unused_part(row.price, begins, ends, row.released_at))
    differs = differing(
        ("amount", amount(row.amount), amount(left)),
        ("transfer", amount(row.moved), amount(row.amount)),
        ("period", row.period, row.last_period),
        ("account", row.account_id, row.rental_account),
        ("number", row.e164, row.rental_e164),
        ("kind", row.kind, "rental_refund"),
        ("debit", row.debit, REVENUE["rental"]),
        ("credit", row.credit, wallet_account(row.rental_account)),
        ("transfer's rental", row.moved_for, row.rental_id),
        ("transfer's period", row.moved_period, row.period),
    )
    return f"of what is given back of {row.rental_id} the {differs}" if differs else ""


CHECKS: Final = (Check(REFUNDS, _check_refunds),)
