"""The operator's hands beside the terms of rent: nothing is paid twice, given back twice, or forgotten on the way."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.core.errors import InsufficientBalance
from numberdesk.core.periods import add_months, iso_seconds
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY, RentPrice
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.set_rent_policies import rent_policy, set_rent_policies
from numberdesk.numbers.model import Labels
from tests.flows.conftest import NOW, PRICE, QUARANTINE, Shop
from tests.flows.hands import periods, renew, restore, take_back, told, transfer
from tests.flows.test_refund_rent import MONTH, prorated, refunds
from tests.flows.test_renew_rentals import charges

NEXT = add_months(NOW, 1)


def worth(span: int) -> int:
    """What a part of the first month is worth, which ends with it."""
    return PRICE * span // MONTH


def test_what_was_given_back_is_paid_again_as_the_number_is_restored_from_then_on_and_given_back_once_more(
    shop: Shop,
) -> None:
    account_id, e164 = prorated(shop)
    shop.now = NOW + 10 * DAY
    take_back(shop, e164)
    given_back = shop.wallet(account_id).posted
    assert given_back == worth(MONTH - 10 * DAY)
    shop.now += DAY
    rental = restore(shop, e164)
    assert restore(shop, e164) == rental
    paid = worth(MONTH - 11 * DAY)
    assert (shop.wallet(account_id).posted, periods(shop, rental.id)) == (given_back - paid, [(0, "charged")])
    shop.verified()
    shop.now += 9 * DAY
    take_back(shop, e164)
    again = worth(MONTH - 20 * DAY)
    assert shop.wallet(account_id).posted == given_back - paid + again
    assert refunds(shop) == [(0, given_back), (0, again)]
    shop.verified()
    restore(shop, e164)  # at once: nothing is lost by it
    assert shop.wallet(account_id).posted == given_back - paid
    shop.top_up(account_id, PRICE)
    renew(shop, NEXT)
    assert shop.wallet(account_id).posted == given_back - paid
    shop.verified()


def test_a_number_is_not_restored_for_nothing_by_who_has_spent_what_was_given_back(shop: Shop) -> None:
    account_id, e164 = prorated(shop)
    take_back(shop, e164)
    shop.buy(account_id, shop.number())
    assert shop.wallet(account_id).posted == 0
    with pytest.raises(InsufficientBalance):
        restore(shop, e164)
    assert shop.count("rentals") == 2
    shop.verified()


def test_of_a_period_that_is_over_by_then_nothing_is_paid_again(shop: Shop) -> None:
    account_id, e164 = prorated(shop)
    shop.now = NEXT - DAY
    take_back(shop, e164)
    given_back = shop.wallet(account_id).posted
    shop.now = NEXT + DAY
    rental = restore(shop, e164)
    assert (periods(shop, rental.id), shop.wallet(account_id).posted) == ([(0, "waived")], given_back)
    shop.top_up(account_id, PRICE)
    renew(shop, shop.now)
    assert (charges(shop)[-1], shop.wallet(account_id).posted) == ((1, "charged", PRICE), given_back)
    shop.verified()


def test_a_month_that_one_account_paid_and_another_has_is_given_back_to_neither(shop: Shop) -> None:
    old, e164 = prorated(shop)
    new = shop.account(PRICE)
    for account_id in (old, new):
        shop.writer.apply(set_rent_policies, rent_policy(account_id, {"proration": "release"}, NOW))
    shop.now += DAY
    transfer(shop, new, e164)
    shop.release(new, e164)
    assert (refunds(shop), shop.wallet(old).posted, shop.wallet(new).posted) == ([], 0, PRICE)
    restore(shop, e164)
    renew(shop, NEXT)
    shop.now += DAY
    shop.release(new, e164)
    assert (shop.wallet(old).posted, len(refunds(shop))) == (0, 1)
    assert shop.wallet(new).posted == refunds(shop)[0][1]
    shop.verified()


def announced(shop: Shop, e164: str, price: int, now: int, **rates: int) -> None:
    ((rental_id,),) = shop.rows("SELECT id FROM rentals WHERE released_at IS NULL AND e164 = :e", e=e164)
    inbound, outbound = rates.get("inbound"), rates.get("outbound")
    made = shop.writer.apply(
        announce_prices, announcement(rental_id, price, inbound, outbound, now=now, usual=RentTerms())
    )
    assert isinstance(made, RentPrice)


def changing(shop: Shop, account_id: str) -> list[Any]:
    return [(one["price"], one["from"]) for kind, one in told(shop, account_id) if kind == "rental.price_changing"]


def test_prices_that_were_announced_hold_for_a_restored_number_as_announced(shop: Shop) -> None:
    account_id, e164 = shop.account(9 * PRICE), shop.number()
    shop.buy(account_id, e164)
    announced(shop, e164, 3 * PRICE, NOW)
    shop.now = NEXT - DAY
    take_back(shop, e164)
    restore(shop, e164)
    assert len(set(changing(shop, account_id))) == 1
    renew(shop, NEXT)
    assert charges(shop)[-1] == (1, "charged", 3 * PRICE)
    shop.verified()


def test_who_gets_a_number_whose_price_was_announced_to_another_has_notice_of_it(shop: Shop) -> None:
    old, e164 = shop.account(PRICE), shop.number()
    new, patient = shop.account(9 * PRICE), shop.account(9 * PRICE)
    shop.writer.apply(set_rent_policies, rent_policy(patient, {"notice_days": 90}, NOW))
    shop.buy(old, e164)
    announced(shop, e164, 3 * PRICE, NOW, inbound=5)
    shop.now = NEXT - DAY
    transfer(shop, new, e164)
    assert changing(shop, new) == [("3.45", iso_seconds(add_months(NOW, 2)))]
    renew(shop, NEXT)
    assert charges(shop)[-1] == (1, "charged", PRICE)  # it was told a day ago
    last = transfer(shop, patient, e164)
    renew(shop, add_months(NOW, 2))
    assert shop.wallet(patient).posted == 8 * PRICE
    for month in (3, 4, 5):
        renew(shop, add_months(NOW, month))
    assert periods(shop, last.id)[-1] == (5, "charged")
    assert [amount for _, _, amount in charges(shop)][-3:] == [PRICE, 3 * PRICE, 3 * PRICE]
    assert shop.rows("SELECT inbound FROM rentals WHERE id = :id", id=last.id) == [(5,)]
    shop.verified()


def test_a_number_that_its_customer_lets_end_with_the_month_still_does_after_it_was_restored(shop: Shop) -> None:
    account_id, e164 = shop.account(9 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.writer.apply(label_numbers, Labelling(account_id, e164, Labels(None, None, None), shop.now, auto_renew=False))
    take_back(shop, e164)
    rental = restore(shop, e164)
    assert (rental.auto_renew, rental.ends_at) == (False, NEXT)
    renew(shop, NEXT)
    assert shop.wallet(account_id).posted == 8 * PRICE
    assert told(shop, account_id)[-1][1]["reason"] == "period_end"
    shop.verified()
    shop.now += QUARANTINE // 2
    assert restore(shop, e164).auto_renew  # which it would have to end at once
