"""The SQL of receivables: what accounts owe for calls that their wallets did not cover.

Touches: receivables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select

from numberdesk.core.call_charging import Receivable
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import receivables

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
