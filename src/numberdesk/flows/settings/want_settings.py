"""Note what emergency address and caller name a rented number is to have, and forget them when its rental ends.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from numberdesk.carriers.compliance_store import profiles_of
from numberdesk.carriers.finding_store import end_findings
from numberdesk.core.compliance import EMERGENCY_ADDRESS_ID
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.findings import FindingKind
from numberdesk.core.number_settings import (
    CALLER_NAME,
    EMERGENCY_ADDRESS,
    NOTHING,
    OF_POOL,
    NumberSettings,
    SettingsState,
    WantedSettings,
    settings_asked,
    settings_ended,
)
from numberdesk.core.purchase import POOL, Order
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.numbers.settings_store import (
    change_settings,
    find_live_settings,
    find_settings,
    insert_settings,
    lock_settings,
    may_have_settings,
    note_given_back,
)
from numberdesk.numbers.store import find_rented, find_rented_by_id, lock_rentals
from numberdesk.orders.store import find_orders

_NOT_RENTED = "This account does not rent this number."
_AGAIN = (SettingsState.FAILED, SettingsState.UNSUPPORTED, SettingsState.DRIFTED)


class SetSettings(NamedTuple):
    """Settings for the number that an account rents, or the rental named by `rental_id`; None leaves one as it is.

    An emergency address is one of those in the account's compliance profiles, unless it is `by_operator`.
    """

    account_id: str
    e164: str
    now: int
    emergency_address: str | None = None
    caller_name: str | None = None
    rental_id: str | None = None
    by_operator: bool = False


class SettingsOfNumber(NamedTuple):
    """A rental with its settings, None where it never had any."""

    rental: Rental
    row: NumberSettings | None


def want_settings(tx: Tx, commands: Sequence[SetSettings]) -> list[SettingsOfNumber | NumberdeskError]:
    """The write flow. The same again changes nothing, but has a carrier told anew that had failed, or has others."""
    return [_want(tx, command) for command in commands]


def find_number_settings(tx: Tx, account_id: str, e164: str, rental_id: str | None) -> SettingsOfNumber | None:
    """What a number that an account rents, or rented last, is to have."""
    found = find_rented(tx, account_id, e164) if rental_id is None else find_rented_by_id(tx, account_id, rental_id)
    return None if found is None else SettingsOfNumber(found.rental, find_settings(tx, found.rental.id))


def set_up_anew(tx: Tx, carrier: str, e164: str, now: int) -> bool:
    """Have a carrier told anew of what a number is to have; False where nobody rents it there, or it has nothing."""
    rental_id = find_live_settings(tx, carrier, e164)
    rental = None if rental_id is None else lock_rentals(tx, [rental_id]).get(rental_id)
    if rental is None or rental.released_at is not None:
        return False
    row = lock_settings(tx, [rental.id])[rental.id]
    if row.wanted == NOTHING:
        return False
    change_settings(tx, [settings_asked(row, row.wanted, now)])
    return True


def end_drifts(tx: Tx, rows: Iterable[NumberSettings], now: int) -> None:
    """What somebody set for a rental that has ended is nobody's concern any more."""
    for row in rows:
        if row.state not in (SettingsState.NONE, SettingsState.ACTIVE):  # it may have been on its way back
            end_findings(tx, row.carrier, FindingKind.SETTINGS_DRIFTED, [row.e164], now)


def clear_settings(tx: Tx, ended: Iterable[Rental], now: int, *, may_go_on: Container[str] = ()) -> None:
    """Forget the settings of rentals that have ended; those that never had any cost one look.

    Of rentals that `may_go_on`, by their ids, they are kept until the carrier has its number back.
    """
    rows = lock_settings(tx, [rental.id for rental in ended])
    end_drifts(tx, rows.values(), now)
    change_settings(tx, [settings_ended(row, now, may_go_on=rental_id in may_go_on) for rental_id, row in rows.items()])


def take_off_former(tx: Tx, begun: Iterable[tuple[Rental, Order]], now: int) -> None:
    """Have carriers take off what they may have set for others, who had the numbers of rentals that begin now."""
    for rental, order in begun:
        if order.carrier == POOL or not may_have_settings(tx, order.carrier, rental.e164):
            continue
        note_given_back(tx, order.carrier, [rental.e164])  # from now on it is the new row that waits for the carrier
        row = NumberSettings(
            rental.id, rental.account_id, order.carrier, rental.e164, order.carrier_reference, "", "", 0,
            SettingsState.NONE, None, may_have=1,
        )  # fmt: skip
        insert_settings(tx, [settings_asked(row, NOTHING, now)])


def _want(tx: Tx, command: SetSettings) -> SettingsOfNumber | NumberdeskError:
    malformed = _malformed(command.emergency_address, command.caller_name)
    if malformed is not None:
        return malformed
    found = find_number_settings(tx, command.account_id, command.e164, command.rental_id)
    if found is None:
        return NotFound(_NOT_RENTED)
    rental = lock_rentals(tx, [found.rental.id])[found.rental.id]
    if rental.released_at is not None:
        return NotFound(_NOT_RENTED)
    order = find_orders(tx, [rental.order_id])[rental.order_id]
    row = lock_settings(tx, [rental.id]).get(rental.id)
    before = NOTHING if row is None else row.wanted
    wanted = WantedSettings(
        before.emergency_address if command.emergency_address is None else command.emergency_address,
        before.caller_name if command.caller_name is None else command.caller_name,
    )
    error = _wrong(tx, command, order, wanted, before)
    if error is not None:
        return error
    if wanted != before or (row is not None and row.state in _AGAIN):
        row = _written(tx, row, rental, order, wanted, command.now)
    return SettingsOfNumber(rental, row)


def _written(
    tx: Tx, row: NumberSettings | None, rental: Rental, order: Order, wanted: WantedSettings, now: int
) -> NumberSettings:
    is_new = row is None
    if row is None:
        state = SettingsState.NONE
        row = NumberSettings(
            rental.id, rental.account_id, order.carrier, rental.e164, order.carrier_reference, "", "", 0, state, None
        )
    row = settings_asked(row, wanted, now)
    if order.carrier == POOL:
        none = wanted == NOTHING
        row = row._replace(
            state=SettingsState.NONE if none else SettingsState.UNSUPPORTED, message="" if none else OF_POOL,
            next_at=None, settled_at=now, may_have=0,
        )  # fmt: skip
    if is_new:
        insert_settings(tx, [row])
    else:
        change_settings(tx, [row])
    return row


def _malformed(address: str | None, name: str | None) -> InvalidRequest | None:
    """What can be said of them without a look at whose they are to be."""
    if name and not CALLER_NAME.fullmatch(name):
        return InvalidRequest("caller_name", "must be at most 15 letters, digits and blanks")
    if address and not EMERGENCY_ADDRESS.fullmatch(address):
        return InvalidRequest("emergency_address", "must be the id of an address: letters, digits and -")
    return None


def _wrong(
    tx: Tx, command: SetSettings, order: Order, wanted: WantedSettings, before: WantedSettings
) -> InvalidRequest | None:
    address = wanted.emergency_address
    if not address or command.by_operator or address == before.emergency_address:
        return None
    theirs = profiles_of(tx, [command.account_id]).get(command.account_id, [])
    registered = {
        one.papers.get(EMERGENCY_ADDRESS_ID)
        for one in theirs
        if one.carrier == order.carrier and one.is_good(command.now)
    }
    if address not in registered:
        return InvalidRequest("emergency_address", "is none that is registered for this account: ask its operator")
    return None
