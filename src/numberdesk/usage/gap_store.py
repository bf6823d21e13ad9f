"""The SQL of rented numbers whose calls would wait for a person: no source, or no rate.

Touches: rentals, numbers, usage_sources, usage_rates.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select

from numberdesk.core.call_record import Direction
from numberdesk.infra.db import Tx
from numberdesk.tables import numbers, rentals, usage_rates, usage_sources


def count_unsourced(tx: Tx, carrier: str, most: int, looked_at: int | None = None) -> int:
    """Rented numbers of a carrier for which no source was appointed by itself; the first `most` are counted.

    No index knows of them: of more than `looked_at` rented numbers only so many are looked at.
    """
    seen = _rented(looked_at)
    appointed = select(usage_sources.c.source).where(
        usage_sources.c.account_id == seen.c.account_id, usage_sources.c.rental_id == seen.c.id
    )
    its_carrier = select(numbers.c.carrier).where(numbers.c.e164 == seen.c.e164).scalar_subquery()
    query = select(seen.c.id).where(its_carrier == carrier, ~appointed.exists())
    return int(tx.execute(select(func.count()).select_from(query.limit(most).subquery())).scalar_one())


def count_rentals_unrated(tx: Tx, most: int, looked_at: int | None = None) -> int:
    """Rented numbers that have no rate in a direction; as above."""
    seen = _rented(looked_at)
    lacks = or_(
        and_(seen.c.inbound.is_(None), ~_is_set(seen, Direction.INBOUND)),
        and_(seen.c.outbound.is_(None), ~_is_set(seen, Direction.OUTBOUND)),
    )
    query = select(seen.c.id).where(lacks)
    return int(tx.execute(select(func.count()).select_from(query.limit(most).subquery())).scalar_one())


def _rented(looked_at: int | None) -> Subquery:
    columns = (rentals.c.id, rentals.c.account_id, rentals.c.e164, rentals.c.inbound, rentals.c.outbound)
    return select(*columns).where(rentals.c.released_at.is_(None)).limit(looked_at).subquery()


def _is_set(seen: Subquery, direction: Direction) -> ColumnElement[bool]:
    return (
        select(usage_rates.c.per_minute)
        .where(
            usage_rates.c.account_id == seen.c.account_id,
            usage_rates.c.rental_id == seen.c.id,
            usage_rates.c.direction == direction.value,
        )
        .exists()
    )
