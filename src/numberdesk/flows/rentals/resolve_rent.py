"""What a person decides about rent: to waive a period that began and is not charged, and to go on with what is parked.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.periods import iso_seconds
from numberdesk.core.rent import RentLook, RentTerms
from numberdesk.core.rental import Rental
from numberdesk.core.text import TextError, parse_text
from numberdesk.flows.rentals.rent_records import write_looks
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rent_store import find_rent_prices
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import find_rental_accounts, lock_rentals

LONGEST_REASON: Final = 200


class Waiver(NamedTuple):
    """Do not charge the period of a rental that comes next and has begun at `now`: who says so, and why."""

    rental_id: str
    waived_by: str
    reason: str
    now: int


def waiver(rental_id: str, waived_by: str, reason: str, now: int) -> Waiver:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    try:
        return Waiver(rental_id, waived_by, parse_text(reason, longest=LONGEST_REASON), now)
    except TextError as error:
        raise InvalidRequest("reason", str(error)) from None


def waive_rent(tx: Tx, commands: Sequence[Waiver]) -> list[Rental | NumberdeskError]:
    """The write flow: rentals as they are then. NotFound for none that goes on, InvalidRequest for one that is paid."""
    ids = [command.rental_id for command in commands]
    wallets = lock_wallets(tx, find_rental_accounts(tx, ids).values())
    rentals = lock_rentals(tx, ids)
    prices = find_rent_prices(tx, rentals.values())
    looks: list[tuple[RentLook, RentTerms]] = []
    outcomes: list[Rental | NumberdeskError] = []
    for command in commands:
        rental = rentals.get(command.rental_id)
        if rental is None or rental.released_at is not None:
            outcomes.append(NotFound("There is no such rental that goes on."))
            continue
        if rental.renews_at > command.now:
            paid = f"is of a rental that is paid until {iso_seconds(rental.renews_at)}: nothing is to be waived"
            outcomes.append(InvalidRequest("rental", paid))
            continue
        look = RentLook(rental, wallets[rental.account_id], prices.get(rental.id, ()))
        look.waive(command.waived_by, command.reason, command.now)
        look.rental = _due(look.rental)
        rentals[rental.id] = look.rental
        looks.append((look, RentTerms()))
        outcomes.append(look.rental)
    write_looks(tx, looks, {}, commands[-1].now)
    change_rentals(tx, list({look.rental.id: look.rental for look, _ in looks}.values()))
    return outcomes


def resume_rentals(tx: Tx, commands: Sequence[str]) -> list[Rental | NumberdeskError]:
    """The write flow: rentals of these ids, parked ones due again. NotFound for none that goes on."""
    rentals = lock_rentals(tx, commands)
    resumed = {
        rental.id: _due(rental)
        for rental in rentals.values()
        if rental.released_at is None and rental.parked_at is not None
    }
    change_rentals(tx, list(resumed.values()))
    none = NotFound("There is no such rental that goes on.")
    found = {rental.id: rental for rental in rentals.values() if rental.released_at is None} | resumed
    return [found.get(rental_id, none) for rental_id in commands]


def _due(rental: Rental) -> Rental:
    """The rental to be looked at at once: its period began, so that instant has passed by any clock."""
    begun = rental.begin_of(rental.period)
    return rental._replace(next_at=begun, parked_at=None, message="", leased_until=None)
