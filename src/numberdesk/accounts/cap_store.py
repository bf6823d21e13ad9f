"""The SQL of caps on what accounts and their keys may spend.

Touches: spend_caps.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, func, select

from numberdesk.core.spending import SpendCaps
from numberdesk.infra.db import Tx
from numberdesk.tables import spend_caps


def find_caps(tx: Tx, account_ids: Iterable[str]) -> dict[str, SpendCaps]:
    """The caps of accounts and of all their keys, by the id of the account or key."""
    return _found(tx, spend_caps.c.account_id.in_(sorted(set(account_ids))))


def find_caps_of(tx: Tx, owner_ids: Iterable[str]) -> dict[str, SpendCaps]:
    """The caps of certain accounts or keys, by their ids; what has none is left out."""
    return _found(tx, spend_caps.c.owner_id.in_(sorted(set(owner_ids))))


def _found(tx: Tx, condition: ColumnElement[bool]) -> dict[str, SpendCaps]:
    rows = tx.execute(select(spend_caps).where(condition))
    return {row.owner_id: SpendCaps(row.per_purchase, row.per_day, row.per_month) for row in rows}


def save_caps(tx: Tx, owner_id: str, account_id: str, caps: SpendCaps, now: int) -> int:
    """Set the caps of an account or key, or take them away where there are none; how many of the account have some.

    The account's wallet is locked.
    """
    tx.execute(delete(spend_caps).where(spend_caps.c.owner_id == owner_id))
    if not caps.is_none:
        row = {"owner_id": owner_id, "account_id": account_id, **caps._asdict(), "updated_at": now}
        tx.execute(spend_caps.insert(), [row])
    mine = select(func.count()).where(spend_caps.c.account_id == account_id)
    return int(tx.execute(mine).scalar_one())
