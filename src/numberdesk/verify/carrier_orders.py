"""What must hold between orders and how they stand with their carriers.

Touches: orders, carrier_orders, carriers, compliance_profiles.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, and_, case, exists, not_, or_, select

from numberdesk.core.carrier_order import MOST_ATTEMPTS
from numberdesk.core.errors import BY_CODE
from numberdesk.core.invariants import differing
from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.core.purchase import POOL
from numberdesk.tables import carrier_orders, carriers, compliance_profiles, orders
from numberdesk.verify.engine import in_key_order, rule

# Most orders are the pool's: of those only columns are compared, without a look at another table.
_UNSENT: Final = select(orders.c.id, orders.c.carrier, orders.c.state, orders.c.attempts).where(
    in_key_order(orders.c.id),
    or_(
        (orders.c.carrier == POOL) & or_(orders.c.attempts != 0, orders.c.state != OrderState.COMPLETED),
        and_(
            orders.c.carrier != POOL,
            (orders.c.origin == OrderOrigin.PURCHASE)
            != exists().where(carrier_orders.c.order_id == orders.c.id),  # what was given is ordered nowhere
        ),
    ),
)


def _says_unsent(row: Any) -> str:
    if row.carrier == POOL:
        said = f"it is {row.state} and was sent {row.attempts} times"
        return f"an order of the own pool completes at once and is sent to nobody; {said}"
    return f"the order is {row.state}, and how it stands with {row.carrier} is not noted"


def _of_carrier_orders(*columns: Any) -> Select[Any]:
    return (
        select(carrier_orders.c.order_id, carrier_orders.c.carrier, *columns)
        .select_from(carrier_orders.outerjoin(orders, orders.c.id == carrier_orders.c.order_id))
        .where(in_key_order(carrier_orders.c.order_id))
    )


_is_open = orders.c.state == OrderState.ORDERING
# Somebody has to come to an open order: carriers are asked at next_at, a person where it is parked.
_is_due_or_parked = carrier_orders.c.next_at.is_(None) == carrier_orders.c.parked_at.is_not(None)
_ASTRAY: Final = _of_carrier_orders(
    carrier_orders.c.account_id,
    carrier_orders.c.e164,
    carrier_orders.c.settled_at,
    carrier_orders.c.next_at,
    orders.c.state,
    orders.c.account_id.label("order_account"),
    orders.c.e164.label("order_e164"),
    orders.c.carrier.label("order_carrier"),
).where(
    or_(
        orders.c.id.is_(None),
        carrier_orders.c.settled_at.is_(None) != _is_open,
        case((_is_open, not_(_is_due_or_parked)), else_=carrier_orders.c.next_at.is_not(None)),
        *(carrier_orders.c[name].is_distinct_from(orders.c[name]) for name in ("account_id", "e164", "carrier")),
    )
)


def _says_astray(row: Any) -> str:
    if row.state is None:
        return f"{row.carrier} is asked about an order that does not exist"
    differs = differing(
        ("account", row.account_id, row.order_account),
        ("number", row.e164, row.order_e164),
        ("carrier", row.carrier, row.order_carrier),
    )
    if differs:
        return f"where its carrier is asked about it {differs}"
    if row.state != OrderState.ORDERING:
        return f"the order is {row.state}, and {row.carrier} is still asked about it"
    if row.settled_at is None and row.next_at is not None:
        return f"the order is parked for a person, and {row.carrier} is to be asked about it all the same"
    return f"the order is open, and nobody asks {row.carrier} about it any more"


_MISCOUNTED: Final = _of_carrier_orders(carrier_orders.c.sends, orders.c.attempts, orders.c.state).where(
    or_(carrier_orders.c.sends > MOST_ATTEMPTS, ~_is_open & (carrier_orders.c.sends != orders.c.attempts))
)


def _says_miscounted(row: Any) -> str:
    return f"{row.carrier} was sent the order {row.sends} times; the order says {row.attempts}"


_is_failed = orders.c.state == OrderState.FAILED
_UNEXPLAINED: Final = _of_carrier_orders(carrier_orders.c.error_code, orders.c.state).where(
    or_(
        _is_failed
        & or_(
            carrier_orders.c.error_code.is_(None),
            carrier_orders.c.error_message.is_(None),
            carrier_orders.c.error_details.is_(None),
            carrier_orders.c.error_code.not_in(sorted(BY_CODE)),
        ),
        ~_is_failed & carrier_orders.c.error_code.is_not(None),
    )
)


def _says_unexplained(row: Any) -> str:
    return f"the order is {row.state}, and what its customer was told is {row.error_code or 'nothing'}"


# The first sending is noted with the order, a second one when it begins.
_UNSENT_AGAIN: Final = _of_carrier_orders(carrier_orders.c.sends, carrier_orders.c.attempted_at).where(
    (carrier_orders.c.sends > 1) & (carrier_orders.c.attempted_at == orders.c.created_at)
)


def _says_unsent_again(row: Any) -> str:
    return f"{row.carrier} was sent the order {row.sends} times, and no sending was later than the order"


# One that waits for a person may be from before carriers were connected by name.
_UNREACHABLE: Final = (
    select(orders.c.id, orders.c.carrier)
    .select_from(
        orders.join(carrier_orders, carrier_orders.c.order_id == orders.c.id).outerjoin(
            carriers, carriers.c.name == orders.c.carrier
        )
    )
    .where(_is_open, orders.c.carrier != POOL, carriers.c.name.is_(None), carrier_orders.c.parked_at.is_(None))
)


def _says_unreachable(row: Any) -> str:
    return f"the order is open at {row.carrier}, and there is no carrier of that name"


_NAMELESS: Final = _of_carrier_orders(orders.c.e164).where(
    orders.c.state == OrderState.COMPLETED, orders.c.carrier_reference.is_(None)
)


def _says_nameless(row: Any) -> str:
    return f"the order for {row.e164} is completed without what {row.carrier} calls the number"


_UNDOCUMENTED: Final = (
    select(orders.c.id, orders.c.profile_id, compliance_profiles.c.account_id, compliance_profiles.c.carrier)
    .select_from(orders.outerjoin(compliance_profiles, compliance_profiles.c.id == orders.c.profile_id))
    .where(
        in_key_order(orders.c.id),
        orders.c.profile_id.is_not(None),
        or_(
            compliance_profiles.c.account_id.is_distinct_from(orders.c.account_id),
            compliance_profiles.c.carrier.is_distinct_from(orders.c.carrier),
        ),
    )
)


def _says_undocumented(row: Any) -> str:
    if row.account_id is None:
        return f"the order was sent with the compliance profile {row.profile_id}, which does not exist"
    return f"the order was sent with the compliance profile {row.profile_id} of {row.account_id} at {row.carrier}"


CHECKS: Final = (
    rule("I8", "every order of another carrier is noted as sent, none of the pool", orders, _UNSENT, _says_unsent),
    rule("I10", "carriers are asked about open orders and no others", carrier_orders, _ASTRAY, _says_astray),
    rule("I8", "no order was sent more often than may be", carrier_orders, _MISCOUNTED, _says_miscounted),
    rule("I8", "every second sending has its time", carrier_orders, _UNSENT_AGAIN, _says_unsent_again),
    rule("I10", "every open order that waits for no person has its carrier", orders, _UNREACHABLE, _says_unreachable),
    rule("I9", "every failed order says why, and no other does", carrier_orders, _UNEXPLAINED, _says_unexplained),
    rule("I8", "no order was sent with papers of another account", orders, _UNDOCUMENTED, _says_undocumented),
    rule("I7", "what was bought at a carrier has its name there", carrier_orders, _NAMELESS, _says_nameless),
)
