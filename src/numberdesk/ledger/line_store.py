"""The SQL of a wallet's lines that are looked for: of a kind, a time, or a number.

Touches: transfers, orders, rentals, calls.

Entries have no gap, so a page looks at the next MOST_WALKED of them and says how far it came, however few fit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select

from numberdesk.infra.db import Tx
from numberdesk.ledger.line_sum_store import find_first_entry
from numberdesk.ledger.model import Transfer
from numberdesk.tables import calls, orders, rentals, transfers

_COLUMNS: Final = [transfers.c[name] for name in Transfer._fields]
MOST_WALKED: Final = 2_000
"""Lines that one page looks at."""


class LineFilter(NamedTuple):
    """Which lines: of a kind, posted from `since` to before `until`, of a number. None lets all pass."""

    kind: str | None = None
    since: int | None = None
    until: int | None = None
    e164: str | None = None


class LinePage(NamedTuple):
    """Lines that fit, newest first. `walked_to` is the entry before which more may fit, where there may be."""

    items: list[Transfer]
    walked_to: int | None


def page_lines(
    tx: Tx, account_id: str, wanted: LineFilter, *, before: int | None, limit: int, most: int = MOST_WALKED
) -> LinePage:
    """The newest `limit` lines that fit, of the `most` before an entry. They lie by when they were posted."""
    top = _beyond(tx, account_id, wanted.until)
    if before is not None:
        top = min(top, before)
    first = 1 if wanted.since is None else find_first_entry(tx, account_id, wanted.since)
    low = max(first, top - most)
    query = (
        select(*_COLUMNS)
        .where(transfers.c.account_id == account_id, transfers.c.entry >= low, transfers.c.entry < top)
        .where(*_fits(wanted))
        .order_by(transfers.c.entry.desc())
        .limit(limit)
    )
    found = [Transfer._make(row) for row in tx.execute(query)]
    return LinePage(found, low if len(found) < limit and low > first else None)


def _beyond(tx: Tx, account_id: str, until: int | None) -> int:
    """The entry before which lines lie."""
    if until is not None:
        return find_first_entry(tx, account_id, until)
    newest = select(transfers.c.entry).where(transfers.c.account_id == account_id)
    return int(tx.execute(newest.order_by(transfers.c.entry.desc()).limit(1)).scalar() or 0) + 1


def _fits(wanted: LineFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind is not None:
        conditions.append(transfers.c.kind == wanted.kind)
    if wanted.e164 is not None:
        conditions.append(_is_of(wanted.e164))
    return conditions


def _is_of(e164: str) -> ColumnElement[bool]:
    """Whether a line is of a number: of its order, its rental, or of calls of which some are its."""
    return or_(
        exists().where(orders.c.id == transfers.c.order_id, orders.c.e164 == e164),
        exists().where(rentals.c.id == transfers.c.rental_id, rentals.c.e164 == e164),
        exists().where(calls.c.transfer_id == transfers.c.id, calls.c.e164 == e164),
    )
