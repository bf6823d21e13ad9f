"""Adopt numbers that stand on the operator's account at a carrier: as rentals of accounts, or for sale.

Touches: database.

Nothing is bought, and the carrier hears of nothing: calls go where they went before. What is offered for sale becomes a
number of the own pool, since nobody has to be asked when it is sold. The period that runs when it is adopted is waived,
and until the next one is charged, or a call is, an adoption can be undone: then the number rests, as one that an audit
finds does, and its carrier is not told to take it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from numberdesk.carriers.adopted_offer_store import AdoptedOffer, insert_adopted_offers
from numberdesk.carriers.finding_store import end_findings, lock_findings
from numberdesk.catalog.model import FROM_FILE
from numberdesk.catalog.offer_store import lock_offers
from numberdesk.catalog.remote_search import Known, listing_of_any
from numberdesk.catalog.store import insert_listings, lock_listings, move_listings, take_over_listings
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import lock_rental_connections
from numberdesk.core.adoption import Began
from numberdesk.core.billing import kept_billing, kept_term
from numberdesk.core.connecting import RentalConnection
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError, NumberTaken, RentalConflict
from numberdesk.core.findings import FindingKind
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin, require_move
from numberdesk.core.origins import begun, first_waived, given_order
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, SaleNumber, Wallet
from numberdesk.core.purchase_refusals import standing_refusal
from numberdesk.core.rental import Rental
from numberdesk.flows.rentals.given_records import (
    Given,
    NamedConnections,
    connection_before,
    share_connections,
    wanted_connection,
    write_given,
)
from numberdesk.flows.settings.hand_on_settings import hand_on_settings
from numberdesk.flows.usage.usual_billing import find_usual_billing
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.carrier_release_store import find_on_their_way
from numberdesk.numbers.store import (
    find_latest_rentals,
    latest_rentals,
    lock_sale_numbers,
    save_sale_numbers,
)
from numberdesk.orders.store import find_orders

ON_ITS_WAY = "The number is on its way back to its carrier, and cannot be adopted."


class Adopt(NamedTuple):
    """Make a carrier's number, `number_id` there, a rental of an account; without an `account_id` it is offered."""

    carrier: str
    e164: str
    number_id: str
    account_id: str | None
    prices: Prices
    began: Began
    connection_id: str | None
    order_id: str
    warrant: Warrant


class Adopted(NamedTuple):
    """What became of a number: its rental, None where it is for sale. `anew` is false where it was so before."""

    rental: Rental | None
    anew: bool


def adopt_numbers(tx: Tx, commands: Sequence[Adopt]) -> list[Adopted | NumberdeskError]:
    """The write flow. What its account has by an adoption already is left as it is, so a file may come again."""
    e164s = {command.e164 for command in commands}
    connections = share_connections(tx, [command.connection_id for command in commands])
    wallets = lock_wallets(tx, {command.account_id for command in commands if command.account_id is not None})
    carriers = {command.carrier for command in commands}
    lock_findings(tx, [(carrier, e164, FindingKind.ORPHAN.value) for carrier in carriers for e164 in e164s])
    sale_numbers = lock_sale_numbers(tx, e164s)
    lock_offers(tx, e164s - sale_numbers.keys())  # where whoever orders a number for the first time waits
    sale_numbers |= lock_sale_numbers(tx, e164s - sale_numbers.keys())
    going = find_on_their_way(tx, e164s)
    books = _Books(wallets, sale_numbers, {e164 for _, e164 in going}, connections)
    return [_adopt(tx, command, books) for command in commands]


class _Books(NamedTuple):
    """What a batch sees. `going` are numbers on their way back to a carrier."""

    wallets: Mapping[str, Wallet]
    sale_numbers: dict[str, SaleNumber]
    going: set[str]
    connections: NamedConnections


def _adopt(tx: Tx, command: Adopt, books: _Books) -> Adopted | NumberdeskError:
    number = books.sale_numbers.get(command.e164)
    if number is not None and number.state is NumberState.ASSIGNED and number.account_id == command.account_id:
        return _had_already(tx, command)
    if number is not None and number.carrier == POOL and command.account_id is None:
        return Adopted(None, anew=False)
    refused = _refused(command, number, books)
    if refused is not None:
        return refused
    if command.account_id is None:
        _offer(tx, command, number)
        adopted = Adopted(None, anew=True)
    else:
        connection = wanted_connection(books.connections, command.connection_id, command.account_id)
        if isinstance(connection, InvalidRequest):
            return connection
        last = find_latest_rentals(tx, [command.e164]).get(command.e164)
        before = _connection_left(tx, command, last)
        if isinstance(before, RentalConflict):
            return before
        rental = _rented(tx, command, number, books, connection, before)
        if last is not None:
            hand_on_settings(tx, last, rental, command.warrant.now)
        adopted = Adopted(rental, anew=True)
    end_findings(tx, command.carrier, FindingKind.ORPHAN, [command.e164], command.warrant.now)
    books.sale_numbers.update(lock_sale_numbers(tx, [command.e164]))
    return adopted


