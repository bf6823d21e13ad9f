"""The SQL of deliveries to webhook endpoints.

Touches: webhook_deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, delete, exists, select

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, stretch_of, text
from numberdesk.tables import webhook_deliveries
from numberdesk.webhooks.model import LONGEST_WAIT, Delivery, DeliveryStatus

SECONDS_PER_TRY: Final = 15.0
"""How long a receiver has to answer."""

LEASE: Final = int(SECONDS_PER_TRY + 45) * MICROSECONDS
"""How long a try may take, with all around it."""

DUE_DELIVERIES: Final = DueTable(
    webhook_deliveries, Delivery, key="id", party="endpoint_id", lease=LEASE, longest=LONGEST_WAIT
)
"""Events that are to be sent."""

_COLUMNS: Final = [webhook_deliveries.c[name] for name in Delivery._fields]
_INSERT: Final = InsertRows(webhook_deliveries, Delivery._fields)
_CHANGED: Final = Delivery._fields[6:]
_CHANGE: Final = UpdateRows(webhook_deliveries, "id", *_CHANGED)
_LOCK: Final = SelectSet(
    select(*_COLUMNS).where(in_set(webhook_deliveries.c.id, "ids")).order_by(webhook_deliveries.c.id).with_for_update(),
    "ids",
)
_FIND: Final = SelectSet.of(select(*_COLUMNS).where(webhook_deliveries.c.id == text("id")))
_STANDING: Final[dict[DeliveryStatus, ColumnElement[bool]]] = {
    DeliveryStatus.PENDING: webhook_deliveries.c.next_at.is_not(None),
    DeliveryStatus.DELIVERED: webhook_deliveries.c.delivered_at.is_not(None),
    DeliveryStatus.FAILED: webhook_deliveries.c.parked_at.is_not(None),
}
_WALK: Final = 5000
"""Deliveries that a page of a list looks at, however few of them fit."""


def insert_deliveries(tx: Tx, new: Sequence[Delivery]) -> None:
    """Record events that are to be sent."""
    _INSERT.run(tx, new)


def lock_deliveries(tx: Tx, ids: Iterable[str]) -> dict[str, Delivery]:
    """Deliveries by id, locked in sorted order until the transaction ends."""
    return {row.id: Delivery._make(row) for row in _LOCK.run(tx, ids=ids)}


def change_deliveries(tx: Tx, changed: Sequence[Delivery]) -> None:
    """Write back how they go."""
    _CHANGE.run(tx, [(one.id, *one[6:]) for one in changed])


def find_delivery(tx: Tx, delivery_id: str) -> Delivery | None:
    """One delivery."""
    rows = _FIND.run(tx, id=delivery_id)
    return Delivery._make(rows[0]) if rows else None


class DeliveryPage(list[Delivery]):
    """Deliveries that fit. `walked_to` is the id of the last that was looked at, where more may fit behind it."""

    walked_to: str | None = None


def list_deliveries(
    tx: Tx, endpoint_id: str, status: DeliveryStatus | None, *, before_id: str | None, limit: int
) -> DeliveryPage:
    """An endpoint's deliveries, newest first, among the next few thousand."""
    owner = {webhook_deliveries.c.endpoint_id: endpoint_id}
    order = (webhook_deliveries.c.endpoint_id.desc(), webhook_deliveries.c.id.desc())
    mine = stretch_of(owner, webhook_deliveries.c.id, before=before_id)
    if status is None:
        return DeliveryPage(
            map(Delivery._make, tx.execute(select(*_COLUMNS).where(*mine).order_by(*order).limit(limit)))
        )
    walked = select(webhook_deliveries.c.id).where(*mine).order_by(*order)
    stretch = walked.limit(_WALK).subquery("walked")
    fit = select(*_COLUMNS).join(stretch, stretch.c.id == webhook_deliveries.c.id).where(_STANDING[status])
    found = DeliveryPage(map(Delivery._make, tx.execute(fit.order_by(webhook_deliveries.c.id.desc()).limit(limit))))
    if len(found) < limit:
        found.walked_to = tx.execute(walked.limit(1).offset(_WALK - 1)).scalar()
    return found


def lock_failed(tx: Tx, endpoint_id: str, since: int, limit: int) -> list[Delivery]:
    """An endpoint's oldest failed deliveries of events since an instant, locked."""
    query = select(*_COLUMNS).where(
        webhook_deliveries.c.endpoint_id == endpoint_id,
        webhook_deliveries.c.created_at >= since,
        _STANDING[DeliveryStatus.FAILED],
    )
    ordered = query.order_by(webhook_deliveries.c.created_at, webhook_deliveries.c.id).limit(limit)
    return [Delivery._make(row) for row in tx.execute(ordered.with_for_update(skip_locked=True))]


def lock_still_due(tx: Tx, event_ids: Iterable[str]) -> set[str]:
    """Which of these events are still to be sent somewhere; nobody replays another until the transaction ends."""
    query = select(webhook_deliveries.c.event_id, webhook_deliveries.c.next_at)
    mine = query.where(webhook_deliveries.c.event_id.in_(sorted(event_ids))).order_by(webhook_deliveries.c.id)
    return {row.event_id for row in tx.execute(mine.with_for_update()) if row.next_at is not None}


def forget_deliveries_of_events(tx: Tx, event_ids: Iterable[str]) -> None:
    """Delete what is known of how events were sent."""
    tx.execute(delete(webhook_deliveries).where(webhook_deliveries.c.event_id.in_(sorted(event_ids))))


def forget_deliveries_of_endpoint(tx: Tx, endpoint_id: str, limit: int) -> int:
    """Delete at most so many deliveries to an endpoint; return how many. Those in somebody's hands go, too."""
    mine = webhook_deliveries.c.endpoint_id == endpoint_id
    some = select(webhook_deliveries.c.id).where(mine).order_by(webhook_deliveries.c.id).limit(limit)
    return tx.execute(delete(webhook_deliveries).where(webhook_deliveries.c.id.in_(some))).rowcount


def has_deliveries(tx: Tx, endpoint_id: str) -> bool:
    """Whether an endpoint has any."""
    return bool(tx.execute(select(exists().where(webhook_deliveries.c.endpoint_id == endpoint_id))).scalar_one())
