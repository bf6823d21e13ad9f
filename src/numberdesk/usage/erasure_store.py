"""The SQL that erases the other parties of old calls and sessions, in the order in which they came.

Touches: call_erasures, calls, usage_sessions.

No index knows what is still to be erased, since every record would pay for it: a place says how far this has come.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, Table, select, text, update

from numberdesk.core.call_record import ERASED
from numberdesk.infra.db import Tx
from numberdesk.tables import call_erasures, calls, usage_sessions

_OLD: Final = {"calls": (calls, calls.c.received_at), "usage_sessions": (usage_sessions, usage_sessions.c.opened_at)}
_BEGIN: Final = text("INSERT INTO call_erasures (kind, after_id) VALUES (:kind, '') ON CONFLICT DO NOTHING")


def erase_others(tx: Tx, before: int, limit: int) -> int:
    """Erase the other parties of calls and sessions that came before an instant; at most `limit` of each are looked at.

    Return the most that were looked at of one of them.
    """
    return max(_erase(tx, kind, before, limit) for kind in _OLD)


def _erase(tx: Tx, kind: str, before: int, limit: int) -> int:
    tx.execute(_BEGIN, {"kind": kind})
    place = select(call_erasures.c.after_id).where(call_erasures.c.kind == kind).with_for_update()
    after = str(tx.execute(place).scalar_one())
    table, came_at = _OLD[kind]
    query: Select[Any] = select(table.c.id, came_at.label("came_at")).where(table.c.id > after)
    old: list[str] = []
    for row in tx.execute(query.order_by(table.c.id).limit(limit)):
        if row.came_at >= before:
            break
        old.append(row.id)
    if old:
        _erase_rows(tx, table, after, old[-1])
        tx.execute(update(call_erasures).where(call_erasures.c.kind == kind).values(after_id=old[-1]))
    return len(old)


def _erase_rows(tx: Tx, table: Table, after: str, last: str) -> None:
    given = table.c.other.not_in(("", ERASED))
    tx.execute(update(table).where(table.c.id > after, table.c.id <= last, given).values(other=ERASED))
