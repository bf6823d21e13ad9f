"""Move rented numbers from one account to another.

Touches: database.

The rental of the one ends and that of the other begins at the same instant, with its anchor, term, prices and period:
the running period stays paid by whoever paid it, and is waived for the other. The number does not rest. Its carrier
hears where calls go now, to the new account's connection or nowhere, and has the former account's emergency address
and caller name taken off. Calls belong to whoever had the number when they began. What renews on its own, what is owed
and what goes on (a period that is due, a call that is held for) comes first: until then it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import lock_rental_connections
from numberdesk.core.call_charging import CUSTOMERS
from numberdesk.core.connecting import RentalConnection
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError, RentalConflict
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin, RentalState
from numberdesk.core.origins import begun, first_waived, given_order, named_period
from numberdesk.core.purchase import Order, SaleNumber, Wallet
from numberdesk.core.purchase_refusals import standing_refusal
from numberdesk.core.rent import EndReason, RentTerms
from numberdesk.core.rental import DAY, Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.rentals.announce_prices import carry_announced
from numberdesk.flows.rentals.answer_once import another_goes_on, answered_once
from numberdesk.flows.rentals.carried_papers import papers_of_next
from numberdesk.flows.rentals.carried_terms import carried_prices, last_source
from numberdesk.flows.rentals.end_rentals import Ending, earliest_ends, released
from numberdesk.flows.rentals.given_records import (
    Given,
    NamedConnections,
    connection_before,
    moved_meanwhile,
    share_connections,
    wanted_connection,
    write_given,
)
from numberdesk.flows.rentals.rent_records import find_terms
from numberdesk.flows.settings.hand_on_settings import hand_on_settings, settings_are_being_told
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import find_holders, latest_rentals, lock_sale_numbers
from numberdesk.orders.store import find_orders
from numberdesk.outbox.store import insert_events
from numberdesk.usage.session_store import has_open_session


class NumberTransfer(NamedTuple):
    """Move a number to an account, there to be connected to `connection_id`. `order_id` is new.

    `rental_id` is the one that is to end, so that a request that comes late moves no other. `usual` are the operator's
    terms of rent, by which the account has notice of prices that were announced.
    """

    e164: str
    account_id: str
    connection_id: str | None
    order_id: str
    warrant: Warrant
    usual: RentTerms
    rental_id: str | None = None
    request_key: RequestKey | None = None


class _Move(NamedTuple):
    """A transfer that nothing stands in the way of."""

    command: NumberTransfer
    rental: Rental
    order: Order
    sale_number: SaleNumber
    connection: Connection | None
    before: RentalConnection | None
    profile_id: str | None


def transfer_numbers(tx: Tx, commands: Sequence[NumberTransfer]) -> list[Rental | NumberdeskError]:
    """The write flow: the rentals of the accounts that have the numbers then.

    A number that its account has by a transfer already is left alone, so a transfer may be asked for again.
    """
    e164s = {command.e164 for command in commands}
    connections = share_connections(tx, [command.connection_id for command in commands])
    holders = find_holders(tx, e164s)
    wallets = lock_wallets(tx, {*holders.values(), *(command.account_id for command in commands)})
    lock_sale_numbers(tx, e164s)
    return answered_once(tx, commands, lambda command: _transfer(tx, command, wallets, connections))


def _transfer(
    tx: Tx, command: NumberTransfer, wallets: Mapping[str, Wallet], connections: NamedConnections
) -> Rental | NumberdeskError:
    sale_number = lock_sale_numbers(tx, [command.e164]).get(command.e164)
    if sale_number is None or sale_number.state is not NumberState.ASSIGNED or sale_number.account_id is None:
        return NotFound("Nobody rents this number.")
    holder = sale_number.account_id
    if holder not in wallets:
        return moved_meanwhile()
    rental = latest_rentals(tx, [(holder, command.e164)])[holder, command.e164]
    order = find_orders(tx, [rental.order_id])[rental.order_id]
    if command.rental_id not in (None, rental.id):
        came_of_it = holder == command.account_id and order.from_rental_id == command.rental_id
        return rental if came_of_it and order.origin is OrderOrigin.TRANSFER else another_goes_on()
    if holder == command.account_id:
        return (
            rental if order.origin is OrderOrigin.TRANSFER else InvalidRequest("account_id", "has this number already")
        )
    refused = _refused(tx, command, rental, wallets)
    return refused or _prepared(tx, command, rental, order, sale_number, wallets, connections)


def _prepared(
    tx: Tx,
    command: NumberTransfer,
    rental: Rental,
    order: Order,
    sale_number: SaleNumber,
    wallets: Mapping[str, Wallet],
    connections: NamedConnections,
) -> Rental | NumberdeskError:
    wanted = wanted_connection(connections, command.connection_id, command.account_id)
    if isinstance(wanted, InvalidRequest):
        return wanted
    before = connection_before(lock_rental_connections(tx, [rental.id]), rental, command.warrant.now)
    if isinstance(before, RentalConflict):
        return before
    being_told = settings_are_being_told(tx, rental, command.warrant.now)
    if being_told is not None:
        return being_told
    papers = papers_of_next(tx, order, command.account_id, command.warrant.now)
    if isinstance(papers, RentalConflict):
        return papers
    return _moved(tx, _Move(command, rental, order, sale_number, wanted, before, papers), wallets)


def _refused(tx: Tx, command: NumberTransfer, rental: Rental, wallets: Mapping[str, Wallet]) -> NumberdeskError | None:
    """Why the number stays where it is."""
    wallet = wallets.get(command.account_id)
    if wallet is None:
        return NotFound("There is no such account.")
    if wallet.currency != rental.prices.currency:
        said = f"The number is paid for in {rental.prices.currency}, and the account pays in {wallet.currency}."
        return RentalConflict("currency", said)
    if has_open_session(tx, rental.account_id, rental.id):
        return RentalConflict("calls", "A call of the number goes on that is paid for as it does. Try again later.")
    return standing_refusal(wallet.state, None, is_quoted=True) or _unpaid(rental, command.warrant.now)


def _unpaid(rental: Rental, now: int) -> RentalConflict | None:
    """What is owed comes first."""
    if rental.state is RentalState.PAST_DUE:
        return RentalConflict("past_due", "The number is past due. Have it paid, or the period waived, first.")
    if rental.parked_at is not None:
        return RentalConflict("parked", "The rent of the number waits for a person. Let it go on first.")
    if rental.renews_at <= now:
        return RentalConflict("period_due", "A period of the number has begun that is not paid yet. Try again soon.")
    return None


def _moved(tx: Tx, move: _Move, wallets: Mapping[str, Wallet]) -> Rental:
    command, rental, now = move.command, move.rental, move.command.warrant.now
    earliest = earliest_ends(tx, [rental], now)[rental.id]
    ended = Ending(rental, EndReason.TRANSFERRED, now, earliest=earliest).ended
    at = ended.released_at or now
    change_rentals(tx, [ended])
    insert_events(tx, [released(ended, EndReason.TRANSFERRED)])
    prices, source = carried_prices(tx, rental, move.order.carrier), last_source(tx, rental, move.order.carrier)
    if source is not None and source.startswith(CUSTOMERS):
        source = None  # it is the former account's own, and tells nothing of another one's calls
    order = given_order(
        command.order_id, command.account_id, rental.e164, move.order.carrier, prices, OrderOrigin.TRANSFER, at
    )._replace(
        carrier_reference=move.order.carrier_reference,
        connection_id=command.connection_id,
        profile_id=move.profile_id,
        from_rental_id=rental.id,
    )
    order, beginning = begun(order, anchor=rental.anchor, period=rental.period)
    look = first_waived(
        beginning, wallets[command.account_id], command.warrant.made_by, named_period(rental, rental.period)
    )
    given = Given(
        order, look, move.sale_number, command.warrant, InterventionKind.TRANSFER, move.connection, move.before, source
    )
    (begun_rental,) = write_given(tx, [given], wallets, now)
    hand_on_settings(tx, ended, begun_rental, now)
    terms = find_terms(tx, [command.account_id], command.usual).get(command.account_id, command.usual)
    carry_announced(tx, ended, begun_rental, now, terms.notice_days * DAY)
    return begun_rental
