"""Take rented numbers back from their accounts, for a reason that the customer is told.

Touches: database.

It is a release that an operator makes: periods that began before are charged as far as the wallet reaches, the number
rests, and its carrier is told after a delay, until when the rental can be restored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from numberdesk.accounts.intervention_store import insert_interventions, list_interventions
from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.rent import EndReason
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.rentals.answer_once import another_goes_on, answered_once
from numberdesk.flows.rentals.given_records import moved_meanwhile
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.store import find_holders, find_latest_rentals, lock_sale_numbers

ReleaseFlow = Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]


class TakeBack(NamedTuple):
    """Take a number back from whoever rents it; where `rental_id` names the one that is to end, from nobody else."""

    e164: str
    warrant: Warrant
    rental_id: str | None = None
    request_key: RequestKey | None = None


def take_back_numbers(release: ReleaseFlow) -> Callable[[Tx, Sequence[TakeBack]], list[Rental | NumberdeskError]]:
    """The write flow: the ended rentals. One that was taken back before is answered again unchanged."""

    def apply(tx: Tx, commands: Sequence[TakeBack]) -> list[Rental | NumberdeskError]:
        e164s = {command.e164 for command in commands}
        holders = find_holders(tx, e164s)
        lock_wallets(tx, holders.values())
        lock_sale_numbers(tx, e164s)
        return answered_once(tx, commands, lambda command: _take_back(tx, command, holders.get(command.e164), release))

    return apply


def _take_back(tx: Tx, command: TakeBack, holder: str | None, release: ReleaseFlow) -> Rental | NumberdeskError:
    rental = find_latest_rentals(tx, [command.e164]).get(command.e164)
    if rental is not None and command.rental_id not in (None, rental.id):
        return another_goes_on()
    if rental is None or rental.released_at is not None:
        last = next(iter(list_interventions(tx, e164=command.e164, limit=1)), None)
        if (
            rental is not None
            and last is not None
            and (last.kind, last.rental_id) == (InterventionKind.TAKE_BACK, rental.id)
        ):
            return rental
        return NotFound("Nobody rents this number.")
    if rental.account_id != holder:
        return moved_meanwhile()
    warrant = command.warrant
    taken = Release(holder, rental.e164, warrant.now, rental.id, None, EndReason.TAKEN_BACK, warrant.reason)
    (ended,) = release(tx, [taken])
    if isinstance(ended, Rental):
        insert_interventions(
            tx, [warrant.intervention(InterventionKind.TAKE_BACK, ended.account_id, ended.e164, ended.id)]
        )
    return ended
