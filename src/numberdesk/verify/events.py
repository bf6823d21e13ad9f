"""What must hold of events: one for each business change, none without it.

Touches: events, orders, rentals.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select

from numberdesk.core.invariants import differing
from numberdesk.core.lifecycle import OrderState
from numberdesk.outbox.model import NUMBER_PURCHASED, NUMBER_RELEASED, ORDER_FAILED
from numberdesk.tables import events, orders, rentals
from numberdesk.verify.engine import in_key_order, rule

_SUFFIX: Final = len("ord_") + 1
_PURCHASED_PREFIX: Final = "evt_"
_RELEASED_PREFIX: Final = "evt_rel_"
_FAILED_PREFIX: Final = "evt_fail_"

_UNTOLD_PURCHASES: Final = (
    select(orders.c.id, orders.c.e164, events.c.kind)
    .select_from(orders.outerjoin(events, events.c.id == _PURCHASED_PREFIX + func.substr(orders.c.id, _SUFFIX)))
    .where(
        in_key_order(orders.c.id),
        orders.c.state == OrderState.COMPLETED,
        events.c.kind.is_distinct_from(NUMBER_PURCHASED),
    )
)
_UNTOLD_FAILURES: Final = (
    select(orders.c.id, orders.c.e164, events.c.kind)
    .select_from(orders.outerjoin(events, events.c.id == _FAILED_PREFIX + func.substr(orders.c.id, _SUFFIX)))
    .where(
        in_key_order(orders.c.id),
        orders.c.state == OrderState.FAILED,
        events.c.kind.is_distinct_from(ORDER_FAILED),
    )
)
_UNTOLD_RELEASES: Final = (
    select(rentals.c.id, rentals.c.e164, events.c.kind)
    .select_from(rentals.outerjoin(events, events.c.id == _RELEASED_PREFIX + func.substr(rentals.c.id, _SUFFIX)))
    .where(
        in_key_order(rentals.c.id),
        rentals.c.released_at.is_not(None),
        events.c.kind.is_distinct_from(NUMBER_RELEASED),
    )
)


def _says_untold(row: Any) -> str:
    there = "" if row.kind is None else f": the event in its place is {row.kind}"
    return f"no event tells of {row.e164}{there}"


# The order or rental that an event tells of follows from its id; ids are unique, so none is told twice.
_order_id = case(
    (events.c.kind == NUMBER_PURCHASED, "ord_" + func.substr(events.c.id, len(_PURCHASED_PREFIX) + 1)),
    (events.c.kind == ORDER_FAILED, "ord_" + func.substr(events.c.id, len(_FAILED_PREFIX) + 1)),
    else_="",
)
_told_state = case((events.c.kind == ORDER_FAILED, OrderState.FAILED.value), else_=OrderState.COMPLETED.value)
_rental_id = case(
    (events.c.kind == NUMBER_RELEASED, "rnt_" + func.substr(events.c.id, len(_RELEASED_PREFIX) + 1)), else_=""
)
_account = func.coalesce(orders.c.account_id, rentals.c.account_id)


def _tells(of: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether this stands in the payload between quotes: no engine need read JSON, which may be damaged."""
    return events.c.payload.contains('"' + of + '"')  # an underline of an id stands for any sign, which does no harm


_tells_all = and_(
    _tells(func.coalesce(orders.c.e164, rentals.c.e164)), _tells(func.coalesce(orders.c.id, rentals.c.id))
)
_UNFOUNDED: Final = (
    select(
        events.c.id,
        events.c.kind,
        events.c.account_id,
        orders.c.id.label("order_id"),
        orders.c.state.label("order_state"),
        rentals.c.id.label("rental_id"),
        rentals.c.state.label("rental_state"),
        _account.label("its_account"),
        case((_tells_all, 1), else_=0).label("tells_all"),
    )
    .select_from(events.outerjoin(orders, orders.c.id == _order_id).outerjoin(rentals, rentals.c.id == _rental_id))
    .where(
        in_key_order(events.c.id),
        or_(
            _account.is_distinct_from(events.c.account_id),
            orders.c.state != _told_state,
            (rentals.c.id.is_not(None)) & (rentals.c.released_at.is_(None)),
            not_(_tells_all),
        ),
    )
)


def _says_unfounded(row: Any) -> str:
    source, state = (row.order_id, row.order_state) if row.order_id is not None else (row.rental_id, row.rental_state)
    if source is None:
        return f"the event {row.kind} tells of nothing that exists"
    differs = differing(("account", row.account_id, row.its_account))
    says = f"the event {row.kind} tells of {source}, which is {state}" + (f"; its {differs}" if differs else "")
    return says if row.tells_all else says + f"; its payload does not name {source} and the number"


CHECKS: Final = (
    rule("I13", "every completed order is told by one event", orders, _UNTOLD_PURCHASES, _says_untold),
    rule("I13", "every failed order is told by one event", orders, _UNTOLD_FAILURES, _says_untold),
    rule("I13", "every released rental is told by one event", rentals, _UNTOLD_RELEASES, _says_untold),
    rule("I13", "every event tells of a change that was made", events, _UNFOUNDED, _says_unfounded),
)
