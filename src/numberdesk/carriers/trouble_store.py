"""The SQL of troubles with the operator's accounts at carriers.

Touches: carrier_troubles.

A trouble is noted when a carrier refuses an order for the account's sake, and is over with the next order that it
takes. It is written at the end of a transaction, when whatever else that needs is locked already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import delete, select, update

from numberdesk.infra.db import Tx
from numberdesk.tables import carrier_troubles


class CarrierTrouble(NamedTuple):
    """A carrier orders nothing for the operator's account. Instants in microseconds; `said` is what it said last.

    `orders` counts the orders that it refused for that since the first, at `since`.
    """

    carrier: str
    said: str
    since: int
    last_at: int
    orders: int


def note_troubles(tx: Tx, refused: Mapping[str, CarrierTrouble]) -> list[CarrierTrouble]:
    """Add refusals, by carrier, to what is known of troubles; those that begin with them."""
    table = carrier_troubles
    query = select(table).where(table.c.carrier.in_(sorted(refused))).order_by(table.c.carrier).with_for_update()
    known = {row.carrier for row in tx.execute(query)}
    for name, trouble in sorted(refused.items()):
        if name in known:
            values = {"said": trouble.said, "last_at": trouble.last_at, "orders": table.c.orders + trouble.orders}
            tx.execute(update(table).where(table.c.carrier == name).values(values))
        else:
            tx.execute(table.insert(), [trouble._asdict()])
    return [trouble for name, trouble in sorted(refused.items()) if name not in known]


def end_troubles(tx: Tx, carriers: Iterable[str]) -> None:
    """Forget the troubles of carriers: they take orders, or their accounts were set up anew."""
    names = sorted(set(carriers))
    if names:
        tx.execute(delete(carrier_troubles).where(carrier_troubles.c.carrier.in_(names)))


def list_troubles(tx: Tx) -> dict[str, CarrierTrouble]:
    """Troubles by carrier; a carrier without one is left out."""
    return {row.carrier: CarrierTrouble._make(row) for row in tx.execute(select(carrier_troubles))}
