"""What is left of a paid period comes back with a release where the terms say so: once, by the second, to the micro."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.periods import MICROSECONDS, add_months
from numberdesk.core.rental import DAY
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.flows.rentals.set_rent_policies import rent_policy, set_rent_policies
from numberdesk.numbers.model import Labels
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.test_record_calls import CENT, Exchange
from tests.flows.test_renew_rentals import charges, renew

MONTH = add_months(NOW, 1) - NOW


def prorated(shop: Shop, balance: int = 0) -> tuple[str, str]:
    """An account whose releases give back, with a number that it has just bought."""
    account_id, e164 = shop.account(PRICE + balance), shop.number()
    shop.writer.apply(set_rent_policies, rent_policy(account_id, {"proration": "release"}, NOW))
    shop.buy(account_id, e164)
    return account_id, e164


def refunds(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT period, amount FROM rent_refunds ORDER BY rental_id")


def test_what_is_left_of_the_month_comes_back_by_the_second_rounded_down(shop: Shop) -> None:
    account_id, e164 = prorated(shop)
    shop.now = NOW + 10 * DAY + 1  # a second that has begun is used
    shop.release(account_id, e164)
    left = (MONTH - 10 * DAY) // MICROSECONDS - 1
    expected = PRICE * left // (MONTH // MICROSECONDS)
    assert refunds(shop) == [(0, expected)]
    last = shop.statement(account_id)[-1]
    assert (last.kind, last.debit, last.amount, last.period) == ("rental_refund", "revenue:rental", expected, 0)
    assert shop.wallet(account_id).posted == expected
    shop.release(account_id, e164)
    assert shop.wallet(account_id).posted == expected
    shop.verified()


def test_a_period_that_the_release_itself_charges_is_given_back_from_its_begin(shop: Shop) -> None:
    account_id, e164 = prorated(shop, PRICE)
    begins, ends = add_months(NOW, 1), add_months(NOW, 2)
    shop.now = begins + DAY
    shop.release(account_id, e164)
    assert charges(shop) == [(0, "purchased", PRICE), (1, "charged", PRICE)]
    assert refunds(shop) == [(1, PRICE * (ends - begins - DAY) // (ends - begins))]
    shop.verified()


def test_a_period_that_was_waived_or_not_paid_gives_nothing_back(shop: Shop) -> None:
    account_id, e164 = prorated(shop)
    shop.now = add_months(NOW, 1) + DAY
    shop.release(account_id, e164)
    assert charges(shop)[-1] == (1, "waived", PRICE)
    assert refunds(shop) == []
    assert shop.wallet(account_id).posted == 0
    shop.verified()


def test_a_rental_that_ends_unpaid_or_at_its_periods_end_gives_nothing_back(shop: Shop) -> None:
    prorated(shop)
    for late in (0, DAY, 2 * DAY):
        renew(shop, add_months(NOW, 1) + late)
    assert shop.rows("SELECT state FROM rentals") == [("released",)]
    assert refunds(shop) == []
    shop.verified()


def test_releases_of_one_batch_give_back_each_its_own(shop: Shop) -> None:
    account_id, first = prorated(shop, PRICE)
    second = shop.number()
    shop.buy(account_id, second)
    shop.now = NOW + DAY
    with shop.database.write() as tx:
        shop.release_numbers(tx, [Release(account_id, e164, shop.now) for e164 in (first, second)])
    each = PRICE * (MONTH - DAY) // MONTH
    assert refunds(shop) == [(0, each), (0, each)]
    assert shop.wallet(account_id).posted == 2 * each
    shop.verified()


def test_what_comes_back_pays_what_is_owed_first(shop: Shop) -> None:
    exchange = Exchange(shop, balance=0)
    exchange.tell(exchange.record("c1", 60))
    shop.writer.apply(set_rent_policies, rent_policy(exchange.account_id, {"proration": "release"}, NOW))
    shop.now += DAY
    shop.release(exchange.account_id, exchange.e164)
    assert exchange.owed() == 0
    assert shop.wallet(exchange.account_id).posted == PRICE * (MONTH - DAY) // MONTH - CENT
    assert [line.kind for line in shop.statement(exchange.account_id)][-2:] == ["rental_refund", "debt_payment"]
    shop.verified()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"grace_hours": -1}, "grace_hours"),
        ({"grace_hours": "soon"}, "grace_hours"),
        ({"notice_days": 3651}, "notice_days"),
        ({"missed": "perhaps"}, "missed"),
        ({"proration": "all"}, "proration"),
        ({"auto_renew": "maybe"}, "auto_renew"),
        ({"reminder_days": "8"}, "reminder_days"),
        ({"reminder_days": "1,x"}, "reminder_days"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        rent_policy("acc_1", terms, NOW)


def test_terms_change_one_by_one_and_leave_no_row_where_none_differs(shop: Shop) -> None:
    account_id = shop.account()
    for terms in ({"grace_hours": 0}, {"reminder_days": "1, 7"}, {"grace_hours": None}):
        shop.writer.apply(set_rent_policies, rent_policy(account_id, terms, NOW))
    assert shop.rows("SELECT grace_hours, reminder_days FROM rent_policies") == [(None, "7,1")]
    shop.writer.apply(set_rent_policies, rent_policy(account_id, {"reminder_days": None}, NOW))
    assert shop.count("rent_policies") == 0
    with pytest.raises(NotFound):
        shop.writer.apply(set_rent_policies, rent_policy("acc_none", {"grace_hours": 1}, NOW))


def test_rentals_of_an_account_that_renews_none_end_with_their_first_period_unless_the_customer_says_so(
    shop: Shop,
) -> None:
    account_id = shop.account(9 * PRICE)
    shop.writer.apply(set_rent_policies, rent_policy(account_id, {"auto_renew": False}, NOW))
    first, second = shop.number(), shop.number()
    other = shop.account(9 * PRICE)
    shop.buy_all([shop.wants(account_id, first), shop.wants(other, shop.number()), shop.wants(account_id, second)])
    choice = Labelling(account_id, second, Labels(None, None, None), NOW, auto_renew=True)
    shop.writer.apply(label_numbers, choice)
    renew(shop, add_months(NOW, 1))
    ended = shop.rows("SELECT e164 FROM rentals WHERE released_at IS NOT NULL")
    assert ended == [(first,)]
    shop.verified()
