"""The SQL of rented numbers whose calls would wait for a person: no source, or no rate.

Touches: rentals, numbers, usage_sources, usage_rates.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select

from numberdesk.core.call_record import Direction
from numberdesk.infra.db import Tx
from numberdesk.tables import numbers, rentals, usage_rates, usage_sources


def count_unsourced(tx: Tx, carrier: str, most: int) -> int:
    """Rented numbers of a carrier for which no source was appointed by itself; the first `most` are counted."""
    appointed = select(usage_sources.c.source).where(
        usage_sources.c.account_id == rentals.c.account_id, usage_sources.c.rental_id == rentals.c.id
    )
    query = (
        select(rentals.c.id)
        .join(numbers, numbers.c.e164 == rentals.c.e164)
        .where(rentals.c.released_at.is_(None), numbers.c.carrier == carrier, ~appointed.exists())
    )
    return int(tx.execute(select(func.count()).select_from(query.limit(most).subquery())).scalar_one())


def count_rentals_unrated(tx: Tx, most: int) -> int:
    """Rented numbers that have no rate in a direction; as above."""
    lacks = or_(
        and_(rentals.c.inbound.is_(None), ~_is_set(Direction.INBOUND)),
        and_(rentals.c.outbound.is_(None), ~_is_set(Direction.OUTBOUND)),
    )
    query = select(rentals.c.id).where(rentals.c.released_at.is_(None), lacks)
    return int(tx.execute(select(func.count()).select_from(query.limit(most).subquery())).scalar_one())


def _is_set(direction: Direction) -> ColumnElement[bool]:
    return (
        select(usage_rates.c.per_minute)
        .where(
            usage_rates.c.account_id == rentals.c.account_id,
            usage_rates.c.rental_id == rentals.c.id,
            usage_rates.c.direction == direction.value,
        )
        .exists()
    )
