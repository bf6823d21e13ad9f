"""What must hold between numbers, rentals and the orders that made them.

Touches: numbers, rentals, orders, rent_prices, carrier_releases, interventions.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from numberdesk.core.interventions import InterventionKind
from numberdesk.core.invariants import amount, differing
from numberdesk.core.lifecycle import NumberState, OrderOrigin, OrderState
from numberdesk.core.purchase import POOL
from numberdesk.tables import carrier_releases, interventions, numbers, orders, rent_prices, rentals
from numberdesk.verify.engine import in_key_order, json_check, rule

_PREFIX: Final = len("ord_") + 1

_ASSIGNED: Final = (
    select(
        numbers.c.e164,
        numbers.c.account_id,
        numbers.c.order_id,
        numbers.c.carrier,
        rentals.c.id.label("rental_id"),
        rentals.c.account_id.label("rental_account"),
        rentals.c.order_id.label("rental_order"),
        orders.c.carrier.label("order_carrier"),
    )
    .select_from(
        numbers.outerjoin(rentals, (rentals.c.e164 == numbers.c.e164) & rentals.c.released_at.is_(None)).outerjoin(
            orders, orders.c.id == numbers.c.order_id
        )
    )
    .where(
        in_key_order(numbers.c.e164),
        numbers.c.state == NumberState.ASSIGNED,
        or_(
            rentals.c.id.is_(None),
            rentals.c.account_id.is_distinct_from(numbers.c.account_id),
            rentals.c.order_id.is_distinct_from(numbers.c.order_id),
            # Where it goes when it is given back is decided by the number's carrier.
            orders.c.carrier.is_distinct_from(numbers.c.carrier),
        ),
    )
)


def _says_assigned(row: Any) -> str:
    if row.rental_id is None:
        return f"the number is assigned to {row.account_id} and has no live rental"
    differs = differing(("account", row.account_id, row.rental_account), ("order", row.order_id, row.rental_order))
    if differs:
        return f"the number is assigned; against its live rental {row.rental_id} its {differs}"
    return f"the number is assigned; against its order {row.order_id} its " + differing(
        ("carrier", row.carrier, row.order_carrier)
    )


# Of two live rentals of a number, at least one has another order than the number, or an id that
# does not follow from its order's: no check of its own is needed for "not two".
_LIVE: Final = (
    select(
        rentals.c.id,
        rentals.c.e164,
        rentals.c.account_id,
        rentals.c.order_id,
        numbers.c.state,
        numbers.c.account_id.label("number_account"),
        numbers.c.order_id.label("number_order"),
    )
    .select_from(rentals.outerjoin(numbers, numbers.c.e164 == rentals.c.e164))
    .where(
        in_key_order(rentals.c.id),
        rentals.c.released_at.is_(None),
        or_(
            numbers.c.state.is_distinct_from(NumberState.ASSIGNED),
            numbers.c.account_id.is_distinct_from(rentals.c.account_id),
            numbers.c.order_id.is_distinct_from(rentals.c.order_id),
        ),
    )
)


def _says_live(row: Any) -> str:
    if row.state is None:
        return f"the rental is live and its number {row.e164} does not exist"
    return f"the rental is live; of its number {row.e164} " + differing(
        ("state", row.state, NumberState.ASSIGNED),
        ("account", row.number_account, row.account_id),
        ("order", row.number_order, row.order_id),
    )


_HELD: Final = select(numbers.c.e164, numbers.c.state, numbers.c.account_id, numbers.c.order_id).where(
    numbers.c.state.not_in((NumberState.CLAIMED, NumberState.ASSIGNED)),
    or_(numbers.c.account_id.is_not(None), numbers.c.order_id.is_not(None)),
)


def _says_held(row: Any) -> str:
    return f"the number is {row.state} and still held by {row.account_id} with order {row.order_id}"


_SOLD: Final = ("e164", "account_id", "currency")
_PRICED: Final = ("price", "inbound", "outbound")
# The last prices that were announced and have begun, else those that it was sold at.
_latest = rent_prices.alias("latest")
_announced = (
    select(func.max(rent_prices.c.from_period))
    .where(
        rent_prices.c.account_id == rentals.c.account_id,
        rent_prices.c.rental_id == rentals.c.id,
        rent_prices.c.from_period <= rentals.c.period,
    )
    .correlate(rentals)
    .scalar_subquery()
)
_has_begun = and_(
    _latest.c.account_id == rentals.c.account_id,
    _latest.c.rental_id == rentals.c.id,
    rentals.c.period > 0,
    _latest.c.from_period == _announced,
)


def _agreed(name: str) -> ColumnElement[Any]:
    return case((_latest.c.id.is_not(None), _latest.c[name]), else_=orders.c[name])


# Where it was bought or assigned, the first period begins when the order completes; what goes on keeps its anchor. When
# later ones begin, verify/rent.py looks at.
_OF_ORDER: Final = (
    select(
        rentals.c.id,
        rentals.c.order_id,
        *(rentals.c[name] for name in (*_SOLD, *_PRICED)),
        rentals.c.anchor,
        rentals.c.created_at,
        orders.c.from_rental_id,
        rentals.c.renews_at,
        orders.c.state.label("order_state"),
        orders.c.completed_at,
        orders.c.renews_at.label("order_renews_at"),
        *(orders.c[name].label(f"order_{name}") for name in _SOLD),
        *(_agreed(name).label(f"order_{name}") for name in _PRICED),
    )
    .select_from(rentals.outerjoin(orders, orders.c.id == rentals.c.order_id).outerjoin(_latest, _has_begun))
    .where(
        in_key_order(rentals.c.id),
        or_(
            orders.c.state.is_distinct_from(OrderState.COMPLETED),
            rentals.c.id != "rnt_" + func.substr(rentals.c.order_id, _PREFIX),
            rentals.c.created_at.is_distinct_from(orders.c.completed_at),
            and_(
                orders.c.from_rental_id.is_(None),
                orders.c.origin != OrderOrigin.ADOPTION,
                rentals.c.anchor.is_distinct_from(orders.c.completed_at),
            ),
            and_(rentals.c.period == 0, rentals.c.renews_at.is_distinct_from(orders.c.renews_at)),
            *(rentals.c[name].is_distinct_from(orders.c[name]) for name in _SOLD),
            *(rentals.c[name].is_distinct_from(_agreed(name)) for name in _PRICED),
        ),
    )
)


def _says_of_order(row: Any) -> str:
    if row.order_state != OrderState.COMPLETED:
        return f"its order {row.order_id} " + (f"is {row.order_state}" if row.order_state else "does not exist")
    differs = differing(
        ("number", row.e164, row.order_e164),
        ("account", row.account_id, row.order_account_id),
        ("currency", row.currency, row.order_currency),
        ("price", amount(row.price), amount(row.order_price)),
        ("rate inbound", row.inbound, row.order_inbound),
        ("rate outbound", row.outbound, row.order_outbound),
        ("anchor", row.anchor, row.completed_at if row.from_rental_id is None else row.anchor),
        ("begin", row.created_at, row.completed_at),
        ("renews_at", row.renews_at, row.order_renews_at),
    )
    if differs:
        return f"against its order {row.order_id} the rental's {differs}"
    return f"{row.order_id} makes the rental rnt_{row.order_id.removeprefix('ord_')} and no other"


# What went on by a transfer or a restoration. Its number is not on its way back.
_following = orders.alias("following")
# A number of the pool stays the pool's and a carrier's never becomes it, or it would be sold again after it went back.
_KEPT: Final = (
    select(rentals.c.id, rentals.c.e164, orders.c.carrier, carrier_releases.c.id.label("release_id"))
    .select_from(
        rentals.join(orders, orders.c.id == rentals.c.order_id)
        .outerjoin(
            carrier_releases,
            (carrier_releases.c.id == "rel_" + func.substr(rentals.c.id, _PREFIX))
            & (carrier_releases.c.carrier == orders.c.carrier)
            & (carrier_releases.c.e164 == rentals.c.e164),
        )
        .outerjoin(numbers, numbers.c.e164 == rentals.c.e164)
    )
    .where(
        in_key_order(rentals.c.id),
        rentals.c.released_at.is_not(None),
        orders.c.carrier != POOL,
        ~exists().where(_following.c.from_rental_id == rentals.c.id),
        # Of an adoption that was undone the carrier is told nothing: the number is its account's, as it was.
        ~exists().where(
            interventions.c.rental_id == rentals.c.id, interventions.c.kind == InterventionKind.UNDO_ADOPTION
        ),
        or_(carrier_releases.c.id.is_(None), numbers.c.carrier == POOL),
    )
)


def _says_kept(row: Any) -> str:
    if row.release_id is None:
        return f"its customer gave {row.e164} back, and {row.carrier} is not told"
    return f"its customer gave {row.e164} back to {row.carrier}, and it is kept as if it were the pool's"


_GOING: Final = (
    select(
        carrier_releases.c.id,
        carrier_releases.c.e164,
        carrier_releases.c.carrier,
        numbers.c.state,
        numbers.c.account_id,
    )
    .select_from(carrier_releases.join(numbers, numbers.c.e164 == carrier_releases.c.e164))
    .where(
        carrier_releases.c.confirmed_at.is_(None),
        numbers.c.carrier == carrier_releases.c.carrier,
        numbers.c.state.in_((NumberState.CLAIMED, NumberState.ASSIGNED)),
    )
)


def _says_going(row: Any) -> str:
    return f"{row.e164} is to be given back to {row.carrier}, and it is {row.state}, by {row.account_id}"


_FOREIGN: Final = select(numbers.c.e164, numbers.c.carrier).where(
    numbers.c.state == NumberState.AVAILABLE, numbers.c.carrier != POOL
)


def _says_foreign(row: Any) -> str:
    return f"the number is for sale out of the books, and it is {row.carrier}'s"


def are_tags(content: object) -> bool:
    """Whether a list of texts is what was decoded."""
    return isinstance(content, list) and all(isinstance(tag, str) for tag in content)


CHECKS: Final = (
    rule(
        "I5", "every assigned number has one live rental, of its account and order", numbers, _ASSIGNED, _says_assigned
    ),
    rule("I5", "every live rental has its number to itself", rentals, _LIVE, _says_live),
    rule("I5", "nobody holds a number that is not claimed or assigned", numbers, _HELD, _says_held),
    rule("I5", "every rental is what its completed order sold", rentals, _OF_ORDER, _says_of_order),
    rule("I7", "every number given back goes back to its carrier", rentals, _KEPT, _says_kept),
    rule("I7", "no number that somebody has is on its way back to its carrier", carrier_releases, _GOING, _says_going),
    json_check(
        "I5", "the tags of every rental are a list of texts", rentals, (rentals.c.id,), rentals.c.tags, are_tags
    ),
    rule("I7", "only numbers of the own pool are for sale out of the books", numbers, _FOREIGN, _says_foreign),
)
