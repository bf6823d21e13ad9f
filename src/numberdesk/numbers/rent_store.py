"""The SQL of rent: what became of each period of a rental.

Touches: rent_charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select

from numberdesk.core.rental import ChargeState, RentCharge
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import rent_charges

_INSERT_CHARGES: Final = InsertRows(rent_charges, RentCharge._fields)
_CHARGE_COLUMNS: Final = [rent_charges.c[name] for name in RentCharge._fields]


def insert_rent_charges(tx: Tx, new: Sequence[RentCharge]) -> None:
    """Record periods that are charged or waived."""
    _INSERT_CHARGES.run(tx, new)


def find_rent_charges(tx: Tx, rental_ids: Iterable[str]) -> list[RentCharge]:
    """What became of the periods of some rentals, by rental and period."""
    query = select(*_CHARGE_COLUMNS).where(rent_charges.c.rental_id.in_(sorted(set(rental_ids))))
    rows = tx.execute(query.order_by(rent_charges.c.rental_id, rent_charges.c.period))
    return [RentCharge._make(row)._replace(state=ChargeState(row.state)) for row in rows]
