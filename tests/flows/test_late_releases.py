"""A release by digits that comes a second time, late, beside what an operator gave back meanwhile."""

from __future__ import annotations

import pytest

from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.rentals.release_numbers import Release, release_numbers
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import HOUR, assign, restore, transfer

MINUTE = 60 * MICROSECONDS


@pytest.mark.parametrize("given_by", ["restore", "assign", "transfer"])
def test_a_late_second_release_by_digits_spares_what_an_operator_gave_back_since(shop: Shop, given_by: str) -> None:
    account_id, e164 = shop.account(9 * PRICE), shop.number()
    first = assign(shop, account_id, e164)
    shop.now += MINUTE
    if given_by == "transfer":
        transfer(shop, shop.account(9 * PRICE), e164)
        anew = transfer(shop, account_id, e164)
    elif given_by == "restore":
        shop.release(account_id, e164)
        anew = restore(shop, e164)
    else:
        named = Release(account_id, e164, shop.now, first.id)
        shop.writer.apply(release_numbers(0), named)
        shop.writer.apply(clean_up, Cleanup(shop.now, HOUR))
        anew = assign(shop, account_id, e164)
    shop.now += 10 * MINUTE - 1
    late = shop.release(account_id, e164)
    assert late.id == first.id
    assert shop.rows("SELECT id FROM rentals WHERE e164 = :e164 AND released_at IS NULL", e164=e164) == [(anew.id,)]
    shop.now += 1
    assert shop.release(account_id, e164).id == anew.id
    shop.verified()
