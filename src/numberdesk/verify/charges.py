"""What orders charge: a completed one its month and its setup, any other nothing.

Touches: transfers, orders.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select

from numberdesk.core.invariants import MOST_SHOWN, Checked, Violation, amount, differing, or_unexplained
from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE
from numberdesk.tables import orders, transfers
from numberdesk.verify.engine import broken_rows, in_key_order

CHARGED: Final = "every completed order charged its month and its setup once, no other order anything"

_month, _setup = transfers.alias("month"), transfers.alias("setup_charge")
_PREFIX: Final = len("ord_") + 1


def _charge_id(kind: str) -> ColumnElement[str]:
    """The id that the one charge of a kind has: it follows from the order's (flows/purchase/open_orders.py)."""
    return "trf_" + func.substr(orders.c.id, _PREFIX) + f"_{kind}"


def _fits(charge: Any, kind: str, price: Any) -> ColumnElement[bool]:
    return and_(
        charge.c.order_id == orders.c.id,
        charge.c.account_id == orders.c.account_id,
        charge.c.kind == kind,
        charge.c.credit == REVENUE[kind],
        charge.c.amount == price,
        charge.c.currency == orders.c.currency,
    )


_done = and_(orders.c.state == OrderState.COMPLETED, orders.c.origin == OrderOrigin.PURCHASE)
_month_right = case((_done, _fits(_month, "rental", orders.c.price)), else_=_month.c.id.is_(None))
_setup_right = case(
    (and_(_done, orders.c.setup > 0), _fits(_setup, "setup", orders.c.setup)), else_=_setup.c.id.is_(None)
)
_right = case((and_(_month_right, _setup_right), 1), else_=0)
_with_charges = orders.outerjoin(_month, _month.c.id == _charge_id("rental")).outerjoin(
    _setup, _setup.c.id == _charge_id("setup")
)
_PASS: Final = (
    select(
        func.count().label("orders"),
        func.coalesce(func.sum(_right), 0).label("right"),
        (func.count(_month.c.order_id) + func.count(_setup.c.order_id)).label("charges"),
    )
    .select_from(_with_charges)
    .where(in_key_order(orders.c.id))
)
_COMPARED: Final = ("id", "order_id", "account_id", "credit", "amount", "currency")
_WRONG: Final = (
    select(
        *(orders.c[name] for name in ("id", "state", "account_id", "price", "setup", "currency")),
        *(_month.c[name].label(f"rental_{name}") for name in _COMPARED),
        *(_setup.c[name].label(f"setup_{name}") for name in _COMPARED),
        case((_month_right, 1), else_=0).label("month_right"),
    )
    .select_from(_with_charges)
    .where(in_key_order(orders.c.id), _right == 0)
)
# A transfer that names an order and does not have the id of one of its charges.
_MORE: Final = (
    select(transfers.c.id, transfers.c.order_id, transfers.c.amount, orders.c.state)
    .select_from(transfers.outerjoin(orders, orders.c.id == transfers.c.order_id))
    .where(
        in_key_order(transfers.c.id),
        transfers.c.order_id.is_not(None),
        or_(orders.c.id.is_(None), not_(transfers.c.id.in_((_charge_id("rental"), _charge_id("setup"))))),
    )
)


def check_charges(tx: Tx, of_orders: int) -> list[Checked]:
    """I6 as far as it applies. `of_orders` is how many transfers name an order.

    Every charge is met from its order, so when as many were met as there are, none is left over.
    """
    seen = tx.execute(_PASS).one()
    wrong, shown = (0, ()) if seen.right == seen.orders else broken_rows(tx, _WRONG)
    more, shown_more = (0, ()) if seen.charges == of_orders else broken_rows(tx, _MORE)
    violations = [_violation(row) for row in shown]
    violations += [Violation("I6", "transfers", row.id, _says_more(row)) for row in shown_more]
    checked = Checked("I6", CHARGED, seen.orders, wrong + more, tuple(violations[:MOST_SHOWN]))
    met_all = seen.right == seen.orders and seen.charges == of_orders
    return [checked if met_all else or_unexplained(checked, "transfers")]


def _violation(row: Any) -> Violation:
    """The charge that is wrong, or the order that lacks one."""
    kind, price = ("setup", row.setup) if row.month_right else ("rental", row.price)
    charge = {name: getattr(row, f"{kind}_{name}") for name in _COMPARED}
    if charge["id"] is None:
        message = f"the order is {row.state} and its {kind} of {amount(price)} {row.currency} was not charged"
        return Violation("I6", "orders", row.id, message)
    if row.state != OrderState.COMPLETED or not price:
        message = f"it moves {amount(charge['amount'])} for {row.id}, which is {row.state} and owes no {kind}"
        return Violation("I6", "transfers", charge["id"], message)
    differs = differing(
        ("amount", amount(charge["amount"]), amount(price)),
        ("currency", charge["currency"], row.currency),
        ("order", charge["order_id"], row.id),
        ("account", charge["account_id"], row.account_id),
        ("credit", charge["credit"], REVENUE[kind]),
    )
    return Violation(
        "I6", "transfers", charge["id"], f"as the {kind} charge of {row.id}, its {differs or 'kind differs'}"
    )


def _says_more(row: Any) -> str:
    if row.state is None:
        return f"it moves {amount(row.amount)} for the order {row.order_id}, which does not exist"
    return f"it moves {amount(row.amount)} for {row.order_id}, which is {row.state}, beside that order's own charges"
