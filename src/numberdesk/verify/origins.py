"""What must hold of how rentals began: bought, or given by an operator, who is named.

Touches: interventions, orders, rent_charges, rent_refunds, rentals.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, case, exists, func, not_, or_, select

from numberdesk.core.interventions import InterventionKind
from numberdesk.core.lifecycle import OrderOrigin
from numberdesk.core.rental import ChargeState
from numberdesk.tables import interventions, orders, rent_charges, rent_refunds, rentals
from numberdesk.verify.engine import in_key_order, rule

_GOES_ON: Final = (OrderOrigin.TRANSFER.value, OrderOrigin.RESTORATION.value)
_KINDS: Final = {
    OrderOrigin.ASSIGNMENT: InterventionKind.ASSIGN,
    OrderOrigin.TRANSFER: InterventionKind.TRANSFER,
    OrderOrigin.RESTORATION: InterventionKind.RESTORE,
    OrderOrigin.ADOPTION: InterventionKind.ADOPT,
}

_before = rentals.alias("before")
_BROKEN_CHAIN: Final = (
    select(orders.c.id, orders.c.origin, orders.c.from_rental_id, _before.c.released_at)
    .select_from(orders.outerjoin(_before, _before.c.id == orders.c.from_rental_id))
    .where(
        or_(
            orders.c.from_rental_id.is_(None) & orders.c.origin.in_(_GOES_ON),
            and_(
                orders.c.from_rental_id.is_not(None),
                or_(
                    orders.c.origin.not_in(_GOES_ON),
                    _before.c.e164.is_distinct_from(orders.c.e164),
                    _before.c.released_at.is_(None),
                    _before.c.released_at > orders.c.completed_at,
                    (_before.c.account_id == orders.c.account_id) != (orders.c.origin == OrderOrigin.RESTORATION),
                ),
            ),
        ),
    )
)


def _says_chain(row: Any) -> str:
    if row.from_rental_id is None:
        return f"the order is of a {row.origin}, and names no rental that went before"
    return (
        f"the order is of origin {row.origin} and goes on from {row.from_rental_id}, which is not there, has not ended "
        "before, or is of another number or of the wrong account"
    )


_charge = rent_charges.alias("first_charge")
_first = (
    select(func.min(rent_charges.c.period))
    .where(rent_charges.c.account_id == rentals.c.account_id, rent_charges.c.rental_id == rentals.c.id)
    .correlate(rentals)
    .scalar_subquery()
)
_given_back = exists().where(  # what is restored is paid for again, where it was
    rent_refunds.c.rental_id == orders.c.from_rental_id,
    rent_refunds.c.period == _charge.c.period,
    orders.c.origin == OrderOrigin.RESTORATION,
)
_bought = orders.c.origin == OrderOrigin.PURCHASE
_WRONG_START: Final = (
    select(rentals.c.id, orders.c.origin, _charge.c.period, _charge.c.state)
    .select_from(
        rentals.join(orders, orders.c.id == rentals.c.order_id).join(
            _charge,
            and_(
                _charge.c.account_id == rentals.c.account_id,
                _charge.c.rental_id == rentals.c.id,
                _charge.c.period == _first,
            ),
        )
    )
    .where(
        in_key_order(rentals.c.id),
        or_(
            _bought != (_charge.c.state == ChargeState.PURCHASED),
            and_(orders.c.from_rental_id.is_(None), orders.c.origin != OrderOrigin.ADOPTION, _charge.c.period != 0),
            and_(
                orders.c.from_rental_id.is_not(None),
                _charge.c.state != ChargeState.WAIVED,
                not_(and_(_charge.c.state == ChargeState.CHARGED, _given_back)),
            ),
            and_(orders.c.origin == OrderOrigin.ADOPTION, _charge.c.state != ChargeState.WAIVED),
        ),
    )
)


def _says_start(row: Any) -> str:
    return f"it began by a {row.origin}, and its first period {row.period} is {row.state}"


_deed = case(*((orders.c.origin == origin.value, kind.value) for origin, kind in _KINDS.items()))
_BY_NOBODY: Final = select(orders.c.id, orders.c.origin).where(
    not_(_bought),
    ~exists().where(
        interventions.c.rental_id == "rnt_" + func.substr(orders.c.id, len("ord_") + 1),
        interventions.c.kind == _deed,
        interventions.c.account_id == orders.c.account_id,
        interventions.c.e164 == orders.c.e164,
    ),
)


def _says_nobody(row: Any) -> str:
    return f"the order is of an operator's {row.origin}, and nothing says whose"


_begins = {kind.value: origin.value for origin, kind in _KINDS.items()}
_wanted = case(*((interventions.c.kind == kind, origin) for kind, origin in _begins.items()))
_WITHOUT_DEED: Final = (
    select(interventions.c.id, interventions.c.kind, interventions.c.rental_id)
    .select_from(
        interventions.outerjoin(rentals, rentals.c.id == interventions.c.rental_id).outerjoin(
            orders, orders.c.id == rentals.c.order_id
        )
    )
    .where(
        or_(
            rentals.c.e164.is_distinct_from(interventions.c.e164),
            rentals.c.account_id.is_distinct_from(interventions.c.account_id),
            and_(interventions.c.kind.in_(list(_begins)), orders.c.origin.is_distinct_from(_wanted)),
            and_(interventions.c.kind.not_in(list(_begins)), rentals.c.released_at.is_(None)),
        )
    )
)


def _says_without(row: Any) -> str:
    return f"it says {row.kind} of {row.rental_id}, of which that was not done, or whose account or number is another"


CHECKS: Final = (
    rule("I19", "what goes on from a rental follows one of the number that ended", orders, _BROKEN_CHAIN, _says_chain),
    rule("I19", "every rental begins with the period and charge of its origin", rentals, _WRONG_START, _says_start),
    rule("I19", "of everything that an operator gave it is known who did", orders, _BY_NOBODY, _says_nobody),
    rule("I19", "every intervention was done", interventions, _WITHOUT_DEED, _says_without),
)
