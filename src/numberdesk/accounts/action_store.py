"""The SQL of what operators did.

Touches: actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from numberdesk.core.actions import Action, ActionKind
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import actions

_COLUMNS: Final = [actions.c[name] for name in Action._fields]
_INSERT: Final = InsertRows(actions, Action._fields)


def insert_actions(tx: Tx, new: Sequence[Action]) -> None:
    """Record what was done."""
    _INSERT.run(tx, [(*one[:3], one.kind.value, *one[4:]) for one in new])


def list_actions(tx: Tx, *, e164: str | None = None, before_id: str | None = None, limit: int) -> list[Action]:
    """What was done, the latest first: of all numbers, or of one."""
    query = select(*_COLUMNS)
    if e164 is not None:
        query = query.where(actions.c.e164 == e164)
    if before_id is not None:
        query = query.where(actions.c.id < before_id)
    rows = tx.execute(query.order_by(actions.c.id.desc()).limit(limit))
    return [Action._make(row)._replace(kind=ActionKind(row.kind)) for row in rows]
