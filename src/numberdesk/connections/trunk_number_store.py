"""The SQL of numbers in LiveKit trunks.

Touches: trunk_numbers, rentals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, or_, select, update

from numberdesk.core.connecting import LOOKS, SCHEDULE
from numberdesk.core.connection import ConnectionState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.trunk_number import TrunkNumber
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import rentals, trunk_numbers

_LEASE: Final = 120 * MICROSECONDS

DUE_TRUNK_NUMBERS: Final = DueTable(
    trunk_numbers, TrunkNumber, key="id", party="connection_id", lease=_LEASE, longest=SCHEDULE.longest
)
"""Numbers that are to come into trunks, or out of them."""

_COLUMNS: Final = tuple(trunk_numbers.c[name] for name in TrunkNumber._fields)
_CHANGED: Final = ("carrier", *TrunkNumber._fields[4:])
_INSERT: Final = InsertRows(trunk_numbers, TrunkNumber._fields)
_CHANGE: Final = UpdateRows(trunk_numbers, "id", *_CHANGED)
_LOCK: Final = SelectSet(
    select(*_COLUMNS).where(in_set(trunk_numbers.c.id, "ids")).order_by(trunk_numbers.c.id).with_for_update(), "ids"
)
_LOCK_NUMBERS: Final = SelectSet(
    select(*_COLUMNS).where(in_set(trunk_numbers.c.e164, "e164s")).order_by(trunk_numbers.c.id).with_for_update(),
    "e164s",
)
_FIND: Final = SelectSet(select(*_COLUMNS).where(in_set(trunk_numbers.c.id, "ids")), "ids")


def _row_of(row: Any) -> TrunkNumber:
    made = TrunkNumber._make(row)
    return made._replace(state=ConnectionState(made.state))


def insert_trunk_numbers(tx: Tx, new: Sequence[TrunkNumber]) -> None:
    """Record numbers that are to come into trunks."""
    _INSERT.run(tx, new)


def lock_trunk_numbers(tx: Tx, ids: Iterable[str]) -> dict[str, TrunkNumber]:
    """Rows by id, locked in sorted order."""
    return {row.id: _row_of(row) for row in _LOCK.run(tx, ids=ids)}


def lock_trunks_of(tx: Tx, e164s: Iterable[str]) -> dict[str, TrunkNumber]:
    """All rows of numbers, in whichever trunk, by id; locked in sorted order."""
    return {row.id: _row_of(row) for row in _LOCK_NUMBERS.run(tx, e164s=e164s)}


def find_trunk_numbers(tx: Tx, ids: Iterable[str]) -> dict[str, TrunkNumber]:
    """Rows by id; nothing is locked."""
    return {row.id: _row_of(row) for row in _FIND.run(tx, ids=ids)}


def change_trunk_numbers(tx: Tx, changed: Iterable[TrunkNumber]) -> None:
    """Write locked rows back."""
    _CHANGE.run(tx, [(one.id, one.carrier, *one[4:]) for one in changed])


def end_trunk_numbers(tx: Tx, ids: Iterable[str]) -> None:
    """Delete the rows of numbers that are out of their trunks."""
    tx.execute(delete(trunk_numbers).where(trunk_numbers.c.id.in_(sorted(set(ids)))))


def count_in_trunk(tx: Tx, connection_id: str) -> dict[ConnectionState, int]:
    """How many numbers are in the trunk of a connection, or on their way, by state."""
    query = select(trunk_numbers.c.state, func.count().label("held"))
    rows = tx.execute(query.where(trunk_numbers.c.connection_id == connection_id).group_by(trunk_numbers.c.state))
    return {ConnectionState(row.state): row.held for row in rows}


def give_up_trunk(tx: Tx, connection_id: str) -> None:
    """Forget what could not be taken off the trunk of a connection."""
    tx.execute(delete(trunk_numbers).where(trunk_numbers.c.connection_id == connection_id))


def find_wanting_rental(tx: Tx, e164: str, connection_id: str) -> str | None:
    """The live rental for which a number is to be in the trunk of a connection; None: it is to be out of it."""
    query = select(rentals.c.id).where(
        rentals.c.e164 == e164, rentals.c.released_at.is_(None), rentals.c.connection_id == connection_id
    )
    return tx.execute(query).scalar()


def find_trunks_to_look_at(tx: Tx, now: int, limit: int) -> list[TrunkNumber]:
    """Numbers at whose trunks it is time to look, the longest due first; those far ahead, too."""
    due = or_(trunk_numbers.c.look_at <= now, trunk_numbers.c.look_at > now + 2 * LOOKS)
    query = select(*_COLUMNS).where(trunk_numbers.c.look_at.is_not(None), due)
    return [_row_of(row) for row in tx.execute(query.order_by(trunk_numbers.c.look_at).limit(limit))]


def hold_trunk_looks(tx: Tx, rows: Sequence[TrunkNumber], until: int) -> None:
    """Let nobody else look at rows before an instant."""
    mine = trunk_numbers.c.id.in_(sorted(row.id for row in rows))
    tx.execute(update(trunk_numbers).where(mine, trunk_numbers.c.look_at.is_not(None)).values(look_at=until))
