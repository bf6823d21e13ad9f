"""Release rented numbers: the rental ends, and the number rests.

Touches: database.

A number of the own pool is offered again after its rest. One of another carrier goes back there: that
the carrier has to be told is written in the same transaction (confirm_carrier_releases.py), and from its
customer's release on nobody pays for it, whatever the carrier says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from numberdesk.core.errors import NotFound, NumberdeskError, OrderInProgress
from numberdesk.core.lifecycle import NumberState, RentalState, require_move
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import POOL, Lot, Order
from numberdesk.infra.db import Tx
from numberdesk.numbers.carrier_release import CarrierRelease, of_rental
from numberdesk.numbers.carrier_release_store import insert_releases
from numberdesk.numbers.model import Rental
from numberdesk.numbers.store import change_rentals, latest_rentals, lock_lots, place_lots
from numberdesk.orders.store import find_orders
from numberdesk.outbox.model import NUMBER_RELEASED, Event
from numberdesk.outbox.store import insert_events


class Release(NamedTuple):
    """An account gives a number back at `now`."""

    account_id: str
    e164: str
    now: int


def release_numbers(quarantine: int) -> Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]:
    """The write flow, for a quarantine in microseconds.

    Each outcome is the ended rental; one that ended before is answered again unchanged. NotFound
    when the account never had the number, OrderInProgress while it is still being ordered.
    """

    def apply(tx: Tx, commands: Sequence[Release]) -> list[Rental | NumberdeskError]:
        lots = lock_lots(tx, [command.e164 for command in commands])
        rentals = latest_rentals(tx, [(command.account_id, command.e164) for command in commands])
        ended: dict[str, Rental] = {}
        outcomes: list[Rental | NumberdeskError] = []
        for command in commands:
            rental, lot = rentals.get((command.account_id, command.e164)), lots.get(command.e164)
            if rental is None or _is_being_ordered(lot, command):
                outcomes.append(_not_rented(lot, command))
                continue
            if rental.released_at is None:
                rental = ended[rental.id] = rentals[rental.account_id, rental.e164] = _ended(rental, command.now)
            outcomes.append(rental)
        change_rentals(tx, list(ended.values()))
        insert_events(tx, [_released(rental) for rental in ended.values()])
        for rental in ended.values():
            lot = lots[rental.e164]
            state = require_move(lot.state, NumberState.QUARANTINED)
            resting = lot._replace(state=state, account_id=None, order_id=None)
            place_lots(tx, [resting], rental.updated_at, quarantined_until=rental.updated_at + quarantine)
        _give_back(tx, [rental for rental in ended.values() if lots[rental.e164].carrier != POOL], lots)
        return outcomes

    return apply


def _is_being_ordered(lot: Lot | None, command: Release) -> bool:
    return lot is not None and lot.state is NumberState.CLAIMED and lot.account_id == command.account_id


def _not_rented(lot: Lot | None, command: Release) -> NumberdeskError:
    if lot is not None and _is_being_ordered(lot, command):
        return OrderInProgress(details={"order_id": lot.order_id})
    return NotFound("This account does not rent this number.")


def _give_back(tx: Tx, ended: Sequence[Rental], lots: Mapping[str, Lot]) -> None:
    """Note that carriers have to be told."""
    if not ended:
        return
    orders = find_orders(tx, [rental.order_id for rental in ended])
    insert_releases(tx, [_going_back(rental, lots[rental.e164], orders[rental.order_id]) for rental in ended])


def _going_back(rental: Rental, lot: Lot, order: Order) -> CarrierRelease:
    return of_rental(rental.id, lot.carrier, rental.e164, order.carrier_reference, rental.updated_at)


def _ended(rental: Rental, now: int) -> Rental:
    state = require_move(rental.state, RentalState.RELEASED)
    return rental._replace(state=state, updated_at=now, released_at=now)


def _released(rental: Rental) -> Event:
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "order_id": rental.order_id,
        "released_at": iso_seconds(rental.released_at or rental.updated_at),
    }
    suffix = rental.id.removeprefix("rnt_")
    return Event(f"evt_rel_{suffix}", rental.account_id, NUMBER_RELEASED, json.dumps(payload), rental.updated_at)
