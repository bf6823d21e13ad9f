"""What must hold of orders against numbers and rentals, and of the answers stored under keys.

Touches: orders, idempotency_records, keyed_requests, numbers, rentals, transfers.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select, true

from numberdesk.core.errors import BY_CODE
from numberdesk.core.interventions import KEYED_KINDS, InterventionKind
from numberdesk.core.invariants import differing
from numberdesk.core.lifecycle import NumberState, OrderOrigin, OrderState
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.tables import idempotency_records, keyed_requests, numbers, orders, rentals, transfers
from numberdesk.verify.engine import in_key_order, json_check, rule

RELEASE: Final = "release"
"""The request by which a rental ends; the others are kinds of transfers."""

_PREFIX: Final = len("ord_") + 1

_CLAIMED: Final = (
    select(
        numbers.c.e164,
        numbers.c.account_id,
        numbers.c.order_id,
        numbers.c.carrier,
        orders.c.state.label("order_state"),
        orders.c.carrier.label("order_carrier"),
        orders.c.e164.label("order_e164"),
        orders.c.account_id.label("order_account"),
    )
    .select_from(numbers.outerjoin(orders, orders.c.id == numbers.c.order_id))
    .where(
        in_key_order(numbers.c.e164),
        numbers.c.state == NumberState.CLAIMED,
        or_(
            orders.c.state.is_distinct_from(OrderState.ORDERING),
            orders.c.e164 != numbers.c.e164,
            orders.c.account_id.is_distinct_from(numbers.c.account_id),
            orders.c.carrier != numbers.c.carrier,
        ),
    )
)


def _says_claimed(row: Any) -> str:
    if row.order_state is None:
        return f"the number is claimed by the order {row.order_id}, which does not exist"
    return f"the number is claimed; of its order {row.order_id} " + differing(
        ("state", row.order_state, OrderState.ORDERING),
        ("number", row.order_e164, row.e164),
        ("account", row.order_account, row.account_id),
        ("carrier", row.order_carrier, row.carrier),
    )


# Of two open orders for a number, the number names at most one.
_OPEN: Final = (
    select(orders.c.id, orders.c.e164, numbers.c.state.label("number_state"), numbers.c.order_id)
    .select_from(orders.outerjoin(numbers, numbers.c.e164 == orders.c.e164))
    .where(
        orders.c.state == "ordering",
        or_(
            numbers.c.state.is_distinct_from(NumberState.CLAIMED),
            numbers.c.order_id.is_distinct_from(orders.c.id),
        ),
    )
)


def _says_open(row: Any) -> str:
    return f"the order is open; of its number {row.e164} " + differing(
        ("state", row.number_state, NumberState.CLAIMED), ("order", row.order_id, row.id)
    )


# A rental's id follows from its order's, so an order cannot have two (verify/numbers.py checks the ids).
_UNRENTED: Final = (
    select(orders.c.id, orders.c.e164)
    .select_from(orders.outerjoin(rentals, rentals.c.id == "rnt_" + func.substr(orders.c.id, _PREFIX)))
    .where(in_key_order(orders.c.id), orders.c.state == OrderState.COMPLETED, rentals.c.id.is_(None))
)


def _says_unrented(row: Any) -> str:
    return f"the order for {row.e164} is completed and made no rental"


_DAY: Final = 86_400 * MICROSECONDS
_SHORTEST_MONTH, _LONGEST_MONTH = 28 * _DAY, 31 * _DAY
_first_month = orders.c.renews_at - orders.c.completed_at
_ENDLESS: Final = select(orders.c.id, orders.c.completed_at, orders.c.renews_at).where(
    in_key_order(orders.c.id),
    orders.c.state == OrderState.COMPLETED,
    orders.c.origin == OrderOrigin.PURCHASE,
    orders.c.term == "",
    or_(_first_month < _SHORTEST_MONTH, _first_month > _LONGEST_MONTH),
)


def _says_endless(row: Any) -> str:
    return (
        f"the order was completed at {iso_seconds(row.completed_at)} and paid one month; it renews at "
        f"{row.renews_at}, which is {(row.renews_at - row.completed_at) // _DAY} days later"
    )


_DETAILS: Final = (idempotency_records.c.account_id, idempotency_records.c.key)

_ANSWERS: Final = (
    select(
        (idempotency_records.c.account_id + " " + idempotency_records.c.key).label("row"),
        idempotency_records.c.account_id,
        idempotency_records.c.e164,
        idempotency_records.c.order_id,
        idempotency_records.c.error_code,
        orders.c.account_id.label("order_account"),
        orders.c.e164.label("order_e164"),
    )
    .select_from(idempotency_records.outerjoin(orders, orders.c.id == idempotency_records.c.order_id))
    .where(
        in_key_order(idempotency_records.c.account_id),
        or_(
            idempotency_records.c.order_id.is_(None) == idempotency_records.c.error_code.is_(None),
            and_(
                idempotency_records.c.order_id.is_not(None),
                or_(
                    orders.c.account_id.is_distinct_from(idempotency_records.c.account_id),
                    orders.c.e164.is_distinct_from(idempotency_records.c.e164),
                ),
            ),
            and_(
                idempotency_records.c.error_code.is_not(None),
                or_(
                    idempotency_records.c.error_code.not_in(sorted(BY_CODE)),
                    idempotency_records.c.error_message.is_(None),
                    idempotency_records.c.error_details.is_(None),
                ),
            ),
        ),
    )
)


def _says_answer(row: Any) -> str:
    if row.order_id is None and row.error_code is None:
        return "the answer is neither an order nor a refusal"
    if row.order_id is not None and row.error_code is not None:
        return f"the answer is both the order {row.order_id} and the refusal {row.error_code}"
    if row.error_code is not None:
        known = row.error_code in BY_CODE
        return f"the refusal {row.error_code} " + ("lacks its message or details" if known else "is none that exists")
    if row.order_account is None:
        return f"the answer is the order {row.order_id}, which does not exist"
    return f"the answer is the order {row.order_id}, whose " + differing(
        ("account", row.order_account, row.account_id), ("number", row.order_e164, row.e164)
    )


_RELEASES: Final = (RELEASE, f"{RELEASE} in vain")
"""Those that ended a rental, and those that found it ended."""

_about_release = or_(
    keyed_requests.c.content.contains('"' + rentals.c.e164 + '"'),
    keyed_requests.c.content.contains('"' + rentals.c.id + '"'),
)
_HANDS: Final = tuple(kind.value for kind in KEYED_KINDS)
"""What operators did with rented numbers."""

_about_hands = and_(
    keyed_requests.c.content.contains('"phone_number": "' + rentals.c.e164 + '"'),
    or_(
        keyed_requests.c.request.not_in((InterventionKind.ASSIGN.value, InterventionKind.TRANSFER.value)),
        keyed_requests.c.content.contains('"account_id": "' + rentals.c.account_id + '"'),
    ),
)
_about_movement = keyed_requests.c.content.contains('"account": "' + transfers.c.account_id + '"')
_KEYED: Final = (
    select(
        (keyed_requests.c.account_id + " " + keyed_requests.c.request + " " + keyed_requests.c.key).label("row"),
        keyed_requests.c.request,
        keyed_requests.c.outcome_id,
        rentals.c.account_id.label("rental_account"),
        transfers.c.kind.label("transfer_kind"),
    )
    .select_from(
        keyed_requests.outerjoin(rentals, rentals.c.id == keyed_requests.c.outcome_id).outerjoin(
            transfers, transfers.c.id == keyed_requests.c.outcome_id
        )
    )
    .where(
        case(
            (
                keyed_requests.c.request.in_(_RELEASES),
                and_(rentals.c.account_id == keyed_requests.c.account_id, _about_release),
            ),
            (keyed_requests.c.request.in_(_HANDS), and_(rentals.c.id.is_not(None), _about_hands)),
            else_=and_(transfers.c.kind == keyed_requests.c.request, _about_movement),
        ).is_not(true())
    )
)


def _says_keyed(row: Any) -> str:
    if row.request in _RELEASES and row.rental_account is None:
        return f"the release ended {row.outcome_id}, which is no rental"
    if row.request in _RELEASES:
        return f"the release ended {row.outcome_id}, a rental of {row.rental_account}, or of another number"
    if row.request in _HANDS:
        return f"the {row.request} was answered with {row.outcome_id}, which is no rental of its number and account"
    if row.transfer_kind is None:
        return f"the {row.request} wrote {row.outcome_id}, which is no transfer"
    return f"the {row.request} wrote {row.outcome_id}, which is a {row.transfer_kind}, or of another account"


def are_details(content: object) -> bool:
    """Whether values by their names are what was decoded."""
    return isinstance(content, dict)


CHECKS: Final = (
    rule("I5", "every claimed number has its open order", numbers, _CLAIMED, _says_claimed),
    rule("I5", "every open order has its number to itself", orders, _OPEN, _says_open),
    rule("I5", "every completed order made its rental", orders, _UNRENTED, _says_unrented),
    rule("I6", "every completed order renews a month after it was completed", orders, _ENDLESS, _says_endless),
    rule(
        "I9",
        "every stored answer is an order of its account and number, or a refusal",
        idempotency_records,
        _ANSWERS,
        _says_answer,
    ),
    rule("I9", "every request kept under a key did what it said", keyed_requests, _KEYED, _says_keyed),
    json_check(
        "I9",
        "the details of every stored refusal can be read",
        idempotency_records,
        _DETAILS,
        idempotency_records.c.error_details,
        are_details,
    ),
)
