"""The SQL of numbers that stood on an account at a carrier and were adopted for sale.

Touches: adopted_offers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select, update

from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import adopted_offers


class AdoptedOffer(NamedTuple):
    """A number that was adopted for sale: from which carrier, by whom and when, in microseconds; and who undid it."""

    id: str
    e164: str
    adopted_at: int
    carrier: str
    carrier_reference: str
    adopted_by: str
    undone_at: int | None = None
    undone_by: str | None = None
    undone_reason: str | None = None


_COLUMNS: Final = tuple(adopted_offers.c[name] for name in AdoptedOffer._fields)
_INSERT: Final = InsertRows(adopted_offers, AdoptedOffer._fields)


def insert_adopted_offers(tx: Tx, new: Sequence[AdoptedOffer]) -> None:
    """Record numbers that are adopted for sale."""
    _INSERT.run(tx, new)


def find_adopted_offer(tx: Tx, e164: str) -> AdoptedOffer | None:
    """The latest adoption for sale of a number that was not undone. Whoever undoes it has locked the number."""
    query = select(*_COLUMNS).where(adopted_offers.c.e164 == e164, adopted_offers.c.undone_at.is_(None))
    row: Any = tx.execute(query.order_by(adopted_offers.c.adopted_at.desc()).limit(1)).first()
    return None if row is None else AdoptedOffer._make(row)


def undo_adopted_offer(tx: Tx, undone: AdoptedOffer) -> None:
    """Write down that an adoption was undone: when, by whom and why."""
    values = {"undone_at": undone.undone_at, "undone_by": undone.undone_by, "undone_reason": undone.undone_reason}
    tx.execute(update(adopted_offers).where(adopted_offers.c.id == undone.id).values(values))
