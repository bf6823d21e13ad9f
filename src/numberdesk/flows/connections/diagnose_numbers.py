"""Look at a number from all sides: its rental, its connection, what its carrier has, its last calls, the balance.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.port import CarrierError
from numberdesk.connections.livekit import LiveKitError, LiveKitTrunks
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import find_rental_connections
from numberdesk.connections.sealing import logs_in, route_of, wanted_of
from numberdesk.connections.store import find_connections
from numberdesk.connections.trunk_number_store import find_trunk_numbers
from numberdesk.core.call_charging import KeptCall
from numberdesk.core.call_record import Direction
from numberdesk.core.connecting import THEIR_WORDS, RentalConnection, customers_word, state_of
from numberdesk.core.connection import ConnectionKind, ConnectionState, LiveKitRoute, ShownRouting, WantedConnection
from numberdesk.core.diagnosis import Symptoms, sentence
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL, Order, Wallet
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import OFF_TRUNK, TrunkNumber, trunk_number_id, with_trunk
from numberdesk.infra.db import Tx
from numberdesk.infra.reader import Reader
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.ledger.store import find_wallet
from numberdesk.numbers.rental_store import find_rentals
from numberdesk.numbers.store import find_rented, find_rented_by_id
from numberdesk.orders.store import find_orders
from numberdesk.usage.store import list_calls

MOST_CALLS: Final = 10
_CALLS_SINCE: Final = 30 * 86_400 * MICROSECONDS
_MOST_LOOKED_AT: Final = 200
_NO_ANSWER: Final = "its carrier did not tell"
_TOO_OFTEN: Final = "carriers were asked about so many of this account's numbers just now; wait a little"
_OPERATORS: Final = "its operator has to look at the settings"


class NumberConnection(NamedTuple):
    """A rental with what it is connected to, and how that stands: `state` and `message`; `row` is a carrier's."""

    rental: Rental
    connection: Connection | None
    state: ConnectionState
    message: str
    row: RentalConnection | None
    is_pool: bool


class Diagnosis(NamedTuple):
    """All that is known of a number. `shown` is what its carrier has; None where nobody was asked, or `not_asked`."""

    number: NumberConnection
    shown: ShownRouting | None
    not_asked: str
    calls: list[KeptCall]
    wallet: Wallet
    sentence: str


class _Known(NamedTuple):
    number: NumberConnection
    calls: list[KeptCall]
    wallet: Wallet
    refusal: str


def find_number_connection(tx: Tx, account_id: str, e164: str, rental_id: str | None) -> NumberConnection | None:
    """What an account's number, or the rental named, is connected to; None where the account has none such."""
    found = find_rented(tx, account_id, e164) if rental_id is None else find_rented_by_id(tx, account_id, rental_id)
    return None if found is None else number_connection(tx, found.rental)


def number_connection(tx: Tx, rental: Rental) -> NumberConnection:
    """What a rental is connected to."""
    return number_connections(tx, [rental])[0]


def number_connections(tx: Tx, rentals: Collection[Rental]) -> list[NumberConnection]:
    """What rentals are connected to, read as a set."""
    connections = find_connections(tx, {one.connection_id for one in rentals if one.connection_id is not None})
    rows = find_rental_connections(tx, [one.id for one in rentals])
    trunks = find_trunks(tx, rentals, connections)
    orders = find_orders(tx, [one.order_id for one in rentals])
    found = []
    for rental in rentals:
        connection, row = connections.get(rental.connection_id or ""), rows.get(rental.id)
        order: Order = orders[rental.order_id]
        kind, login = (None, False) if connection is None else (connection.kind, logs_in(connection))
        state, message = state_of(rental, order.carrier, kind, row, logs_in=login)
        if rental.released_at is None and connection is not None and connection.kind is ConnectionKind.LIVEKIT:
            is_shared = connection.account_id is None
            state, message = with_trunk(state, message, trunks.get(rental.id), is_shared=is_shared)
        found.append(NumberConnection(rental, connection, state, message, row, order.carrier == POOL))
    return found


def find_trunks(tx: Tx, rentals: Collection[Rental], connections: Mapping[str, Connection]) -> dict[str, TrunkNumber]:
    """How rentals stand with the LiveKit trunks of their connections, by rental."""
    wanted = {
        trunk_number_id(connection.id, rental.e164): rental.id
        for rental in rentals
        if (connection := connections.get(rental.connection_id or "")) is not None
        and connection.kind is ConnectionKind.LIVEKIT
    }
    found = find_trunk_numbers(tx, wanted) if wanted else {}
    return {wanted[row_id]: row for row_id, row in found.items()}


