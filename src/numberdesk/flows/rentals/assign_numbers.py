"""Give numbers of the own pool to accounts without their buying them.

Touches: database.

The account rents the number from now on, at the number's prices or others that the operator says. The first period is
charged to its wallet, or waived; a setup price never is. Caps on purchases are the customer's matter, and not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError, NumberNotOffered, NumberTaken
from numberdesk.core.interventions import InterventionKind, Warrant
from numberdesk.core.lifecycle import NumberState, OrderOrigin
from numberdesk.core.money import MAX_AMOUNT, format_micros
from numberdesk.core.origins import begun, first_waived, given_order, started
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, SaleNumber, Wallet
from numberdesk.core.purchase_refusals import cannot_pay, standing_refusal
from numberdesk.core.rent import RentLook
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.rentals.answer_once import answered_once
from numberdesk.flows.rentals.given_records import (
    Given,
    NamedConnections,
    share_connections,
    wanted_connection,
    write_given,
)
from numberdesk.flows.settings.want_settings import take_off_former
from numberdesk.flows.usage.usual_billing import UsualBilling, find_usual_billing
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.store import latest_rentals, lock_sale_numbers


class GivenPrices(NamedTuple):
    """What a number is to cost its account, in micros for each of its periods; None is as the number is offered."""

    price: int | None = None
    inbound: int | None = None
    outbound: int | None = None


class Assign(NamedTuple):
    """Give a number to an account. `order_id` is new; `charge`: the wallet pays the first period, else it is waived."""

    account_id: str
    e164: str
    prices: GivenPrices
    charge: bool
    connection_id: str | None
    order_id: str
    warrant: Warrant
    request_key: RequestKey | None = None


def given_prices(price: int | None, inbound: int | None, outbound: int | None) -> GivenPrices:
    """Check what a person typed, in micros. Raises InvalidRequest naming the field."""
    if price is not None and not 0 < price <= MAX_AMOUNT:
        raise InvalidRequest("price", f"must be above 0 and at most {format_micros(MAX_AMOUNT)}")
    for field, rate in (("per_minute_price_inbound", inbound), ("per_minute_price_outbound", outbound)):
        if rate is not None and not 0 <= rate <= MAX_AMOUNT:
            raise InvalidRequest(field, f"must be from 0 to {format_micros(MAX_AMOUNT)}")
    return GivenPrices(price, inbound, outbound)


def assign_numbers(tx: Tx, commands: Sequence[Assign]) -> list[Rental | NumberdeskError]:
    """The write flow: the rentals. One that the account has already is given again, and nothing is charged."""
    known = share_connections(tx, [one.connection_id for one in commands])
    wallets = lock_wallets(tx, {command.account_id for command in commands})
    sale_numbers = lock_sale_numbers(tx, {command.e164 for command in commands})
    latest = latest_rentals(tx, [(command.account_id, command.e164) for command in commands])
    live = {pair: one for pair, one in latest.items() if one.released_at is None}
    books = _Books(wallets, sale_numbers, live, known, find_usual_billing(tx, commands[-1].warrant.now))
    return answered_once(tx, commands, lambda command: _assign(tx, command, books))


def _assign(tx: Tx, command: Assign, books: _Books) -> Rental | NumberdeskError:
    outcome = books.assign(command)
    if not isinstance(outcome, Given):
        return outcome
    (rental,) = write_given(tx, [outcome], books.wallets, command.warrant.now)
    take_off_former(tx, [(rental, outcome.order)], command.warrant.now)
    books.live[command.account_id, command.e164] = rental
    return rental


@dataclass(slots=True)
class _Books:
    """What the next command of a batch sees; `live` rentals by account and number."""

    wallets: dict[str, Wallet]
    sale_numbers: dict[str, SaleNumber]
    live: dict[tuple[str, str], Rental]
    connections: NamedConnections
    usual: UsualBilling

    def assign(self, command: Assign) -> Given | Rental | NumberdeskError:
        """Give the number, answer with what is rented already, or refuse."""
        wallet, sale_number = self.wallets.get(command.account_id), self.sale_numbers.get(command.e164)
        if wallet is None:
            return NotFound("There is no such account.")
        mine = self.live.get((command.account_id, command.e164))
        if mine is not None:
            return mine
        if sale_number is None or sale_number.carrier != POOL:
            return _no_pool_number(sale_number)
        refused = standing_refusal(wallet.state, sale_number.state, is_quoted=True)
        return refused or self._given(command, sale_number, wallet)

    def _given(self, command: Assign, sale_number: SaleNumber, wallet: Wallet) -> Given | NumberdeskError:
        prices = _prices(command.prices, sale_number.prices, wallet.currency)
        connection = wanted_connection(self.connections, command.connection_id, command.account_id)
        if isinstance(prices, InvalidRequest):
            return prices
        if isinstance(connection, InvalidRequest):
            return connection
        now, prices = command.warrant.now, self.usual.filled(POOL, prices)
        order = given_order(
            command.order_id, wallet.account_id, command.e164, POOL, prices, OrderOrigin.ASSIGNMENT, now
        )._replace(connection_id=command.connection_id)
        order, rental = begun(order, anchor=now)
        if command.charge:
            if wallet.available < prices.monthly:
                return cannot_pay(wallet.available, prices.monthly, wallet.currency)
            look = RentLook(rental, wallet)
            look.charge(now)
            look.rental = started(look)
        else:
            look = first_waived(rental, wallet, command.warrant.made_by, command.warrant.reason)
        self.wallets[wallet.account_id] = look.wallet
        given = Given(order, look, sale_number, command.warrant, InterventionKind.ASSIGN, connection)
        self.sale_numbers[command.e164] = sale_number._replace(
            state=NumberState.ASSIGNED, account_id=wallet.account_id, order_id=order.id
        )
        return given


def _no_pool_number(sale_number: SaleNumber | None) -> NumberdeskError:
    if sale_number is not None and sale_number.state in (NumberState.CLAIMED, NumberState.ASSIGNED):
        return NumberTaken()
    return NumberNotOffered("Only a number of the own pool is assigned: buy one of a carrier, or adopt it.")


def _prices(said: GivenPrices, offered: Prices | None, currency: str) -> Prices | InvalidRequest:
    """What it costs: what is said, and what is not as the number is offered, where that is in the account's money."""
    mine = offered if offered is not None and offered.currency == currency else None
    price = said.price if said.price is not None else None if mine is None else mine.monthly
    if price is None:
        return InvalidRequest("price", f"must be said: the number has none in {currency}")
    inbound = said.inbound if said.inbound is not None or mine is None else mine.inbound
    outbound = said.outbound if said.outbound is not None or mine is None else mine.outbound
    if mine is None:
        return Prices(currency, price, inbound, outbound)
    return mine._replace(monthly=price, inbound=inbound, outbound=outbound, setup=0)
