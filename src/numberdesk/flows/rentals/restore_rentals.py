"""Let rentals that have ended go on, for as long as their numbers are still to be had.

Touches: database.

A number of the pool is restored while it rests, one of a carrier until that was told to take it back. A new rental of
the same account begins, with the anchor, term, prices, labels and connection of the ended one, in the last period that
is paid: what began since is due at once, as if it had never ended. Calls in between were nobody's. Where what was left
of the period was given back, what is left of it now is charged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.connections.rental_connection_store import lock_rental_connections
from numberdesk.core.errors import InsufficientBalance, InvalidRequest, NotFound, NumberdeskError, RentalConflict
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin
from numberdesk.core.origins import begun, first_waived, given_order, named_period, paid_until, started
from numberdesk.core.purchase import POOL, Order, SaleNumber, Wallet
from numberdesk.core.purchase_refusals import cannot_pay, standing_refusal
from numberdesk.core.rent import RentLook, unused_part
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.core.schedule import is_leased
from numberdesk.flows.rentals.announce_prices import carry_announced
from numberdesk.flows.rentals.answer_once import another_goes_on, answered_once
from numberdesk.flows.rentals.carried_terms import carried_prices, last_source
from numberdesk.flows.rentals.given_records import (
    Given,
    connection_before,
    moved_meanwhile,
    share_connections,
    wanted_connection,
    write_given,
)
from numberdesk.flows.settings.hand_on_settings import hand_on_settings
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.carrier_release import CarrierRelease, of_rental
from numberdesk.numbers.carrier_release_store import call_off_releases, lock_releases
from numberdesk.numbers.rent_store import find_rent_refund, list_rent_charges
from numberdesk.numbers.store import find_latest_rentals, lock_sale_numbers
from numberdesk.orders.store import find_orders

_MOST_PERIODS: Final = 100


class Restore(NamedTuple):
    """Let the rental of a number that ended last go on, no other than `rental_id` if given. `order_id` is new."""

    e164: str
    order_id: str
    warrant: Warrant
    rental_id: str | None = None
    request_key: RequestKey | None = None


def restore_rentals(tx: Tx, commands: Sequence[Restore]) -> list[Rental | NumberdeskError]:
    """The write flow: the rentals that go on. One that was restored already is given again."""
    e164s = {command.e164 for command in commands}
    latest = find_latest_rentals(tx, e164s)
    wallets = lock_wallets(tx, {rental.account_id for rental in latest.values()})
    lock_sale_numbers(tx, e164s)
    return answered_once(tx, commands, lambda command: _restore(tx, command, wallets))


def _restore(tx: Tx, command: Restore, wallets: dict[str, Wallet]) -> Rental | NumberdeskError:
    sale_number = lock_sale_numbers(tx, [command.e164]).get(command.e164)
    rental = find_latest_rentals(tx, [command.e164]).get(command.e164)
    if rental is None or sale_number is None:
        return NotFound("Nobody ever rented this number.")
    order = find_orders(tx, [rental.order_id])[rental.order_id]
    if rental.released_at is None and order.origin is OrderOrigin.RESTORATION:
        return rental if command.rental_id in (None, rental.id, order.from_rental_id) else another_goes_on()
    if command.rental_id not in (None, rental.id):
        return another_goes_on()
    return _ended(tx, command, rental, order, sale_number, wallets)


def _ended(
    tx: Tx, command: Restore, rental: Rental, order: Order, sale_number: SaleNumber, wallets: dict[str, Wallet]
) -> Rental | NumberdeskError:
    wallet = wallets.get(rental.account_id)
    if wallet is None:
        return moved_meanwhile()
    release = lock_releases(tx, [of_rental(rental.id, "", "", None, 0).id]).get(f"rel_{rental.id.removeprefix('rnt_')}")
    refused = _refused(rental, sale_number, release, wallet, command.warrant.now)
    if refused is not None:
        return refused
    given = _given(tx, command, rental, order, sale_number, wallet)
    if isinstance(given, NumberdeskError):
        return given
    wallets[wallet.account_id] = given.look.wallet
    call_off_releases(tx, [] if release is None else [release.id])
    (restored,) = write_given(tx, [given], wallets, command.warrant.now)
    hand_on_settings(tx, rental, restored, command.warrant.now)
    carry_announced(tx, rental, restored, command.warrant.now)
    return restored


def _refused(
    rental: Rental, sale_number: SaleNumber, release: CarrierRelease | None, wallet: Wallet, now: int
) -> NumberdeskError | None:
    """Why it cannot go on."""
    if rental.released_at is None or sale_number.state is NumberState.CLAIMED:
        return RentalConflict("had_by_others", "The number is rented, or being bought.")
    if sale_number.carrier == POOL and sale_number.state is not NumberState.QUARANTINED:
        return RentalConflict("over", "The number rests no more: assign it instead.")
    if sale_number.carrier != POOL:
        return _told(sale_number, release, now) or standing_refusal(wallet.state, None, is_quoted=True)
    return standing_refusal(wallet.state, None, is_quoted=True)


def _told(sale_number: SaleNumber, release: CarrierRelease | None, now: int) -> RentalConflict | None:
    """Why a carrier's number cannot be had any more."""
    if release is None or release.confirmed_at is not None or release.attempts or is_leased(release, now):
        return RentalConflict("told", "Its carrier was told to take the number back, or is just being told.")
    if sale_number.state not in (NumberState.QUARANTINED, NumberState.WITHDRAWN):
        return RentalConflict("over", "The number is somebody else's by now.")
    return None