def find_number_connections(tx: Tx, account_id: str, rental_ids: Collection[str]) -> list[NumberConnection]:
    """What an account's rentals are connected to; those that are not its own are left out."""
    return number_connections(tx, [one for one in find_rentals(tx, rental_ids) if one.account_id == account_id])


async def diagnose(
    account_id: str,
    e164: str,
    rental_id: str | None,
    *,
    read: Reader,
    carriers: CarrierClients,
    vault: Vault,
    now: Callable[[], int],
    may_ask: Callable[[], bool],
    trunks: LiveKitTrunks,
    refusal_of_call: Callable[[Tx, str], str],
) -> Diagnosis | None:
    """Look at a number; its carrier and its LiveKit server are asked, if it `may_ask`.

    `refusal_of_call` says why a call to an own number would be refused, "" where it would not. None where
    the account has no such number.
    """

    def known(tx: Tx) -> _Known | None:
        number = find_number_connection(tx, account_id, e164, rental_id)
        wallet = find_wallet(tx, account_id)
        if number is None or wallet is None:
            return None
        recent = list_calls(tx, account_id, since=now() - _CALLS_SINCE, until=None, before=None, limit=_MOST_LOOKED_AT)
        calls = [call for call in recent if call.record.e164 == number.rental.e164][:MOST_CALLS]
        asks = number.is_pool and number.state is ConnectionState.ACTIVE
        refusal = refusal_of_call(tx, number.rental.e164) if asks else ""
        return _Known(number, calls, wallet, refusal)

    found = await read.read(known, for_account=account_id)
    if found is None:
        return None
    shown, not_asked = await _shown(found.number, carriers, vault, may_ask)
    if not not_asked:
        message, not_asked = await _in_trunk(found.number, trunks, vault, may_ask)
        found = found._replace(number=found.number._replace(message=message))
    return Diagnosis(found.number, shown, not_asked, found.calls, found.wallet, _sentence(found, shown, not_asked))


def _sentence(found: _Known, shown: ShownRouting | None, not_asked: str) -> str:
    number, incoming = found.number, [call for call in found.calls if call.record.direction is Direction.INBOUND]
    return sentence(
        Symptoms(
            rental=number.rental.state,
            account=found.wallet.state,
            available=found.wallet.available,
            connection_id=number.rental.connection_id,
            state=number.state,
            message=customers_word(number.state, number.message),
            as_wanted=None if shown is None else shown.as_wanted,
            not_asked=not_asked,
            incoming=[call.record.answered_at is not None for call in incoming],
            refusal=found.refusal,
        )
    )


async def _in_trunk(
    number: NumberConnection, trunks: LiveKitTrunks, vault: Vault, may_ask: Callable[[], bool]
) -> tuple[str, str]:
    """What is said of a number after a look at its trunk, where it should be in one; and why nobody could look."""
    connection = number.connection
    if connection is None or connection.kind is not ConnectionKind.LIVEKIT:
        return number.message, ""
    if number.state is not ConnectionState.ACTIVE or number.rental.released_at is not None:
        return number.message, ""
    if number.is_pool and not may_ask():  # for others it was asked before their carrier was
        return number.message, _TOO_OFTEN
    try:
        route = route_of(connection, vault)
        there = await trunks.numbers(route) if isinstance(route, LiveKitRoute) else frozenset()
    except LiveKitError as error:
        said = (
            "the operator's LiveKit server did not tell" if connection.account_id is None else f"{THEIR_WORDS}{error}"
        )
        return number.message, said
    except (VaultError, ValueError):
        return number.message, _OPERATORS
    return number.message if number.rental.e164 in there else OFF_TRUNK, ""


async def _shown(
    number: NumberConnection, carriers: CarrierClients, vault: Vault, may_ask: Callable[[], bool]
) -> tuple[ShownRouting | None, str]:
    row = number.row
    if row is None or number.rental.released_at is not None:
        return None, ""
    if not may_ask():
        return None, _TOO_OFTEN
    client = await carriers.client(row.carrier)
    if client is None:
        return None, _OPERATORS
    try:
        wanted = WantedConnection("", None) if number.connection is None else wanted_of(number.connection, vault)
        return await client.routing(row.e164, row.carrier_reference, wanted), ""
    except CarrierError:
        return None, _NO_ANSWER
    except (VaultError, ValueError):
        return None, _OPERATORS
