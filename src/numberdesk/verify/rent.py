"""What must hold of rent: one charge or waiver for each period of a rental, in order, and none after its end.

Touches: rent_charges, rent_refunds, rentals, transfers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, or_, select

from numberdesk.core.invariants import Checked, Violation, amount, differing, found
from numberdesk.core.periods import PeriodUnit, Term, begin_of, iso_seconds
from numberdesk.core.rental import ChargeState
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE
from numberdesk.tables import rent_charges, rent_refunds, rentals, transfers
from numberdesk.verify.engine import Check, count_rows, in_key_order, pages, rule

CALENDAR: Final = "every rental renews when its paid period ends, and none ended before that began"

_PREFIX: Final = len("rnt_") + 1

_of_purchase = rent_charges.c.state == ChargeState.PURCHASED
_belongs: ColumnElement[bool] = case(
    (_of_purchase, and_(transfers.c.order_id == rentals.c.order_id, transfers.c.rental_id.is_(None))),
    else_=and_(
        transfers.c.rental_id == rent_charges.c.rental_id,
        transfers.c.period == rent_charges.c.period,
        transfers.c.order_id.is_(None),
    ),
)
_paid = and_(
    transfers.c.kind == "rental",
    transfers.c.credit == REVENUE["rental"],
    transfers.c.account_id == rent_charges.c.account_id,
    transfers.c.amount == rent_charges.c.amount,
    _belongs,
)
_expected_id = "rch_" + func.substr(rent_charges.c.rental_id, _PREFIX) + "_" + cast(rent_charges.c.period, Text)
_sound = and_(
    rent_charges.c.account_id == rentals.c.account_id,
    rent_charges.c.e164 == rentals.c.e164,
    rent_charges.c.id == _expected_id,
    case((rent_charges.c.state == ChargeState.WAIVED, rent_charges.c.transfer_id.is_(None)), else_=_paid),
)
_WRONG: Final = (
    select(
        rent_charges.c.id,
        rent_charges.c.rental_id,
        rent_charges.c.period,
        rent_charges.c.account_id,
        rent_charges.c.e164,
        rent_charges.c.state,
        rent_charges.c.amount,
        rent_charges.c.transfer_id,
        rentals.c.account_id.label("rental_account"),
        rentals.c.e164.label("rental_e164"),
        transfers.c.id.label("paid_by"),
        transfers.c.amount.label("paid"),
        case((_belongs, 1), else_=0).label("belongs"),
    )
    .select_from(
        rent_charges.outerjoin(rentals, rentals.c.id == rent_charges.c.rental_id).outerjoin(
            transfers, transfers.c.id == rent_charges.c.transfer_id
        )
    )
    .where(in_key_order(rent_charges.c.id), case((_sound, 1), else_=0) == 0)
)


def _says_wrong(row: Any) -> str:
    if row.rental_account is None:
        return f"it is of the rental {row.rental_id}, which does not exist"
    differs = differing(("account", row.account_id, row.rental_account), ("number", row.e164, row.rental_e164))
    if differs:
        return f"against its rental {row.rental_id} its {differs}"
    says = f"period {row.period} of {row.rental_id} is {row.state}"
    if row.state == ChargeState.WAIVED:
        return f"{says}, and charged by {row.transfer_id}"
    if row.paid_by is None:
        return f"{says}, and the transfer {row.transfer_id} does not exist"
    if row.paid != row.amount:
        return f"{says}: {amount(row.amount)}, and {row.paid_by} moved {amount(row.paid)}"
    return f"{says}, and {row.paid_by} " + ("is no rent" if row.belongs else "belongs to something else")


_is_of_rental = and_(rent_charges.c.account_id == rentals.c.account_id, rent_charges.c.rental_id == rentals.c.id)
_counted = select(func.count()).where(_is_of_rental).correlate(rentals).scalar_subquery()
_last = select(func.max(rent_charges.c.period)).where(_is_of_rental).correlate(rentals).scalar_subquery()
_first = select(func.min(rent_charges.c.period)).where(_is_of_rental).correlate(rentals).scalar_subquery()
_GAPS: Final = select(
    rentals.c.id,
    rentals.c.state,
    rentals.c.period,
    _counted.label("counted"),
    _first.label("first"),
    _last.label("last"),
).where(
    in_key_order(rentals.c.id),
    # With which period one begins that goes on from another is looked at in verify/origins.py.
    or_(_counted != rentals.c.period - func.coalesce(_first, 0) + 1, _last.is_distinct_from(rentals.c.period)),
)


def _says_gap(row: Any) -> str:
    return (
        f"the rental is {row.state} and in period {row.period}, so it has charges or waivers without a gap, "
        f"the last of that period: {row.counted} are there, of periods {row.first} to {row.last}"
    )


_FOR_NOTHING: Final = (
    select(transfers.c.id, transfers.c.amount, transfers.c.rental_id, transfers.c.period)
    .select_from(
        transfers.outerjoin(
            rent_charges,
            and_(
                rent_charges.c.account_id == transfers.c.account_id,
                rent_charges.c.rental_id == transfers.c.rental_id,
                rent_charges.c.period == transfers.c.period,
                rent_charges.c.transfer_id == transfers.c.id,
            ),
        ).outerjoin(
            rent_refunds,
            and_(
                rent_refunds.c.rental_id == transfers.c.rental_id,
                rent_refunds.c.period == transfers.c.period,
                rent_refunds.c.transfer_id == transfers.c.id,
            ),
        )
    )
    .where(
        in_key_order(transfers.c.id),
        or_(transfers.c.rental_id.is_not(None), transfers.c.period.is_not(None)),
        rent_charges.c.id.is_(None),
        rent_refunds.c.id.is_(None),
    )
)


def _says_for_nothing(row: Any) -> str:
    of = f"period {row.period} of {row.rental_id}"
    return f"it moves {amount(row.amount)} for {of}, of which it is neither charge nor refund"


_RENEWED: Final = select(
    rentals.c.id,
    rentals.c.anchor,
    rentals.c.unit,
    rentals.c.every,
    rentals.c.period,
    rentals.c.renews_at,
    rentals.c.released_at,
).where(rentals.c.period > 0)


def _check_calendar(tx: Tx) -> list[Checked]:
    """No engine counts months from an anchor as we do, so rentals are read, page by page; the first period is I5's."""
    return [found("I6", CALENDAR, count_rows(tx, rentals), _off_calendar(tx))]