def _given(
    tx: Tx, command: Restore, rental: Rental, order: Order, sale_number: SaleNumber, wallet: Wallet
) -> Given | NumberdeskError:
    now = max(command.warrant.now, rental.released_at or 0)
    before = connection_before(lock_rental_connections(tx, [rental.id]), rental, command.warrant.now)
    if isinstance(before, RentalConflict):
        return before
    wanted = wanted_connection(share_connections(tx, [rental.connection_id]), rental.connection_id, rental.account_id)
    connection = None if isinstance(wanted, InvalidRequest) else wanted
    prices = carried_prices(tx, rental, order.carrier)
    anew = given_order(
        command.order_id, rental.account_id, rental.e164, order.carrier, prices, OrderOrigin.RESTORATION, now
    )._replace(
        carrier_reference=order.carrier_reference,
        connection_id=None if connection is None else connection.id,
        profile_id=order.profile_id,
        from_rental_id=rental.id,
    )
    period = paid_until(rental, list_rent_charges(tx, rental.account_id, rental.id, limit=_MOST_PERIODS))
    anew, beginning = begun(anew, anchor=rental.anchor, period=period)
    ends_at = None if rental.ends_at is None or rental.ends_at <= now else rental.ends_at
    beginning = beginning._replace(
        friendly_name=rental.friendly_name, agent_id=rental.agent_id, tags=rental.tags, ends_at=ends_at
    )
    look = _first_look(tx, command, rental, beginning, wallet, period)
    if isinstance(look, InsufficientBalance):
        return look
    source = last_source(tx, rental, order.carrier)
    return Given(anew, look, sale_number, command.warrant, InterventionKind.RESTORE, connection, before, source)


def _first_look(
    tx: Tx, command: Restore, ended: Rental, beginning: Rental, wallet: Wallet, period: int
) -> RentLook | InsufficientBalance:
    """The period in which it goes on: paid by the rental that ended, or so much of it as was given back and is left."""
    now = beginning.created_at
    refund = find_rent_refund(tx, ended.id)
    left = 0
    if refund is not None and refund.period == period:
        price, begins, ends = ended.prices.monthly, ended.begin_of(period), ended.begin_of(period + 1)
        left = min(refund.amount, unused_part(price, begins, ends, now))
    if left == 0:
        return first_waived(beginning, wallet, command.warrant.made_by, named_period(ended, period))
    if wallet.available < left:
        return cannot_pay(wallet.available, left, wallet.currency)
    look = RentLook(beginning, wallet)
    look.charge(now, left)
    look.rental = started(look)
    return look
