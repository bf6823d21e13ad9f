"""What must hold of the books: wallets, transfers, holds.

Touches: accounts, wallets, credit_limit_changes, holds, orders, usage_sessions.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select

from numberdesk.core.invariants import amount, differing
from numberdesk.core.lifecycle import AccountKind, HoldState, OrderOrigin, OrderState
from numberdesk.tables import accounts, credit_limit_changes, holds, orders, usage_sessions, wallets
from numberdesk.verify.engine import Check, in_key_order, rule
from numberdesk.verify.statements import check_statements

_HOLD_STATES: Final = {
    OrderState.ORDERING: HoldState.OPEN,
    OrderState.COMPLETED: HoldState.CAPTURED,
    OrderState.FAILED: HoldState.VOIDED,
}

_WITHOUT_WALLET: Final = (
    select(accounts.c.id, accounts.c.currency, wallets.c.currency.label("wallet_currency"))
    .select_from(accounts.outerjoin(wallets, wallets.c.account_id == accounts.c.id))
    .where(
        or_(
            and_(wallets.c.account_id.is_(None), accounts.c.kind != AccountKind.OPERATOR.value),
            wallets.c.currency != accounts.c.currency,  # that of operators' accounts is none
        )
    )
)


def _says_wallet(row: Any) -> str:
    if row.wallet_currency is None:
        return "the account has no wallet"
    if not row.currency:
        return "an operators' account has a wallet"
    return f"the account pays in {row.currency}, its wallet is in {row.wallet_currency}"


_OVERDRAWN: Final = select(wallets.c.account_id, wallets.c.posted, wallets.c.held, wallets.c.credit_limit).where(
    wallets.c.posted - wallets.c.held < -wallets.c.credit_limit
)


def _says_overdrawn(row: Any) -> str:
    return f"posted {amount(row.posted)} less held {amount(row.held)} is below -{amount(row.credit_limit)}, its limit"


_open_holds = (
    select(holds.c.account_id, func.sum(holds.c.amount).label("amount"))
    .where(holds.c.state == "open")
    .group_by(holds.c.account_id)
    .subquery("open_holds")
)
_HELD: Final = (
    select(wallets.c.account_id, wallets.c.held, func.coalesce(_open_holds.c.amount, 0).label("open"))
    .select_from(wallets.outerjoin(_open_holds, _open_holds.c.account_id == wallets.c.account_id))
    .where(wallets.c.held != func.coalesce(_open_holds.c.amount, 0))
)


def _says_held(row: Any) -> str:
    return f"held is {amount(row.held)}, its open holds come to {amount(int(row.open))}"


_hold_state = case(*((orders.c.state == order.value, hold.value) for order, hold in _HOLD_STATES.items()))
_HOLDS: Final = (
    select(
        orders.c.id,
        orders.c.state,
        orders.c.origin,
        orders.c.account_id,
        (orders.c.price + orders.c.setup).label("total"),
        _hold_state.label("expected"),
        holds.c.state.label("hold_state"),
        holds.c.account_id.label("hold_account"),
        holds.c.amount,
    )
    .select_from(orders.outerjoin(holds, holds.c.owner_id == orders.c.id))
    .where(
        in_key_order(orders.c.id),
        or_(
            and_(orders.c.origin == OrderOrigin.PURCHASE, holds.c.state.is_distinct_from(_hold_state)),
            and_(orders.c.origin != OrderOrigin.PURCHASE, holds.c.state.is_not(None)),
            holds.c.amount != orders.c.price + orders.c.setup,
            holds.c.account_id != orders.c.account_id,
        ),
    )
)


def _says_hold(row: Any) -> str:
    if row.hold_state is None:
        return f"the order is {row.state} and has no hold"
    if row.origin != OrderOrigin.PURCHASE:
        return f"the order is of an {row.origin}, for which nothing is held, and has a hold"
    return f"the order is {row.state}; of its hold " + differing(
        ("state", row.hold_state, row.expected),
        ("amount", amount(row.amount), amount(row.total)),
        ("account", row.hold_account, row.account_id),
    )


_OWNERLESS: Final = (
    select(holds.c.owner_id, holds.c.amount)
    .select_from(
        holds.outerjoin(orders, orders.c.id == holds.c.owner_id).outerjoin(
            usage_sessions, usage_sessions.c.id == holds.c.owner_id
        )
    )
    .where(in_key_order(holds.c.owner_id), orders.c.id.is_(None), usage_sessions.c.id.is_(None))
)


def _says_ownerless(row: Any) -> str:
    return f"{amount(row.amount)} is held for {row.owner_id}, which is no order and no session"


_change, _next = credit_limit_changes, credit_limit_changes.alias("next")
_follows = and_(_next.c.account_id == _change.c.account_id, _next.c.change == _change.c.change + 1)
_then = func.coalesce(_next.c.before, wallets.c.credit_limit)
_LIMITS: Final = (
    select(_change.c.account_id, _change.c.change, _change.c.after, _change.c.entries, _then.label("then"))
    .select_from(_change.outerjoin(_next, _follows).join(wallets, wallets.c.account_id == _change.c.account_id))
    .where(
        or_(
            _change.c.after.is_distinct_from(_then),
            _change.c.entries > func.coalesce(_next.c.entries, wallets.c.entries),
        )
    )
)


def _says_limit(row: Any) -> str:
    return (
        f"the credit limit became {amount(row.after)} at entry {row.entries}, and after that it is {amount(row.then)}"
    )


CHECKS: Final = (
    rule(
        "I1",
        "every customer's account has a wallet in its currency, no operators' account has one",
        accounts,
        _WITHOUT_WALLET,
        _says_wallet,
    ),
    rule("I3", "every change of a credit limit leads to the next, or to the wallet's", _change, _LIMITS, _says_limit),
    rule("I3", "no wallet is overdrawn", wallets, _OVERDRAWN, _says_overdrawn),
    rule("I2", "every wallet holds what its open holds come to", wallets, _HELD, _says_held),
    Check("every transfer is sound, follows the one before and is what its order charges", check_statements),
    rule("hold", "every order has one hold, of its prices and in its state", orders, _HOLDS, _says_hold),
    rule("hold", "every hold is an order's or a session's", holds, _OWNERLESS, _says_ownerless),
)
