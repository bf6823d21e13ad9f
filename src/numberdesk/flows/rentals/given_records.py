"""What a number that an operator gives leaves in the books: its order and rental, the first period, who did it.

Touches: database.

Ids follow from the order's, so that nothing of it can be written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.intervention_store import insert_interventions
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import (
    ask_removals,
    change_rental_connections,
    lock_rental_connections,
)
from numberdesk.connections.store import find_connections
from numberdesk.core.billing import told_term
from numberdesk.core.connecting import RentalConnection, gone_on
from numberdesk.core.errors import Forbidden, InvalidRequest, RentalConflict
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin, require_move
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import Order, SaleNumber, Wallet
from numberdesk.core.rent import RentLook, RentTerms
from numberdesk.core.rental import Rental
from numberdesk.core.schedule import is_leased
from numberdesk.flows.connections.assign_connections import NO_CONNECTION
from numberdesk.flows.connections.permitted_connections import refused_connections
from numberdesk.flows.connections.want_connections import begin_connecting
from numberdesk.flows.connections.want_trunks import leave_trunks
from numberdesk.flows.rentals.rent_records import write_looks
from numberdesk.infra.db import Tx
from numberdesk.numbers.rental_store import find_rentals, insert_rentals
from numberdesk.numbers.store import save_sale_numbers
from numberdesk.orders.store import insert_orders
from numberdesk.outbox.model import Event
from numberdesk.outbox.rental_event_types import NUMBER_ASSIGNED
from numberdesk.outbox.store import insert_events
from numberdesk.usage.deck_store import find_deck_books
from numberdesk.usage.store import insert_source

NOT_ALLOWED: Final = "leads where calls of this account may not go: allow the account that first"


class Given(NamedTuple):
    """A rental that begins: its order, the rental after its first period, its number, who gave it.

    `connection` is where its calls are to go, None for nothing. `before` is how the rental before stands with its
    connection, and `source` the one whose call records charged for it.
    """

    order: Order
    look: RentLook
    sale_number: SaleNumber
    warrant: Warrant
    kind: InterventionKind
    connection: Connection | None = None
    before: RentalConnection | None = None
    source: str | None = None

    @property
    def rental(self) -> Rental:
        """The rental as it begins. One whose carrier has something set for it says at once what it wants instead."""
        chosen = self.connection is not None or self.before is not None
        return self.look.rental._replace(
            connection_id=None if self.connection is None else self.connection.id,
            connection_generation=1 if chosen else 0,
        )


def write_given(tx: Tx, given: Sequence[Given], wallets: Mapping[str, Wallet], now: int) -> list[Rental]:
    """Write rentals that begin; whatever had their numbers before has ended. `wallets` are as they are afterwards."""
    if not given:
        return []
    given = _told_of_decks(tx, given, now)
    rentals = [one.rental for one in given]
    insert_orders(tx, [one.order for one in given])
    insert_rentals(tx, rentals)
    insert_events(tx, [_assigned(one) for one in given])
    paying = {one.order.account_id: wallets[one.order.account_id] for one in given if one.look.paid}
    write_looks(tx, [(one.look, RentTerms()) for one in given], paying, now)
    save_sale_numbers(tx, [_held(one) for one in given], now)
    insert_interventions(
        tx,
        [
            one.warrant.intervention(one.kind, one.order.account_id, one.order.e164, one.order.rental_id)
            for one in given
        ],
    )
    for one in given:
        if one.source is not None:
            insert_source(tx, one.order.account_id, one.order.rental_id, one.rental.created_at, one.source)
    _connect(tx, given, now)
    return rentals


def _told_of_decks(tx: Tx, given: Sequence[Given], now: int) -> list[Given]:
    """The same, for outbound calls by the deck of their account; what is restored goes on as it was confirmed."""
    books = find_deck_books(tx, {one.order.account_id for one in given}, ())
    told: list[Given] = []
    for one in given:
        order = one.order
        if order.origin is not OrderOrigin.RESTORATION:
            prices = order.prices.told_of(books.told_at(order.account_id, now, now))
            order, rental = order._replace(prices=prices), one.look.rental
            one.look.rental = rental._replace(prices=rental.prices.told_of(prices.billing.deck))
        told.append(one._replace(order=order))
    return told


def _held(one: Given) -> SaleNumber:
    number = one.sale_number
    if number.state is not NumberState.ASSIGNED:
        require_move(number.state, NumberState.ASSIGNED)
    return number._replace(state=NumberState.ASSIGNED, account_id=one.order.account_id, order_id=one.order.id)


def _connect(tx: Tx, given: Sequence[Given], now: int) -> None:
    """Have carriers told of what the new rentals want; the rows of those before rest from now on."""
    change_rental_connections(tx, [gone_on(one.before, now) for one in given if one.before is not None])
    chosen = [one for one in given if one.rental.connection_generation]
    leave_trunks(tx, [one.order.e164 for one in given if not one.rental.connection_generation], now)
    if not chosen:
        return
    connections = {one.connection.id: one.connection for one in chosen if one.connection is not None}
    begin_connecting(tx, [one.rental for one in chosen], {one.order.id: one.order for one in chosen}, connections, now)
    applied = {one.order.rental_id: one.before.applied_connection_id for one in chosen if one.before is not None}
    rows = lock_rental_connections(tx, applied)
    change_rental_connections(tx, [row._replace(applied_connection_id=applied[row.rental_id]) for row in rows.values()])
    _forget_wanted_before(tx, [one.before for one in chosen if one.before is not None], now)


def _forget_wanted_before(tx: Tx, ended: Sequence[RentalConnection], now: int) -> None:
    """What the rentals before wanted last may be at their carriers though no answer said so: nobody asks that again."""
    carriers = {row.rental_id: row.carrier for row in ended}
    wanted = find_rentals(tx, list(carriers))
    ask_removals(tx, [(carriers[one.id], one.connection_id) for one in wanted if one.connection_id is not None], now)


def moved_meanwhile() -> RentalConflict:
    """The refusal where another process gave the number to somebody else between a look and the lock."""
    return RentalConflict("moved", "Somebody else has this number since a moment ago. Look again.")


def connection_before(
    rows: Mapping[str, RentalConnection], rental: Rental, now: int
) -> RentalConnection | RentalConflict | None:
    """How the rental before stands at its carrier; a conflict while that is just being told."""
    row = rows.get(rental.id)
    if row is not None and is_leased(row, now):
        return RentalConflict("connecting", "Its carrier is just being told where calls go. Try again in a minute.")
    return row


class NamedConnections(NamedTuple):
    """Connections that operators name, which nobody changes meanwhile, and those of them that may not be used."""

    known: Mapping[str, Connection]
    refused: Mapping[str, Forbidden]


def share_connections(tx: Tx, connection_ids: Iterable[str | None]) -> NamedConnections:
    """Look connections up that operators name."""
    known = find_connections(tx, [one for one in connection_ids if one is not None], share=True)
    return NamedConnections(known, refused_connections(tx, known.values()))


def wanted_connection(
    named: NamedConnections, connection_id: str | None, account_id: str
) -> Connection | InvalidRequest | None:
    """The connection that an operator names for an account's number."""
    if connection_id is None:
        return None
    connection = named.known.get(connection_id)
    if connection is None or not connection.is_for(account_id):
        return InvalidRequest("connection_id", NO_CONNECTION)
    if connection_id in named.refused:
        return InvalidRequest("connection_id", NOT_ALLOWED)
    return connection


def _assigned(one: Given) -> Event:
    order = one.order
    payload = {
        "phone_number": order.e164,
        "order_id": order.id,
        "id": order.rental_id,
        "origin": order.origin.value,
        "price": format_micros(order.prices.monthly),
        "currency": order.prices.currency,
        **told_term(order.prices.term),
        "assigned_at": iso_seconds(order.completed_at or order.created_at),
        "renews_at": iso_seconds(order.renews_at or order.created_at),
        "message": one.warrant.reason,
    }
    return NUMBER_ASSIGNED.event(order.id, order.account_id, payload, order.completed_at or order.created_at)