def _off_calendar(tx: Tx) -> Iterator[Violation]:
    for page in pages(tx, _RENEWED, [rentals.c.id]):
        for row in page:
            says = _says_off(row)
            if says:
                yield Violation("I6", "rentals", row.id, says)


def _says_off(row: Any) -> str:
    try:
        term = Term(PeriodUnit(row.unit), row.every)
        begins, ends = (begin_of(row.anchor, term, period) for period in (row.period, row.period + 1))
    except (ValueError, TypeError, OverflowError):
        return f"period {row.period} of {row.every} {row.unit} from {row.anchor} is at no time"
    if row.renews_at != ends:
        return f"period {row.period} ends at {iso_seconds(ends)}, and it renews at {row.renews_at} instead of {ends}"
    if row.released_at is not None and row.released_at < begins:
        return f"it ended before period {row.period} began, at {iso_seconds(begins)}, which is charged or waived"
    return ""


CHECKS: Final = (
    rule(
        "I6",
        "every period that is charged is so by the one transfer that is its own",
        rent_charges,
        _WRONG,
        _says_wrong,
    ),
    rule("I6", "every rental has one charge or waiver for each period, without a gap", rentals, _GAPS, _says_gap),
    rule(
        "I6",
        "every transfer of a rental's period is its charge or its refund",
        transfers,
        _FOR_NOTHING,
        _says_for_nothing,
    ),
    Check(CALENDAR, _check_calendar),
)
