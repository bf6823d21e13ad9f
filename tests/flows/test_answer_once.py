"""What operators do with numbers under an Idempotency-Key is done once, and what names a rental is about no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from numberdesk.core.errors import IdempotencyConflict, RentalConflict
from numberdesk.core.rent import RentTerms
from numberdesk.core.request_keys import RequestKey, request_key
from numberdesk.flows.rentals.assign_numbers import Assign, GivenPrices, assign_numbers
from numberdesk.flows.rentals.restore_rentals import Restore, restore_rentals
from numberdesk.flows.rentals.take_back_numbers import TakeBack
from numberdesk.flows.rentals.transfer_numbers import NumberTransfer, transfer_numbers
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import assign, done, restore, take_back, take_back_flow, transfer, why

Ask = Callable[..., Any]


def key(shop: Shop, request: str, e164: str, **said: Any) -> RequestKey | None:
    ((operators,),) = shop.rows("SELECT min(id) FROM accounts")
    return request_key(operators, request, "k1", phone_number=e164, **said)


def ask_transfer(shop: Shop, e164: str, to: str, *, rental_id: str | None = None, keyed: bool = False) -> Any:
    given = key(shop, "transfer", e164, account_id=to) if keyed else None
    command = NumberTransfer(e164, to, None, shop.new_id("ord"), why(shop), RentTerms(), rental_id, given)
    return shop.writer.apply(transfer_numbers, command)


def test_a_late_duplicate_of_a_transfer_moves_no_number_again(shop: Shop) -> None:
    first, second = shop.account(20 * PRICE), shop.account(20 * PRICE)
    e164 = shop.number()
    mine = assign(shop, first, e164, charge=True)
    moved = ask_transfer(shop, e164, second, keyed=True)
    named = ask_transfer(shop, e164, second, rental_id=mine.id)
    assert (moved.account_id, named.id) == (second, moved.id)
    back = transfer(shop, first, e164)
    late = ask_transfer(shop, e164, second, keyed=True)
    assert (late.id, late.account_id, late.released_at) == (moved.id, second, back.created_at)
    with pytest.raises(RentalConflict, match="of another rental"):
        ask_transfer(shop, e164, second, rental_id=mine.id)
    with pytest.raises(IdempotencyConflict):
        ask_transfer(shop, e164, first, keyed=True)
    assert [kind for kind, *_ in done(shop)] == ["assign", "transfer", "transfer"]
    assert shop.rows("SELECT account_id FROM rentals WHERE released_at IS NULL") == [(first,)]
    shop.verified()


def test_a_late_duplicate_of_a_take_back_takes_the_number_from_nobody_else(shop: Shop) -> None:
    first, second = shop.account(20 * PRICE), shop.account(20 * PRICE)
    e164 = shop.number()
    mine = assign(shop, first, e164)
    command = TakeBack(e164, why(shop), request_key=key(shop, "take_back", e164))
    taken = shop.writer.apply(take_back_flow, command)
    assert (taken.id, taken.released_at) == (mine.id, shop.now)
    again = transfer(shop, second, restore(shop, e164).e164)
    late = shop.writer.apply(take_back_flow, command._replace(warrant=why(shop)))
    assert (late.id, late.released_at) == (mine.id, taken.released_at)
    with pytest.raises(RentalConflict):
        shop.writer.apply(take_back_flow, TakeBack(e164, why(shop), mine.id))
    assert shop.rows("SELECT id FROM rentals WHERE released_at IS NULL") == [(again.id,)]


def test_a_late_duplicate_of_an_assignment_charges_nothing_again(shop: Shop) -> None:
    account_id = shop.account(20 * PRICE)
    e164 = shop.number()
    said = GivenPrices(), True, None, shop.new_id("ord"), why(shop), key(shop, "assign", e164, account_id=account_id)
    command = Assign(account_id, e164, *said)
    given = shop.writer.apply(assign_numbers, command)
    take_back(shop, e164)
    charged = shop.count("transfers")
    late = shop.writer.apply(assign_numbers, command._replace(order_id=shop.new_id("ord"), warrant=why(shop)))
    assert (late.id, late.released_at is None) == (given.id, False)
    assert shop.count("transfers") == charged


def test_a_late_duplicate_of_a_restoration_lets_nothing_go_on_again(shop: Shop) -> None:
    account_id = shop.account(20 * PRICE)
    e164 = shop.number()
    ended = assign(shop, account_id, e164)
    take_back(shop, e164)
    command = Restore(e164, shop.new_id("ord"), why(shop), ended.id, key(shop, "restore", e164))
    anew = shop.writer.apply(restore_rentals, command)
    named = shop.writer.apply(restore_rentals, command._replace(order_id=shop.new_id("ord"), request_key=None))
    assert named.id == anew.id
    take_back(shop, e164)
    late = shop.writer.apply(restore_rentals, command._replace(order_id=shop.new_id("ord"), warrant=why(shop)))
    assert (late.id, late.released_at is None) == (anew.id, False)
    with pytest.raises(RentalConflict):
        shop.writer.apply(restore_rentals, command._replace(order_id=shop.new_id("ord"), request_key=None))
