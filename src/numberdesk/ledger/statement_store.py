"""The SQL of statements: where months lie in a wallet's entries, what is owed at their edges, and their lines.

Touches: transfers.

A page of lines is a stretch of entries, found by the first, so nothing here reads the lines of other months.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal_column, select, tuple_, union_all

from numberdesk.core.statement import Month, StatementEdges
from numberdesk.infra.db import Tx
from numberdesk.ledger.line_sum_store import find_first_entry
from numberdesk.ledger.model import Transfer, receivable_account
from numberdesk.tables import transfers

_COLUMNS: Final = [transfers.c[name] for name in Transfer._fields]
_PAYS_DEBT: Final = transfers.c.kind == literal_column("'debt_payment'")  # so that its index is used


class OwedPlace(NamedTuple):
    """Where a line of what is owed stands: when it was posted, and its id."""

    created_at: int
    id: str


def find_first_posting(tx: Tx, account_id: str) -> int | None:
    """When the first line of a wallet was posted; None for one without lines."""
    query = select(transfers.c.created_at).where(transfers.c.account_id == account_id, transfers.c.entry == 1)
    return tx.execute(query).scalar()


def find_latest_postings(tx: Tx, account_ids: Collection[str]) -> dict[str, int]:
    """When the latest line of each wallet was posted; wallets without lines are left out."""
    latest = func.max(transfers.c.created_at)
    found = {one: tx.execute(select(latest).where(transfers.c.account_id == one)).scalar() for one in account_ids}
    return {account_id: at for account_id, at in found.items() if at is not None}


def find_edges(tx: Tx, account_id: str, month: Month) -> StatementEdges:
    """How a month opens and closes."""
    first = find_first_entry(tx, account_id, month.begins_at)
    following = find_first_entry(tx, account_id, month.ends_at)
    return StatementEdges(
        first,
        following - 1,
        _balance_at(tx, account_id, first - 1),
        _balance_at(tx, account_id, following - 1),
        _owed_before(tx, account_id, month.begins_at, first),
        _owed_before(tx, account_id, month.ends_at, following),
    )


def list_wallet_lines(tx: Tx, account_id: str, edges: StatementEdges, after: int | None, limit: int) -> list[Transfer]:
    """Lines of a month of a wallet in their order, after an entry."""
    query = select(*_COLUMNS).where(*_within(account_id, edges), transfers.c.entry > (after or 0))
    return [Transfer._make(row) for row in tx.execute(query.order_by(transfers.c.entry).limit(limit))]


def list_owed_lines(
    tx: Tx, account_id: str, month: Month, edges: StatementEdges, after: OwedPlace | None, limit: int
) -> list[Transfer]:
    """Lines of a month of what is owed, in the order of their posting, after a place."""
    posted = (transfers.c.created_at >= month.begins_at, transfers.c.created_at < month.ends_at)
    parts = [select(*_COLUMNS).where(side, *posted) for side in _without_wallet(account_id)]
    parts.append(select(*_COLUMNS).where(*_within(account_id, edges), _PAYS_DEBT))
    lines = union_all(*parts).subquery("lines")
    place = tuple_(lines.c.created_at, lines.c.id)
    query = select(lines).order_by(lines.c.created_at, lines.c.id).limit(limit)
    if after is not None:
        query = query.where(place > after)
    return [Transfer._make(row) for row in tx.execute(query)]


def _within(account_id: str, edges: StatementEdges) -> tuple[ColumnElement[bool], ...]:
    return (
        transfers.c.account_id == account_id,
        transfers.c.entry >= edges.first,
        transfers.c.entry <= edges.last,
    )


def _balance_at(tx: Tx, account_id: str, entry: int) -> int:
    query = select(transfers.c.balance_after).where(transfers.c.account_id == account_id, transfers.c.entry == entry)
    return int(tx.execute(query).scalar() or 0)


def _without_wallet(account_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Transfers that add to what an account owes, and those that take from it, past its wallet."""
    owed, none = receivable_account(account_id), transfers.c.account_id.is_(None)
    return none & (transfers.c.debit == owed), none & (transfers.c.credit == owed)


def _owed_before(tx: Tx, account_id: str, instant: int, entry: int) -> int:
    """What was owed at an instant, before which the wallet had the entries before `entry`."""
    more, less = (_sum(side, transfers.c.created_at < instant) for side in _without_wallet(account_id))
    paid = _sum(transfers.c.account_id == account_id, transfers.c.entry < entry, _PAYS_DEBT)
    return _one(tx, more) - _one(tx, less) - _one(tx, paid)


def _sum(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.coalesce(func.sum(transfers.c.amount), 0)).where(*conditions)


def _one(tx: Tx, query: Select[Any]) -> int:
    return int(tx.execute(query).scalar_one())
