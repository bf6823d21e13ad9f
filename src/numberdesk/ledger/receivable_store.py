"""The SQL of receivables: what accounts owe for calls that their wallets did not cover.

Touches: receivables, accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select, update

from numberdesk.core.call_charging import Receivable
from numberdesk.core.lifecycle import AccountState
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import accounts, receivables

_COLUMNS: Final = [receivables.c[name] for name in Receivable._fields]
_UNPAID: Final = SelectSet(
    select(*_COLUMNS).where(in_set(receivables.c.account_id, "ids"), receivables.c.paid_at.is_(None)), "ids"
)
_INSERT_RECEIVABLES: Final = InsertRows(receivables, Receivable._fields)
_CHANGE_RECEIVABLES: Final = UpdateRows(receivables, "id", "owed", "paid_at")


def find_unpaid(tx: Tx, account_ids: Iterable[str]) -> dict[str, Receivable]:
    """What accounts owe. To change it, their wallets must be locked."""
    return {row.account_id: Receivable._make(row) for row in _UNPAID.run(tx, ids=account_ids)}


def insert_receivables(tx: Tx, new: Sequence[Receivable]) -> None:
    """Begin to owe."""
    _INSERT_RECEIVABLES.run(tx, new)


def change_receivables(tx: Tx, changed: Sequence[Receivable]) -> None:
    """Write what is owed after a change."""
    _CHANGE_RECEIVABLES.run(tx, [(one.id, one.owed, one.paid_at) for one in changed])


def find_overdue(tx: Tx, since: int, limit: int) -> list[Receivable]:
    """What active accounts have owed since an instant or longer, and were not suspended for; the oldest first."""
    query = (
        select(*_COLUMNS)
        .join(accounts, accounts.c.id == receivables.c.account_id)
        .where(
            receivables.c.paid_at.is_(None),
            receivables.c.suspended_at.is_(None),
            receivables.c.opened_at <= since,
            accounts.c.state == AccountState.ACTIVE.value,
            accounts.c.closed_at.is_(None),
        )
    )
    ordered = query.order_by(receivables.c.opened_at, receivables.c.id).limit(limit)
    return [Receivable._make(row) for row in tx.execute(ordered)]


def note_suspended(tx: Tx, ids: Sequence[str], now: int) -> None:
    """Keep that accounts were suspended for what they owe."""
    tx.execute(update(receivables).where(receivables.c.id.in_(ids)).values(suspended_at=now))
