"""Release rented numbers: the rental ends, and the number rests.

Touches: database.

A number of the own pool is offered again after its rest. One of another carrier goes back there: that
the carrier has to be told is written in the same transaction (confirm_carrier_releases.py), and from its
customer's release on nobody pays for it, whatever the carrier says.

A release may come twice, the second time late. So it may name the rental, or carry an Idempotency-Key; a
number that was given back by its digits alone rests for a while, so that no other rental of it can be meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.core.errors import IdempotencyConflict, NotFound, NumberdeskError, OrderInProgress
from numberdesk.core.lifecycle import NumberState, RentalState, require_move
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.purchase import POOL, Order, SaleNumber
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.core.schedule import resting
from numberdesk.flows.keyed_requests import KeyedRequests
from numberdesk.infra.db import Tx
from numberdesk.numbers.agreed_time_store import find_agreed_time
from numberdesk.numbers.carrier_release import CarrierRelease, of_rental
from numberdesk.numbers.carrier_release_store import insert_releases
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import (
    find_rental_numbers,
    latest_rentals,
    lock_rentals,
    lock_sale_numbers,
    save_sale_numbers,
)
from numberdesk.orders.store import find_orders
from numberdesk.outbox.model import NUMBER_RELEASED, Event
from numberdesk.outbox.store import insert_events

SHORTEST_REST: Final = 10 * 60 * MICROSECONDS
"""Rest of a number that was given back by its digits alone: so late a second such request may come."""


class Release(NamedTuple):
    """An account gives a number back at `now`: the rental of it that it has, or the one named by `rental_id`.

    A request with a `request_key` ends what the first with this key ended, and nothing else.
    """

    account_id: str
    e164: str
    now: int
    rental_id: str | None = None
    request_key: RequestKey | None = None

    @property
    def names_its_rental(self) -> bool:
        """Whether a second one like this can only mean the same rental."""
        return self.rental_id is not None or self.request_key is not None


def release_numbers(quarantine: int) -> Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]:
    """The write flow, for a quarantine in microseconds.

    Each outcome is the ended rental; one that ended before is answered again unchanged. NotFound
    when the account never had the number or the rental, OrderInProgress while the number is still being ordered.
    """

    def apply(tx: Tx, commands: Sequence[Release]) -> list[Rental | NumberdeskError]:
        books = _load(tx, commands)
        outcomes = [books.release(command) for command in commands]
        _write(tx, books, quarantine)
        books.keyed.save(tx)
        return outcomes

    return apply


@dataclass(slots=True)
class _Books:
    """What the next release of a batch sees. `latest` by account and number, `ended` are those that end now, by id."""

    sale_numbers: dict[str, SaleNumber]
    latest: dict[tuple[str, str], Rental]
    by_id: dict[str, Rental]
    keyed: KeyedRequests
    ended: dict[str, tuple[Rental, Release]] = field(default_factory=dict)

    def release(self, command: Release) -> Rental | NumberdeskError:
        """End a rental, answer as one ended before, or refuse."""
        first = self.keyed.first(command.request_key)
        if isinstance(first, IdempotencyConflict):
            return first
        named = first or command.rental_id
        outcome = self._latest(command) if named is None else self._named(command, named)
        if isinstance(outcome, Rental) and first is None:
            ended_by = self.ended.get(outcome.id)
            in_vain = ended_by is None or ended_by[1] is not command
            self.keyed.note(command.request_key, outcome.id, command.now, in_vain=in_vain)
        return outcome

    def _named(self, command: Release, rental_id: str) -> Rental | NumberdeskError:
        rental = self.by_id.get(rental_id)
        if rental is None or rental.account_id != command.account_id:
            return NotFound("This account has no such rental.")
        return self._ended(rental, command)

    def _latest(self, command: Release) -> Rental | NumberdeskError:
        rental, sale_number = self.latest.get((command.account_id, command.e164)), self.sale_numbers.get(command.e164)
        if (
            sale_number is not None
            and sale_number.state is NumberState.CLAIMED
            and sale_number.account_id == command.account_id
        ):
            return OrderInProgress(details={"order_id": sale_number.order_id})
        if rental is None:
            return NotFound("This account does not rent this number.")
        return self._ended(self.by_id.get(rental.id, rental), command)

    def _ended(self, rental: Rental, command: Release) -> Rental:
        if rental.released_at is None:
            state = require_move(rental.state, RentalState.RELEASED)
            # A clock that went back must not make it end before the period that is paid has begun.
            at = max(command.now, rental.begin_of(rental.period)) if rental.period else command.now
            rental = resting(rental)._replace(
                state=state, updated_at=at, released_at=at, past_due_since=None, parked_at=None
            )
            self.ended[rental.id] = rental, command
        self.by_id[rental.id] = rental
        return rental


def _load(tx: Tx, commands: Sequence[Release]) -> _Books:
    """Lock the numbers and rentals that releases are about."""
    keyed = KeyedRequests(tx, [command.request_key for command in commands])
    ids = {*keyed.outcome_ids, *(command.rental_id for command in commands if command.rental_id is not None)}
    numbers = find_rental_numbers(tx, ids)
    sale_numbers = lock_sale_numbers(tx, {*numbers.values(), *(command.e164 for command in commands if command.e164)})
    latest = latest_rentals(tx, [(command.account_id, command.e164) for command in commands if command.e164])
    return _Books(sale_numbers, latest, lock_rentals(tx, numbers), keyed)


def _write(tx: Tx, books: _Books, quarantine: int) -> None:
    ended = [rental for rental, _ in books.ended.values()]
    change_rentals(tx, ended)
    insert_events(tx, [_released(rental) for rental in ended])
    agreed = find_agreed_time(tx) if ended else None
    for rental, command in books.ended.values():
        sale_number = books.sale_numbers[rental.e164]
        state = require_move(sale_number.state, NumberState.QUARANTINED)
        rest = quarantine if command.names_its_rental else max(quarantine, SHORTEST_REST)
        resting = sale_number._replace(state=state, account_id=None, order_id=None)
        # A clock that went back must not make the rest begin, and so end, before it does.
        begins = rental.updated_at if agreed is None else max(rental.updated_at, agreed.agreed_at)
        save_sale_numbers(tx, [resting], rental.updated_at, quarantined_until=begins + rest)
    _give_back(tx, [rental for rental in ended if books.sale_numbers[rental.e164].carrier != POOL], books.sale_numbers)


def _give_back(tx: Tx, ended: Sequence[Rental], sale_numbers: Mapping[str, SaleNumber]) -> None:
    """Note that carriers have to be told."""
    if not ended:
        return
    orders = find_orders(tx, [rental.order_id for rental in ended])
    insert_releases(tx, [_going_back(rental, sale_numbers[rental.e164], orders[rental.order_id]) for rental in ended])


def _going_back(rental: Rental, sale_number: SaleNumber, order: Order) -> CarrierRelease:
    return of_rental(rental.id, sale_number.carrier, rental.e164, order.carrier_reference, rental.updated_at)


def _released(rental: Rental) -> Event:
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "order_id": rental.order_id,
        "released_at": iso_seconds(rental.released_at or rental.updated_at),
    }
    return NUMBER_RELEASED.event(rental.id, rental.account_id, payload, rental.updated_at)
