"""The operator's hands: what a person at the desk does with rented numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from numberdesk.core.interventions import Warrant, warrant
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Rental
from numberdesk.flows.rentals.assign_numbers import Assign, GivenPrices, assign_numbers
from numberdesk.flows.rentals.release_numbers import release_numbers
from numberdesk.flows.rentals.renew_rentals import renewals
from numberdesk.flows.rentals.restore_rentals import Restore, restore_rentals
from numberdesk.flows.rentals.take_back_numbers import TakeBack, take_back_numbers
from numberdesk.flows.rentals.transfer_numbers import NumberTransfer, transfer_numbers
from tests.flows.conftest import QUARANTINE, Shop

HOUR = 3_600_000_000
DELAY = 72 * HOUR

take_back_flow = take_back_numbers(release_numbers(QUARANTINE, delay=DELAY))


def why(shop: Shop) -> Warrant:
    return warrant(shop.new_id("itv"), "key_1", "as agreed", shop.now)


def assign(shop: Shop, account_id: str, e164: str, **said: Any) -> Rental:
    prices = GivenPrices(said.pop("price", None), said.pop("inbound", None), said.pop("outbound", None))
    charge, connection_id = said.pop("charge", False), said.pop("connection_id", None)
    command = Assign(account_id, e164, prices, charge, connection_id, shop.new_id("ord"), why(shop))
    return rental_in(shop.writer.apply(assign_numbers, command))


def transfer(shop: Shop, account_id: str, e164: str, connection_id: str | None = None) -> Rental:
    command = NumberTransfer(e164, account_id, connection_id, shop.new_id("ord"), why(shop), RentTerms())
    return rental_in(shop.writer.apply(transfer_numbers, command))


def take_back(shop: Shop, e164: str) -> Rental:
    return rental_in(shop.writer.apply(take_back_flow, TakeBack(e164, why(shop))))


def restore(shop: Shop, e164: str) -> Rental:
    return rental_in(shop.writer.apply(restore_rentals, Restore(e164, shop.new_id("ord"), why(shop))))


def rental_in(outcome: Any) -> Rental:
    assert isinstance(outcome, Rental), outcome
    return outcome


def renew(shop: Shop, at: int) -> None:
    """What the worker does about rent at an instant, where the time of day is right."""
    shop.now = at

    async def past() -> int:
        return shop.now

    shop.tell(shop.work_off(renewals(shop.writer, shop.renew_rentals, lambda: shop.now, past)))


def periods(shop: Shop, rental_id: str) -> list[tuple[Any, ...]]:
    """What became of the periods of a rental."""
    query = "SELECT period, state FROM rent_charges WHERE rental_id = :id ORDER BY period"
    return shop.rows(query, id=rental_id)


def told(shop: Shop, account_id: str) -> list[tuple[str, dict[str, str]]]:
    """The events of an account, in their order."""
    query = (
        "SELECT kind, payload FROM events WHERE account_id = :id AND kind <> 'account.credited' ORDER BY created_at, id"
    )
    return [(kind, json.loads(payload)) for kind, payload in shop.rows(query, id=account_id)]


def kinds(shop: Shop, account_id: str) -> Sequence[str]:
    return [kind for kind, _ in told(shop, account_id)]


def done(shop: Shop) -> list[tuple[Any, ...]]:
    """What operators did, in its order."""
    return shop.rows("SELECT kind, account_id, e164, made_by, reason FROM interventions ORDER BY id")
