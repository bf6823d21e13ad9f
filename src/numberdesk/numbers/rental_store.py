"""The SQL of rentals as they begin and change, and how a row is read.

Touches: rentals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import select

from numberdesk.core.billing import billing_of, kept_billing
from numberdesk.core.lifecycle import RentalState
from numberdesk.core.periods import PeriodUnit, Term
from numberdesk.core.prices import Prices
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import rentals

_INSERT_RENTALS: Final = InsertRows(rentals)
_LABEL_RENTALS: Final = UpdateRows(rentals, "id", "friendly_name", "agent_id", "tags", "updated_at")
_CONNECT_RENTALS: Final = UpdateRows(rentals, "id", "connection_id", "connection_generation", "updated_at")
_CHANGE_RENTALS: Final = UpdateRows(
    rentals,
    "id",
    "state",
    "price",
    "inbound",
    "outbound",
    "renews_at",
    "updated_at",
    "released_at",
    "period",
    "ends_at",
    "past_due_since",
    "reminded",
    "next_at",
    "attempts",
    "message",
    "parked_at",
    "leased_until",
)
RENTAL_COLUMNS: Final = (
    rentals.c.id,
    rentals.c.order_id,
    rentals.c.account_id,
    rentals.c.e164,
    rentals.c.state,
    rentals.c.currency,
    rentals.c.price,
    rentals.c.inbound,
    rentals.c.outbound,
    rentals.c.anchor,
    rentals.c.renews_at,
    rentals.c.friendly_name,
    rentals.c.agent_id,
    rentals.c.tags,
    rentals.c.created_at,
    rentals.c.updated_at,
    rentals.c.released_at,
    rentals.c.unit,
    rentals.c.every,
    rentals.c.period,
    rentals.c.ends_at,
    rentals.c.past_due_since,
    rentals.c.reminded,
    rentals.c.next_at,
    rentals.c.attempts,
    rentals.c.message,
    rentals.c.parked_at,
    rentals.c.leased_until,
    rentals.c.connection_id,
    rentals.c.connection_generation,
    rentals.c.billing,
)
_FOUND: Final = SelectSet(select(*RENTAL_COLUMNS).where(in_set(rentals.c.id, "ids")), "ids")


def insert_rentals(tx: Tx, new: Sequence[Rental]) -> None:
    """Record rentals as they begin."""
    _INSERT_RENTALS.run(tx, [_rental_row(rental) for rental in new])


def find_rentals(tx: Tx, ids: Iterable[str]) -> list[Rental]:
    """Rentals as they stand, live or ended; nothing is locked."""
    return [rental_from(row) for row in _FOUND.run(tx, ids=ids)]


def change_rentals(tx: Tx, changed: Sequence[Rental]) -> None:
    """Write back how rentals stand; their labels are left as they are."""
    rows = [
        (
            rental.id,
            rental.state.value,
            *rental.prices[1:4],
            rental.renews_at,
            rental.updated_at,
            rental.released_at,
            rental.period,
            rental.ends_at,
            rental.past_due_since,
            rental.reminded,
            rental.next_at,
            rental.attempts,
            rental.message,
            rental.parked_at,
            rental.leased_until,
        )
        for rental in changed
    ]
    _CHANGE_RENTALS.run(tx, rows)


def connect_rentals(tx: Tx, changed: Sequence[Rental]) -> None:
    """Write back where the calls of rentals are to go."""
    rows = [(one.id, one.connection_id, one.connection_generation, one.updated_at) for one in changed]
    _CONNECT_RENTALS.run(tx, rows)


def label_rentals(tx: Tx, changed: Sequence[Rental]) -> None:
    """Write the labels of rentals back."""
    rows = [
        (rental.id, rental.friendly_name, rental.agent_id, json.dumps(rental.tags), rental.updated_at)
        for rental in changed
    ]
    _LABEL_RENTALS.run(tx, rows)


def _rental_row(rental: Rental) -> tuple[Any, ...]:
    """In the order of the table's columns; the setup price is the order's matter."""
    return (
        rental.id,
        rental.order_id,
        rental.account_id,
        rental.e164,
        rental.state.value,
        *rental.prices[:4],
        rental.anchor,
        rental.renews_at,
        rental.friendly_name,
        rental.agent_id,
        json.dumps(rental.tags) if rental.tags else "[]",
        rental.created_at,
        rental.updated_at,
        rental.released_at,
        rental.term.unit.value,
        rental.term.every,
        rental.period,
        rental.ends_at,
        rental.past_due_since,
        rental.reminded,
        rental.next_at,
        rental.attempts,
        rental.message,
        rental.parked_at,
        rental.leased_until,
        rental.connection_id,
        rental.connection_generation,
        kept_billing(rental.prices.billing),
    )


def _tags_of(written: str) -> tuple[str, ...]:
    """Tags that cannot be read are none: whoever lists its rentals gets them all. `verify` names the row."""
    try:
        tags = json.loads(written)
    except ValueError:
        return ()
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _prices_of(row: Any) -> Prices:
    """Without the setup price, which is the order's matter."""
    terms = _term_of(row.unit, row.every), billing_of(row.billing)
    return Prices(row.currency, row.price, row.inbound, row.outbound, 0, *terms)


@lru_cache(maxsize=256)
def _term_of(unit: str, every: int) -> Term:
    return Term(PeriodUnit(unit), every)


def rental_from(row: Any) -> Rental:
    """The rental of a row with RENTAL_COLUMNS."""
    return Rental(
        id=row.id,
        order_id=row.order_id,
        account_id=row.account_id,
        e164=row.e164,
        state=RentalState(row.state),
        prices=_prices_of(row),
        anchor=row.anchor,
        renews_at=row.renews_at,
        friendly_name=row.friendly_name,
        agent_id=row.agent_id,
        tags=_tags_of(row.tags),
        created_at=row.created_at,
        updated_at=row.updated_at,
        released_at=row.released_at,
        period=row.period,
        ends_at=row.ends_at,
        past_due_since=row.past_due_since,
        reminded=row.reminded,
        next_at=row.next_at,
        attempts=row.attempts,
        message=row.message,
        parked_at=row.parked_at,
        leased_until=row.leased_until,
        connection_id=row.connection_id,
        connection_generation=row.connection_generation,
    )
