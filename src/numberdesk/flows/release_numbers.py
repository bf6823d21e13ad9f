"""Release rented numbers: the rental ends, the number rests, then it is offered again.

Touches: database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.core.lifecycle import NumberState, RentalState, require_move
from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.numbers.model import Rental
from numberdesk.numbers.store import change_rentals, latest_rentals, lock_lots, place_lots
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
    when the account never had the number.
    """

    def apply(tx: Tx, commands: Sequence[Release]) -> list[Rental | NumberdeskError]:
        lots = lock_lots(tx, [command.e164 for command in commands])
        rentals = latest_rentals(tx, [(command.account_id, command.e164) for command in commands])
        ended: dict[str, Rental] = {}
        outcomes: list[Rental | NumberdeskError] = []
        for command in commands:
            rental = rentals.get((command.account_id, command.e164))
            if rental is None:
                outcomes.append(NotFound("This account does not rent this number."))
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
        return outcomes

    return apply


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
