"""The SQL of how orders stand with their carriers.

Touches: carrier_orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select

from numberdesk.core.errors import NumberdeskError
from numberdesk.core.fulfilment import LONGEST_DELAY, Chase
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.orders.store import error_columns
from numberdesk.tables import carrier_orders

_COLUMNS: Final = tuple(carrier_orders.c[name] for name in Chase._fields)
_CHANGED: Final = Chase._fields[4:]
_BY_ORDER: Final = select(*_COLUMNS).where(in_set(carrier_orders.c.order_id, "ids"))
_FIND: Final = SelectSet(_BY_ORDER, "ids")
_LOCK: Final = SelectSet(_BY_ORDER.order_by(carrier_orders.c.order_id).with_for_update(), "ids")
_INSERT: Final = InsertRows(carrier_orders)
_CHANGE: Final = UpdateRows(carrier_orders, "order_id", *_CHANGED, "error_code", "error_message", "error_details")
_WANT: Final = UpdateRows(carrier_orders, "order_id", "wanted_until")
_UNSETTLED: Final = carrier_orders.c.settled_at.is_(None)


class Ended(NamedTuple):
    """A chase that is over, with the refusal that its order failed with."""

    chase: Chase
    error: NumberdeskError | None


class Unsettled(NamedTuple):
    """How many orders are open at a carrier, and how many of them wait for a person."""

    orders: int
    parked: int


def insert_chases(tx: Tx, new: Sequence[Chase]) -> None:
    """Record orders that are about to be sent to their carriers."""
    _INSERT.run(tx, [(*chase, None, None, None) for chase in new])


def find_chases(tx: Tx, order_ids: Iterable[str]) -> dict[str, Chase]:
    """How orders stand with their carriers, by order."""
    return {row[0]: Chase._make(row) for row in _FIND.run(tx, ids=order_ids)}


def lock_chases(tx: Tx, order_ids: Iterable[str]) -> dict[str, Chase]:
    """The same, locked in sorted order until the transaction ends."""
    return {row[0]: Chase._make(row) for row in _LOCK.run(tx, ids=order_ids)}


def change_chases(tx: Tx, changed: Sequence[Ended]) -> None:
    """Write chases back, those that are over with their errors."""
    _CHANGE.run(tx, [(ended.chase.order_id, *ended.chase[4:], *error_columns(ended.error)) for ended in changed])


def want_longer(tx: Tx, until: Mapping[str, int]) -> None:
    """Note until when the customers of open orders wait for them, in microseconds."""
    _WANT.run(tx, sorted(until.items()))


def lock_due_chases(tx: Tx, now: int, limit: int, carrier: str | None = None) -> list[Chase]:
    """Open orders whose carriers are to be asked now, locked; what is in somebody's hands is left out.

    Those of one `carrier`, or of all. `limit` is for each carrier, so that none waits behind another one's
    orders. A time that lies further ahead than any delay was set by a clock that was wrong, and is over.
    """
    first = (carrier_orders.c.next_at, carrier_orders.c.order_id)
    place = func.row_number().over(partition_by=carrier_orders.c.carrier, order_by=first).label("place")
    mine = _is_due(now) if carrier is None else and_(_is_due(now), carrier_orders.c.carrier == carrier)
    due = select(carrier_orders.c.order_id, place).where(mine).subquery()
    query = (
        select(*_COLUMNS)
        .where(_is_due(now), carrier_orders.c.order_id.in_(select(due.c.order_id).where(due.c.place <= limit)))
        .order_by(*first)
        .with_for_update(skip_locked=True, of=carrier_orders)
    )
    return [Chase._make(row) for row in tx.execute(query)]


def find_due_carriers(tx: Tx, now: int) -> list[str]:
    """The carriers that are to be asked about open orders now."""
    return list(tx.execute(select(carrier_orders.c.carrier).where(_is_due(now)).distinct()).scalars())


def list_unsettled(tx: Tx, *, parked: bool | None, after_id: str | None = None, limit: int) -> list[Chase]:
    """Open orders at carriers, oldest first; only those that wait for a person, or only the others."""
    query = select(*_COLUMNS).where(_UNSETTLED)
    if parked is not None:
        query = query.where(_is_parked(parked=parked))
    if after_id is not None:
        query = query.where(carrier_orders.c.order_id > after_id)
    return [Chase._make(row) for row in tx.execute(query.order_by(carrier_orders.c.order_id).limit(limit))]


def count_unsettled(tx: Tx) -> dict[str, Unsettled]:
    """How many orders are open, by carrier; a carrier without any is left out."""
    counts = func.count().label("orders"), func.count(carrier_orders.c.parked_at).label("parked")
    query = select(carrier_orders.c.carrier, *counts).where(_UNSETTLED).group_by(carrier_orders.c.carrier)
    return {row.carrier: Unsettled(row.orders, row.parked) for row in tx.execute(query)}


def _is_due(now: int) -> ColumnElement[bool]:
    column = carrier_orders.c.next_at
    return and_(_UNSETTLED, or_(column <= now, column > now + LONGEST_DELAY))


def _is_parked(*, parked: bool) -> ColumnElement[Any]:
    column = carrier_orders.c.parked_at
    return column.is_not(None) if parked else column.is_(None)
