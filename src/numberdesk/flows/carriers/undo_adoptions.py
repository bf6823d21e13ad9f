"""Undo adoptions of numbers: of rentals for which nothing was charged yet, and of offers before they were sold.

Touches: database.

The number is the carrier account's again, and nobody's: it rests, as one that an audit finds does, and its carrier is
not told to take it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.intervention_store import insert_interventions
from numberdesk.carriers.adopted_offer_store import AdoptedOffer, find_adopted_offer, undo_adopted_offer
from numberdesk.catalog.remote_search import Known, listing_of_any
from numberdesk.catalog.store import lock_listings, move_listings
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError, RentalConflict
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin, require_move
from numberdesk.core.purchase import POOL, SaleNumber
from numberdesk.core.rent import EndReason
from numberdesk.core.rental import ChargeState, Rental
from numberdesk.flows.connections.want_connections import clear_connections
from numberdesk.flows.rentals.end_rentals import Ending, earliest_ends, released
from numberdesk.flows.rentals.given_records import moved_meanwhile
from numberdesk.flows.settings.hand_on_settings import take_off_settings
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rent_store import list_rent_charges
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import (
    find_holders,
    find_latest_rentals,
    latest_rentals,
    lock_sale_numbers,
    save_sale_numbers,
)
from numberdesk.orders.store import find_orders
from numberdesk.outbox.store import insert_events
from numberdesk.usage.store import has_charged_call

_SOLD: Final = "It was sold since it was adopted: the adoption stands. Withdraw it from the inventory when it is back."


class UndoAdoption(NamedTuple):
    """Take an adoption back, for which nothing was charged. The number rests for `rest` microseconds."""

    e164: str
    rest: int
    warrant: Warrant


def undo_adoptions(tx: Tx, commands: Sequence[UndoAdoption]) -> list[Rental | AdoptedOffer | NumberdeskError]:
    """The write flow: the rentals as they ended, and the offers that there are no more."""
    e164s = {command.e164 for command in commands}
    holders = find_holders(tx, e164s)
    lock_wallets(tx, holders.values())
    lock_sale_numbers(tx, e164s)
    return [_undo(tx, command, holders.get(command.e164)) for command in commands]


def _undo(tx: Tx, command: UndoAdoption, holder: str | None) -> Rental | AdoptedOffer | NumberdeskError:
    sale_number = lock_sale_numbers(tx, [command.e164]).get(command.e164)
    offer = find_adopted_offer(tx, command.e164)
    if sale_number is not None and offer is not None and sale_number.carrier == POOL:
        return _undo_offer(tx, command, sale_number, offer)
    if sale_number is None or sale_number.state is not NumberState.ASSIGNED or holder is None:
        return NotFound("Nobody rents this number.")
    if sale_number.account_id != holder:
        return moved_meanwhile()
    rental = latest_rentals(tx, [(holder, command.e164)])[holder, command.e164]
    order = find_orders(tx, [rental.order_id])[rental.order_id]
    if order.origin is not OrderOrigin.ADOPTION:
        return InvalidRequest("phone_number", "was not adopted")
    charges = list_rent_charges(tx, rental.account_id, rental.id, limit=1_000)
    if any(one.state is not ChargeState.WAIVED for one in charges) or has_charged_call(
        tx, rental.account_id, rental.id
    ):
        return RentalConflict("charged", "Something was charged for it already: take it back instead.")
    warrant = command.warrant
    earliest = earliest_ends(tx, [rental], warrant.now)[rental.id]
    ended = Ending(rental, EndReason.UNDONE, warrant.now, message=warrant.reason, earliest=earliest).ended
    change_rentals(tx, [ended])
    insert_events(tx, [released(ended, EndReason.UNDONE, command.warrant.reason)])
    # The number stays: what was set there for its customer, who has it no more, does not.
    clear_connections(tx, [ended], command.warrant.now)
    take_off_settings(tx, ended, command.warrant.now)
    state = require_move(sale_number.state, NumberState.QUARANTINED)
    nobodys = sale_number._replace(state=state, account_id=None, order_id=None)
    save_sale_numbers(tx, [nobodys], command.warrant.now, quarantined_until=command.warrant.now + command.rest)
    insert_interventions(
        tx, [command.warrant.intervention(InterventionKind.UNDO_ADOPTION, holder, command.e164, rental.id)]
    )
    return ended


def _undo_offer(
    tx: Tx, command: UndoAdoption, number: SaleNumber, offer: AdoptedOffer
) -> AdoptedOffer | NumberdeskError:
    """Take a number out of the own pool, unless it was sold, or is being, since it was adopted."""
    last = find_latest_rentals(tx, [command.e164]).get(command.e164)
    is_had = number.state in (NumberState.CLAIMED, NumberState.ASSIGNED)
    if is_had or (last is not None and last.created_at >= offer.adopted_at):
        return RentalConflict("sold", _SOLD)
    now = command.warrant.now
    plain = listing_of_any(Known.plain(command.e164)) or lock_listings(tx, [command.e164])[command.e164].listing
    move_listings(tx, offer.carrier, [plain], now)
    resting = number._replace(state=NumberState.QUARANTINED, carrier=offer.carrier, prices=None)
    save_sale_numbers(tx, [resting], now, quarantined_until=now + command.rest)
    undone = offer._replace(undone_at=now, undone_by=command.warrant.made_by, undone_reason=command.warrant.reason)
    undo_adopted_offer(tx, undone)
    return undone
