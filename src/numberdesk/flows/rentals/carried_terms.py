"""What of a rental goes on to the one that follows it: its rates, and the source that charges for its calls.

Touches: database.
"""

from __future__ import annotations

from numberdesk.core.call_charging import RentedSpan
from numberdesk.core.call_record import Direction
from numberdesk.core.prices import Prices
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.usage.store import find_set_rates, find_sources


def carried_prices(tx: Tx, rental: Rental, carrier: str) -> Prices:
    """The prices of a rental, with the rates that a person set for directions in which it had none."""
    prices, found = rental.prices, find_set_rates(tx, [_span(rental, carrier)])
    inbound, outbound = (found.get((rental.id, direction)) for direction in (Direction.INBOUND, Direction.OUTBOUND))
    return prices._replace(
        inbound=inbound if prices.inbound is None else prices.inbound,
        outbound=outbound if prices.outbound is None else prices.outbound,
    )


def last_source(tx: Tx, rental: Rental, carrier: str) -> str | None:
    """The source that was appointed last for a rental."""
    appointed = find_sources(tx, [_span(rental, carrier)]).get(rental.id, [])
    return appointed[-1][1] if appointed else None


def _span(rental: Rental, carrier: str) -> RentedSpan:
    prices = rental.prices
    return RentedSpan(
        rental.id, rental.account_id, rental.e164, carrier, prices.currency, prices.inbound, prices.outbound,
        rental.created_at, rental.released_at,
    )  # fmt: skip
