"""What must hold of caps on spending and of balances that are watched.

Touches: api_keys, balance_alerts, orders, spend_caps, wallets.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, or_, select

from numberdesk.core.invariants import amount
from numberdesk.tables import api_keys, balance_alerts, orders, spend_caps, wallets
from numberdesk.verify.engine import Check, in_key_order, rule

_balance = wallets.c.posted - wallets.c.held
_told = (
    select(balance_alerts.c.account_id, func.count().label("told"))
    .group_by(balance_alerts.c.account_id)
    .subquery("told")
)
_count = func.coalesce(_told.c.told, 0)
_WATCHED: Final = (
    select(
        wallets.c.account_id,
        wallets.c.alert_below,
        wallets.c.alerted_at,
        wallets.c.alerts,
        _balance.label("balance"),
        _count.label("told"),
    )
    .select_from(wallets.outerjoin(_told, _told.c.account_id == wallets.c.account_id))
    .where(
        or_(
            and_(wallets.c.alert_below.is_(None), wallets.c.alerted_at.is_not(None)),
            and_(_balance < wallets.c.alert_below, wallets.c.alerted_at.is_(None)),
            and_(_balance >= wallets.c.alert_below, wallets.c.alerted_at.is_not(None)),
            wallets.c.alerts != _count,
        )
    )
)


def _says_watched(row: Any) -> str:
    if row.alerts != row.told:
        return f"it fell low {row.alerts} times, and {row.told} alerts are kept"
    below = "nothing is low" if row.alert_below is None else f"below {amount(row.alert_below)} is low"
    said = "not told of" if row.alerted_at is None else "told of"
    return f"its balance is {amount(row.balance)} and {below}, which is {said}"


_CAPPED: Final = (
    select(spend_caps.c.owner_id, spend_caps.c.account_id, wallets.c.capped, api_keys.c.account_id.label("key_of"))
    .select_from(
        spend_caps.outerjoin(wallets, wallets.c.account_id == spend_caps.c.account_id).outerjoin(
            api_keys, api_keys.c.id == spend_caps.c.owner_id
        )
    )
    .where(
        or_(
            wallets.c.capped.is_distinct_from(1),
            and_(spend_caps.c.owner_id != spend_caps.c.account_id, api_keys.c.account_id.is_(None)),
            api_keys.c.account_id != spend_caps.c.account_id,
        )
    )
)


def _says_capped(row: Any) -> str:
    if row.capped != 1:
        return f"it is capped, and purchases of {row.account_id} look at no caps"
    return f"it is capped for {row.account_id}, and is neither that nor one of its keys"


_COUNTED: Final = select(orders.c.id, orders.c.created_at, orders.c.counted_at).where(
    in_key_order(orders.c.id), orders.c.counted_at.is_not(None), orders.c.counted_at != orders.c.created_at
)


def _says_counted(row: Any) -> str:
    return f"it counts towards caps from {row.counted_at} on, and was made at {row.created_at}"


CHECKS: Final[tuple[Check, ...]] = (
    rule("I18", "every low balance is told of, and no other", wallets, _WATCHED, _says_watched),
    rule("I18", "purchases of whoever is capped look at caps", spend_caps, _CAPPED, _says_capped),
    rule("I18", "orders count towards caps from when they were made", orders, _COUNTED, _says_counted),
)
