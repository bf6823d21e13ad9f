"""The SQL of webhook endpoints.

Touches: webhook_endpoints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, literal_column, or_, select

from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, stretch_of
from numberdesk.tables import NAMES_ON_DEMAND, webhook_endpoints
from numberdesk.webhooks.model import WebhookEndpoint

_COLUMNS: Final = [webhook_endpoints.c[name] for name in WebhookEndpoint._fields]
_INSERT: Final = InsertRows(webhook_endpoints, WebhookEndpoint._fields)
_CHANGE: Final = UpdateRows(webhook_endpoints, *WebhookEndpoint._fields)
_THERE: Final = webhook_endpoints.c.deleted_at.is_(None)
_SUBSCRIBED: Final = SelectSet(
    select(*_COLUMNS)
    .where(or_(in_set(webhook_endpoints.c.account_id, "ids"), webhook_endpoints.c.all_accounts == literal_column("1")))
    .where(_THERE, webhook_endpoints.c.disabled_at.is_(None))
    .order_by(webhook_endpoints.c.id),
    "ids",
)
_BY_ID: Final = select(*_COLUMNS).where(in_set(webhook_endpoints.c.id, "ids")).order_by(webhook_endpoints.c.id)
_FIND: Final = SelectSet(_BY_ID, "ids")
_LOCK: Final = SelectSet(_BY_ID.with_for_update(key_share=True), "ids")
_ASKED: Final = SelectSet(
    select(webhook_endpoints.c.account_id, webhook_endpoints.c.all_accounts)
    .where(NAMES_ON_DEMAND, _THERE, webhook_endpoints.c.disabled_at.is_(None))
    .where(or_(in_set(webhook_endpoints.c.account_id, "ids"), webhook_endpoints.c.all_accounts == literal_column("1"))),
    "ids",
)


def insert_endpoints(tx: Tx, new: Sequence[WebhookEndpoint]) -> None:
    """Record endpoints."""
    _INSERT.run(tx, new)


def change_endpoints(tx: Tx, changed: Sequence[WebhookEndpoint]) -> None:
    """Write locked endpoints back."""
    _CHANGE.run(tx, changed)


def find_endpoints(tx: Tx, ids: Iterable[str], *, lock: bool = False) -> dict[str, WebhookEndpoint]:
    """Endpoints by id, deleted ones too; locked in sorted order where that is asked for."""
    rows = (_LOCK if lock else _FIND).run(tx, ids=ids)
    return {row.id: WebhookEndpoint._make(row) for row in rows}


def find_subscribed(tx: Tx, account_ids: Collection[str]) -> list[WebhookEndpoint]:
    """The enabled endpoints of accounts, and those that are told the events of every account."""
    return [WebhookEndpoint._make(row) for row in _SUBSCRIBED.run(tx, ids=account_ids)]


def find_asked_for_calls(tx: Tx, account_ids: Collection[str]) -> set[str]:
    """Those of some accounts whose rated calls an enabled endpoint names: one statement for all."""
    asked = _ASKED.run(tx, ids=account_ids)
    if any(row.all_accounts for row in asked):
        return set(account_ids)
    return {row.account_id for row in asked}


def count_endpoints(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """How many endpoints accounts have; an account without any is left out."""
    query = select(webhook_endpoints.c.account_id, func.count().label("held"))
    mine = webhook_endpoints.c.account_id.in_(sorted(set(account_ids)))
    rows = tx.execute(query.where(mine, _THERE).group_by(webhook_endpoints.c.account_id))
    return {row.account_id: row.held for row in rows}


def list_endpoints(tx: Tx, account_id: str | None, *, after_id: str | None, limit: int) -> list[WebhookEndpoint]:
    """The endpoints of an account, or of all, in the order of their making."""
    order: list[Any] = [webhook_endpoints.c.id]
    query = select(*_COLUMNS).where(_THERE)
    if account_id is not None:
        owner = {webhook_endpoints.c.account_id: account_id}
        query = query.where(*stretch_of(owner, webhook_endpoints.c.id, after=after_id))
        order.insert(0, webhook_endpoints.c.account_id)
    elif after_id is not None:
        query = query.where(webhook_endpoints.c.id > after_id)
    return [WebhookEndpoint._make(row) for row in tx.execute(query.order_by(*order).limit(limit))]


def find_deleted(tx: Tx, limit: int) -> list[str]:
    """The ids of endpoints that were deleted and still have a row."""
    query = select(webhook_endpoints.c.id).where(webhook_endpoints.c.deleted_at.is_not(None))
    return list(tx.execute(query.order_by(webhook_endpoints.c.id).limit(limit)).scalars())


def forget_endpoint(tx: Tx, endpoint_id: str) -> None:
    """Delete the row of an endpoint that has no deliveries any more."""
    tx.execute(delete(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id))
