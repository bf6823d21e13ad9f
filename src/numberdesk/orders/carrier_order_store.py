"""The SQL of how orders stand with their carriers.

Touches: carrier_orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from numberdesk.core.carrier_order import LONG_WAIT, LONGEST_DELAY, CarrierOrder
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.orders.store import error_columns
from numberdesk.tables import carrier_orders

LOOK_UP_LEASE: Final = 200 * MICROSECONDS
"""How long looking one order up may take: three requests of the longest wait that an account may be given."""

DUE_ORDERS: Final = DueTable(
    carrier_orders, CarrierOrder, key="order_id", party="carrier", lease=LOOK_UP_LEASE, longest=LONGEST_DELAY,
    keeper="counted_by",
)  # fmt: skip
"""Open orders whose carriers are to be asked about them."""

_COLUMNS: Final = tuple(carrier_orders.c[name] for name in CarrierOrder._fields)
_CHANGED: Final = CarrierOrder._fields[4:]
_ERROR: Final = ("error_code", "error_message", "error_details")
_BY_ORDER: Final = select(*_COLUMNS).where(in_set(carrier_orders.c.order_id, "ids"))
_FIND: Final = SelectSet(_BY_ORDER, "ids")
_LOCK: Final = SelectSet(_BY_ORDER.order_by(carrier_orders.c.order_id).with_for_update(), "ids")
_INSERT: Final = InsertRows(carrier_orders, (*CarrierOrder._fields, *_ERROR))
_CHANGE: Final = UpdateRows(carrier_orders, "order_id", *_CHANGED, *_ERROR)
_UNSETTLED: Final = carrier_orders.c.settled_at.is_(None)


class Ended(NamedTuple):
    """An order at a carrier that is over, with the refusal that it failed with."""

    carrier_order: CarrierOrder
    error: NumberdeskError | None


class Unsettled(NamedTuple):
    """How many orders are open at a carrier, and how many of them wait for a person."""

    orders: int
    parked: int


def insert_carrier_orders(tx: Tx, new: Sequence[CarrierOrder]) -> None:
    """Record orders that are about to be sent to their carriers."""
    _INSERT.run(tx, [(*carrier_order, None, None, None) for carrier_order in new])


def find_carrier_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, CarrierOrder]:
    """How orders stand with their carriers, by order."""
    return {row.order_id: CarrierOrder._make(row) for row in _FIND.run(tx, ids=order_ids)}


def lock_carrier_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, CarrierOrder]:
    """The same, locked in sorted order until the transaction ends."""
    return {row.order_id: CarrierOrder._make(row) for row in _LOCK.run(tx, ids=order_ids)}


def change_carrier_orders(tx: Tx, changed: Sequence[Ended]) -> None:
    """Write orders at carriers back, those that are over with their errors."""
    _CHANGE.run(
        tx, [(ended.carrier_order.order_id, *ended.carrier_order[4:], *error_columns(ended.error)) for ended in changed]
    )


def lock_waiting_long(tx: Tx, carrier: str, now: int, limit: int) -> list[CarrierOrder]:
    """A carrier's open orders that nobody is looking up and that would be only long after `now`, locked."""
    columns = carrier_orders.c
    query = (
        select(*_COLUMNS)
        .where(
            columns.carrier == carrier,
            columns.next_at > now + LONG_WAIT,
            or_(columns.leased_until.is_(None), columns.leased_until <= now),
        )
        .order_by(columns.next_at, columns.order_id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # who has one locked looks it up
    )
    return [CarrierOrder._make(row) for row in tx.execute(query)]


def list_unsettled(tx: Tx, *, parked: bool | None, after_id: str | None = None, limit: int) -> list[CarrierOrder]:
    """Open orders at carriers, oldest first; only those that wait for a person, or only the others."""
    query = select(*_COLUMNS).where(_UNSETTLED)
    if parked is not None:
        query = query.where(_is_parked(parked=parked))
    if after_id is not None:
        query = query.where(carrier_orders.c.order_id > after_id)
    return [CarrierOrder._make(row) for row in tx.execute(query.order_by(carrier_orders.c.order_id).limit(limit))]


def count_unsettled(tx: Tx) -> dict[str, Unsettled]:
    """How many orders are open, by carrier; a carrier without any is left out."""
    counts = func.count().label("orders"), func.count(carrier_orders.c.parked_at).label("parked")
    query = select(carrier_orders.c.carrier, *counts).where(_UNSETTLED).group_by(carrier_orders.c.carrier)
    return {row.carrier: Unsettled(row.orders, row.parked) for row in tx.execute(query)}


def _is_parked(*, parked: bool) -> ColumnElement[Any]:
    column = carrier_orders.c.parked_at
    return column.is_not(None) if parked else column.is_(None)
