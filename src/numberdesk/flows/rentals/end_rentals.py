"""What the end of rentals leaves in the books: numbers that rest, carriers to be told, events.

Touches: database.

A number of the own pool is offered again after its rest. One of another carrier goes back there: that the carrier has
to be told is written in the same transaction (confirm_carrier_releases.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.core.lifecycle import NumberState, RentalState, require_move
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import POOL, Order, SaleNumber
from numberdesk.core.rent import EndReason
from numberdesk.core.rental import Rental
from numberdesk.core.schedule import resting
from numberdesk.flows.connections.want_connections import clear_connections
from numberdesk.flows.settings.want_settings import clear_settings
from numberdesk.infra.db import Tx
from numberdesk.numbers.agreed_time_store import find_agreed_at, find_agreed_time
from numberdesk.numbers.carrier_release import CarrierRelease, of_rental
from numberdesk.numbers.carrier_release_store import insert_releases
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import save_sale_numbers
from numberdesk.orders.store import find_orders
from numberdesk.outbox.model import Event
from numberdesk.outbox.rental_event_types import NUMBER_RELEASED
from numberdesk.outbox.store import insert_events
from numberdesk.usage.session_store import last_opened
from numberdesk.usage.store import last_begun

_UNASKED: Final = (EndReason.NOT_PAID, EndReason.TAKEN_BACK)


class Ending(NamedTuple):
    """A rental that ends at `now`. `rest` is that of its number, in microseconds; None: as long as usual.

    `message` is what an operator says to its customer. It does not end before `earliest`.
    """

    rental: Rental
    reason: EndReason
    now: int
    rest: int | None = None
    message: str = ""
    earliest: int = 0

    @property
    def ended(self) -> Rental:
        """The rental as it has ended."""
        rental = self.rental
        state = require_move(rental.state, RentalState.RELEASED)
        # A clock that went back must not make it end before it began, or before the period that is paid has begun.
        begun = rental.begin_of(rental.period) if rental.period else rental.created_at
        at = max(self.now, self.earliest, begun)
        return resting(rental)._replace(state=state, updated_at=at, released_at=at, past_due_since=None, parked_at=None)


def earliest_ends(tx: Tx, rentals: Collection[Rental], now: int) -> dict[str, int]:
    """Before when each of some rentals cannot end, however the clock is set by which it is `now`.

    That is the time that was agreed on, and what is known to have begun with its number as its customer's: a call that
    is kept, or one that goes on and is held for. Who closes a session has agreed on the time before.
    """
    if not rentals:
        return {}
    agreed_at, account_ids = find_agreed_at(tx), {rental.account_id for rental in rentals}
    ids = {rental.id for rental in rentals}
    called, talking = last_begun(tx, account_ids, ids, now), last_opened(tx, account_ids, ids)
    return {name: max(agreed_at, called.get(name, -1) + 1, talking.get(name, -1) + 1) for name in ids}


def end_rentals(
    tx: Tx, endings: Sequence[Ending], sale_numbers: Mapping[str, SaleNumber], quarantine: int, delay: int = 0
) -> None:
    """End live rentals whose numbers are locked.

    A carrier is told `delay` microseconds after an end that its customer did not ask for: until then it can be undone.
    """
    if not endings:
        return
    agreed = find_agreed_time(tx)
    ended = [one.ended for one in endings]
    change_rentals(tx, ended)
    insert_events(tx, [released(rental, one.reason, one.message) for rental, one in zip(ended, endings, strict=True)])
    for rental, one in zip(ended, endings, strict=True):
        sale_number = sale_numbers[rental.e164]
        state = require_move(sale_number.state, NumberState.QUARANTINED)
        at_rest = sale_number._replace(state=state, account_id=None, order_id=None)
        # A clock that went back must not make the rest begin, and so end, before it does.
        begins = rental.updated_at if agreed is None else max(rental.updated_at, agreed.agreed_at)
        until = begins + (quarantine if one.rest is None else one.rest)
        save_sale_numbers(tx, [at_rest], rental.updated_at, quarantined_until=until)
    clear_connections(tx, ended, max(one.now for one in endings))
    unasked = {rental.id for rental, one in zip(ended, endings, strict=True) if one.reason in _UNASKED}
    clear_settings(tx, ended, max(one.now for one in endings), may_go_on=unasked)
    theirs = [
        (rental, delay if one.reason in _UNASKED else 0)
        for rental, one in zip(ended, endings, strict=True)
        if sale_numbers[rental.e164].carrier != POOL
    ]
    _give_back(tx, theirs, sale_numbers)


def _give_back(tx: Tx, ended: Sequence[tuple[Rental, int]], sale_numbers: Mapping[str, SaleNumber]) -> None:
    """Note that carriers have to be told, each rental's after so long."""
    if not ended:
        return
    orders = find_orders(tx, [rental.order_id for rental, _ in ended])
    going = [
        (_going_back(rental, sale_numbers[rental.e164], orders[rental.order_id]), delay) for rental, delay in ended
    ]
    insert_releases(tx, [one._replace(next_at=one.asked_at + delay) for one, delay in going])


def _going_back(rental: Rental, sale_number: SaleNumber, order: Order) -> CarrierRelease:
    return of_rental(rental.id, sale_number.carrier, rental.e164, order.carrier_reference, rental.updated_at)


def released(rental: Rental, reason: EndReason, message: str = "") -> Event:
    """The event of a rental that has ended."""
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "order_id": rental.order_id,
        "reason": reason.value,
        "released_at": iso_seconds(rental.released_at or rental.updated_at),
        "message": message,
    }
    return NUMBER_RELEASED.event(rental.id, rental.account_id, payload, rental.updated_at)
