"""The SQL of charges that are taken back, and of the calls they were of.

Touches: calls, call_reversals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, tuple_

from numberdesk.core.call_charging import CallState, KeptCall
from numberdesk.core.call_reversal import CallReversal
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, UpdateRows
from numberdesk.tables import call_reversals, calls
from numberdesk.usage.store import CALL_COLUMNS, call_of

_INSERT_REVERSALS: Final = InsertRows(call_reversals, CallReversal._fields)
_CHANGE_SECONDS: Final = UpdateRows(calls, "id", "seconds")


def list_charged(
    tx: Tx, account_id: str, *, since: int, until: int, after: tuple[int, str] | None, limit: int
) -> list[KeptCall]:
    """Charged calls of an account, the earliest first: those that began from `since` to before `until`."""
    query = select(*CALL_COLUMNS).where(
        calls.c.account_id == account_id,
        calls.c.started_at >= since,
        calls.c.started_at < until,
        calls.c.state == CallState.CHARGED.value,
    )
    if after is not None:
        query = query.where(tuple_(calls.c.started_at, calls.c.id) > after)
    return [call_of(row) for row in tx.execute(query.order_by(calls.c.started_at, calls.c.id).limit(limit))]


def find_call(tx: Tx, call_id: str) -> KeptCall | None:
    """A call by its id here."""
    row = tx.execute(select(*CALL_COLUMNS).where(calls.c.id == call_id)).first()
    return None if row is None else call_of(row)


def insert_reversals(tx: Tx, new: Sequence[CallReversal]) -> None:
    """Keep what charges were that are taken back."""
    _INSERT_REVERSALS.run(tx, new)


def change_seconds(tx: Tx, changed: Sequence[KeptCall]) -> None:
    """Write how long calls were in truth."""
    _CHANGE_SECONDS.run(tx, [(call.id, call.record.seconds) for call in changed])
