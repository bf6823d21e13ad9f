"""Periods and billing of calls, from the price rule or the file to the offer, the order, the rental and its rent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from numberdesk.core.billing import parse_billing
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.errors import IdempotencyConflict, PriceChanged
from numberdesk.core.periods import add_months, from_datetime, iso_seconds
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Proration
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.flows.rentals.announce_by_rule import AnnounceByRule, AnnouncedByRule, announce_by_rule
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.set_rent_policies import rent_policy, set_rent_policies
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from testbed.samples import price_rule
from tests.flows import hands
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
from tests.flows.test_renew_rentals import charges, renew

DAY = 86_400_000_000


def at(*date: int) -> int:
    return from_datetime(datetime(*date, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, day, and hours


def sold(decision: Any) -> Sold:
    assert isinstance(decision, Sold), decision
    return decision


@pytest.mark.parametrize(
    ("anchor", "term", "days"),
    [
        (at(2027, 1, 31), "", ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        (at(2028, 2, 29), "12 month", ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        (at(2027, 1, 31), "28 day", ["2027-02-28", "2027-03-28", "2027-04-25", "2027-05-23"]),
    ],
)
def test_what_a_rule_sells_for_a_period_is_charged_on_its_days(
    shop: Shop, anchor: int, term: str, days: list[str]
) -> None:
    shop.now = anchor
    shop.writer.apply(set_price_rules, price_rule(price=PRICE, created_at=anchor, term=term))
    account_id = shop.account(10 * PRICE)
    e164 = shop.number(price_source="rule", term=term)
    order = sold(shop.buy(account_id, e164)).order
    for day in days:
        due = from_datetime(datetime.fromisoformat(day).replace(tzinfo=UTC))
        renew(shop, due)
        (renews_at,) = shop.rows("SELECT renews_at FROM rentals")[0]
        assert renews_at > due
    assert [charge[0] for charge in charges(shop)] == [0, 1, 2, 3, 4]
    assert iso_seconds(order.renews_at or 0)[:10] == days[0]
    shop.verified()


def test_a_buy_by_number_and_price_alone_takes_the_year_that_was_shown_for_it(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number(term="12 month", billing="6/6 150000")
    wanted = shop.wants(account_id, e164, key="k1")
    other = wanted._replace(confirmed=wanted.confirmed._replace(unit="month", every=1), idempotency_key=None)
    (refused,) = shop.buy_all([other])
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, PriceChanged)
    said = ("period_unit", "period_every", "increments")
    assert [refused.error.details[name] for name in said] == ["month", 12, "6/6"]
    order = sold(shop.buy_all([wanted])[0]).order
    assert order.renews_at == add_months(NOW, 12)
    assert shop.rows("SELECT unit, every, billing FROM rentals") == [("month", 12, "6/6 150000")]
    (again,) = shop.buy_all([wanted])
    assert not isinstance(again, Refusal)
    (differs,) = shop.buy_all([wanted._replace(confirmed=wanted.confirmed._replace(every=12))])
    assert isinstance(differs, Refusal)
    assert differs.error == IdempotencyConflict("period_every")
    shop.verified()


def test_a_period_that_changes_is_honoured_as_it_was_shown_for_a_while(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number(term="12 month")
    shop.now += 1
    shop.offer(e164, term="28 day")
    wanted = shop.wants(account_id, e164)
    yearly = wanted._replace(confirmed=wanted.confirmed._replace(unit="month", every=12))
    late = yearly._replace(now=shop.now + QUOTE_LIFETIME)
    assert isinstance(shop.buy_all([late])[0], Refusal)
    assert sold(shop.buy_all([yearly])[0]).order.prices.term.every == 12


def test_a_carriers_offer_keeps_its_terms_until_its_carrier_answered(shop: Shop) -> None:
    account_id = shop.account(5 * PRICE)
    e164 = shop.offer("+12125550123", carrier="beta", term="28 day", billing="- 5")
    order = sold(shop.buy(account_id, e164)).order
    assert (order.prices.term.every, order.prices.billing) == (28, parse_billing("60/60", 5))
    found = shop.rows("SELECT term, billing FROM orders")
    assert found == [("28 day", "60/60 5")]


def test_what_nobody_says_is_billed_as_usual_when_it_is_bought_and_stays_so(shop: Shop) -> None:
    account_id, first, second = shop.account(5 * PRICE), shop.number(), shop.number(billing="1/1 -")
    shop.writer.apply(set_call_terms, CallTerms("pool", NOW - QUOTE_LIFETIME, None, 7, 30, 6))
    sold(shop.buy(account_id, first))
    sold(shop.buy(account_id, second))
    shop.writer.apply(set_call_terms, CallTerms("pool", NOW + 1, None, 9, 60, 60))
    assert shop.rows("SELECT billing FROM rentals ORDER BY id") == [("30/6 7",), ("1/1 7",)]


@pytest.mark.parametrize("carrier", ["pool", "beta"])
def test_usual_terms_that_an_offer_was_shown_with_are_honoured_for_as_long_as_its_prices(
    shop: Shop, carrier: str
) -> None:
    account_id = shop.account(5 * PRICE)
    first, second, late = (
        shop.number() if carrier == "pool" else shop.offer(f"+1212555012{last}", carrier=carrier) for last in range(3)
    )
    shop.writer.apply(set_call_terms, CallTerms(carrier, NOW + 1, None, 9, 60, 60))
    shop.now = NOW + 2
    shown, plain = Confirmation(PRICE, increments="60/60", connect=0), Confirmation(PRICE)
    for e164, confirmed in ((first, shown), (second, plain)):
        order = sold(shop.buy_all([shop.wants(account_id, e164)._replace(confirmed=confirmed)])[0]).order
        assert order.prices.billing == parse_billing("60/60", 0)
    (refused,) = shop.buy_all([shop.wants(account_id, late)._replace(confirmed=shown, now=NOW + 1 + QUOTE_LIFETIME)])
    assert isinstance(refused, Refusal)
    shop.verified()


def test_a_rule_for_another_period_has_no_price_for_a_rental(shop: Shop) -> None:
    rule = price_rule(price=PRICE, created_at=NOW)
    shop.writer.apply(set_price_rules, rule)
    account_id, e164 = shop.account(5 * PRICE), shop.number(price_source="rule")
    rental_id = sold(shop.buy(account_id, e164)).order.rental_id
    shop.writer.apply(set_price_rules, rule._replace(price=12 * PRICE, term="12 month"))
    for price in (None, 7 * PRICE):
        stretch = shop.writer.apply(announce_by_rule, AnnounceByRule(rule.id, "", price, None, None, NOW, RentTerms()))
        assert isinstance(stretch, AnnouncedByRule)
        assert stretch.made == ()
        ((named, error),) = stretch.refused
        assert named == rental_id
        assert "12 months" in error.message


def test_what_is_left_of_a_year_is_given_back_by_the_second(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number(term="12 month")
    shop.writer.apply(set_rent_policies, rent_policy(account_id, {"proration": Proration.RELEASE.value}, NOW))
    order = sold(shop.buy(account_id, e164)).order
    shop.now = NOW + 100 * DAY
    shop.release(account_id, e164)
    length = ((order.renews_at or 0) - NOW) // DAY
    assert shop.wallet(account_id).posted == PRICE * (length - 100) // length
    shop.verified()


def test_a_year_is_repriced_moved_given_back_and_restored_and_the_books_agree(shop: Shop) -> None:
    first, second = shop.account(PRICE), shop.account(2 * PRICE)
    for account_id in (first, second):
        shop.writer.apply(set_rent_policies, rent_policy(account_id, {"proration": Proration.RELEASE.value}, NOW))
    e164 = shop.number(term="12 month")
    rental_id = sold(shop.buy(first, e164)).order.rental_id
    shop.now = NOW + 340 * DAY  # less than the notice before the second year
    asked = announcement(rental_id, 2 * PRICE, None, None, now=shop.now, usual=RentTerms())
    assert shop.writer.apply(announce_prices, asked).from_period == 2
    shop.now += DAY
    moved = hands.transfer(shop, second, e164)
    assert (moved.anchor, moved.renews_at, moved.period) == (NOW, add_months(NOW, 12), 0)
    hands.renew(shop, add_months(NOW, 12))
    assert (shop.wallet(first).posted, shop.wallet(second).posted) == (0, PRICE)
    shop.now = add_months(NOW, 12) + 100 * DAY
    shop.release(second, e164)
    year = (add_months(NOW, 24) - add_months(NOW, 12)) // DAY
    back = PRICE * (year - 100) // year
    assert shop.wallet(second).posted == PRICE + back
    shop.verified()
    shop.now += DAY
    restored = hands.restore(shop, e164)
    again = PRICE * (year - 101) // year
    assert (restored.renews_at, shop.wallet(second).posted) == (add_months(NOW, 24), PRICE + back - again)
    hands.renew(shop, add_months(NOW, 24))  # at twice the price, which the wallet does not cover
    assert shop.rows("SELECT state FROM rentals WHERE id = :id", id=restored.id) == [("past_due",)]
    for day in (1, 2):
        hands.renew(shop, add_months(NOW, 24) + day * DAY)
    assert shop.rows("SELECT state FROM rentals WHERE id = :id", id=restored.id) == [("released",)]
    assert shop.wallet(second).posted == PRICE + back - again
    shop.verified()


def test_weeks_go_on_through_a_grace_that_is_longer_than_they_are(shop: Shop) -> None:
    account_id, e164 = shop.account(2 * PRICE), shop.number(term="7 day")
    shop.writer.apply(set_rent_policies, rent_policy(account_id, {"grace_hours": 480}, NOW))
    rental_id = sold(shop.buy(account_id, e164)).order.rental_id
    for day in range(7, 30):
        hands.renew(shop, NOW + day * DAY)
    assert hands.periods(shop, rental_id) == [(0, "purchased"), (1, "charged")]
    shop.top_up(account_id, 5 * PRICE)
    hands.renew(shop, NOW + 30 * DAY)
    assert hands.periods(shop, rental_id)[2:] == [(period, "charged") for period in (2, 3, 4)]
    assert shop.rows("SELECT state, renews_at FROM rentals") == [("active", NOW + 35 * DAY)]
    shop.verified()