def _had_already(tx: Tx, command: Adopt) -> Adopted | NumberdeskError:
    account_id = command.account_id or ""
    rental = latest_rentals(tx, [(account_id, command.e164)])[account_id, command.e164]
    order = find_orders(tx, [rental.order_id])[rental.order_id]
    return Adopted(rental, anew=False) if order.origin is OrderOrigin.ADOPTION else NumberTaken()


def _refused(command: Adopt, number: SaleNumber | None, books: _Books) -> NumberdeskError | None:
    """Why it cannot be adopted."""
    if number is not None and number.carrier == POOL:
        return RentalConflict("had_by_others", "The number is in your own inventory: assign it instead.")
    if number is not None and number.state in (NumberState.CLAIMED, NumberState.ASSIGNED):
        return NumberTaken()
    if command.e164 in books.going:
        return RentalConflict("told", ON_ITS_WAY)
    if number is None and listing_of_any(Known.plain(command.e164)) is None:
        return InvalidRequest("phone_number", "is of no known country")
    return None if command.account_id is None else _refused_for(command, books.wallets.get(command.account_id))


def _refused_for(command: Adopt, wallet: Wallet | None) -> NumberdeskError | None:
    if wallet is None:
        return NotFound("There is no such account.")
    if wallet.currency != command.prices.currency:
        return InvalidRequest("currency", f"must be {wallet.currency}, which the account pays in")
    return standing_refusal(wallet.state, None, is_quoted=True)


def _offer(tx: Tx, command: Adopt, number: SaleNumber | None) -> None:
    """Put it into the own pool, at the prices that the line says."""
    now, prices = command.warrant.now, command.prices
    plain = listing_of_any(Known.plain(command.e164))
    known = lock_listings(tx, [command.e164]).get(command.e164)
    told = known.listing if known is not None else plain
    assert told is not None  # noqa: S101  one of the two is there
    listing = told._replace(
        price_source=FROM_FILE, currency=prices.currency, price=prices.monthly, inbound=prices.inbound,
        outbound=prices.outbound, setup=0, term=kept_term(prices.term), billing=kept_billing(prices.billing),
    )  # fmt: skip
    offer_id = f"ado_{command.warrant.intervention_id.partition('_')[2]}"
    made_by, number_id = command.warrant.made_by, command.number_id
    adopted = AdoptedOffer(offer_id, command.e164, now, command.carrier, number_id, made_by)
    insert_adopted_offers(tx, [adopted])
    if number is None:
        insert_listings(tx, POOL, [listing], now)
        return
    if number.state is not NumberState.WITHDRAWN:
        save_sale_numbers(tx, [number._replace(state=require_move(number.state, NumberState.WITHDRAWN))], now)
    take_over_listings(tx, POOL, [listing], now)


def _connection_left(tx: Tx, command: Adopt, last: Rental | None) -> RentalConnection | RentalConflict | None:
    """What its carrier still has of who rented it last, or is being told to forget."""
    if last is None:
        return None
    before = connection_before(lock_rental_connections(tx, [last.id]), last, command.warrant.now)
    if isinstance(before, RentalConnection) and before.applied_connection_id is None and before.settled_at is not None:
        return None
    return before


def _rented(
    tx: Tx,
    command: Adopt,
    number: SaleNumber | None,
    books: _Books,
    connection: Connection | None,
    before: RentalConnection | None,
) -> Rental:
    account_id, now = command.account_id or "", command.warrant.now
    listing = listing_of_any(Known.plain(command.e164))
    if number is None:
        assert listing is not None  # noqa: S101  else it is refused
        insert_listings(tx, command.carrier, [listing], now)
    elif number.carrier != command.carrier:
        known = lock_listings(tx, [command.e164])[command.e164].listing
        move_listings(tx, command.carrier, [known], now)
    number = lock_sale_numbers(tx, [command.e164])[command.e164]
    prices = find_usual_billing(tx, now).filled(command.carrier, command.prices)
    order = given_order(
        command.order_id, account_id, command.e164, command.carrier, prices, OrderOrigin.ADOPTION, now
    )._replace(carrier_reference=command.number_id or None, connection_id=command.connection_id)
    order, rental = begun(order, anchor=command.began.anchor, period=command.began.period)
    wallet = books.wallets[account_id]
    look = first_waived(rental, wallet, command.warrant.made_by, "it was running when the number was adopted")
    given = Given(order, look, number, command.warrant, InterventionKind.ADOPT, connection, before)
    (adopted,) = write_given(tx, [given], books.wallets, now)
    return adopted
