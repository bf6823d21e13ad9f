"""Rentals are renewed as their time comes: each period charged or waived once, whoever looks, however often."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import text

from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.periods import add_months, iso_seconds
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY, RentPrice
from numberdesk.flows.agree_on_time import AgreedClock, TimeReading, agree_on_time
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.renew_rentals import renew_rentals, renewals
from numberdesk.infra.due_work import DueWork, TakeUp
from numberdesk.numbers.model import Labels
from numberdesk.numbers.rent_store import RentPolicy, find_renewing, insert_rent_prices, save_rent_policy
from tests.flows.conftest import NOW, PRICE, QUARANTINE, Shop

TERMS: Final = RentTerms()


def work(shop: Shop) -> DueWork[Any, Any]:
    """The kind of due work, where the time of day is right."""

    async def past() -> int:
        return shop.now

    return renewals(shop.writer, shop.renew_rentals, lambda: shop.now, past)


def renew(shop: Shop, at: int) -> None:
    shop.now = at
    shop.tell(shop.work_off(work(shop)))


def rented(shop: Shop, balance: int, **changes: Any) -> str:
    """An account that has just bought a number, and `balance` left."""
    account_id = shop.account(PRICE + balance)
    shop.buy(account_id, shop.number(**changes))
    return account_id


def charges(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT period, state, amount FROM rent_charges ORDER BY rental_id, period")


def told(shop: Shop, kind: str) -> list[dict[str, str]]:
    found = shop.rows("SELECT payload FROM events WHERE kind = :kind ORDER BY id", kind=kind)
    return [json.loads(payload) for (payload,) in found]


def test_a_month_later_a_rental_is_charged_told_of_and_runs_on(shop: Shop) -> None:
    account_id = rented(shop, PRICE)
    renew(shop, add_months(NOW, 1) - 1)
    assert charges(shop) == [(0, "purchased", PRICE)]
    renew(shop, add_months(NOW, 1))
    assert charges(shop) == [(0, "purchased", PRICE), (1, "charged", PRICE)]
    last = shop.statement(account_id)[-1]
    assert (last.kind, last.amount, last.period, last.order_id, last.balance_after) == ("rental", PRICE, 1, None, 0)
    assert shop.rows("SELECT period, renews_at, state FROM rentals") == [(1, add_months(NOW, 2), "active")]
    assert [(one["period"], one["price"]) for one in told(shop, "rental.renewed")] == [("1", "1.15")]
    shop.verified()


def test_a_second_look_changes_nothing(shop: Shop) -> None:
    rented(shop, 5 * PRICE)
    renew(shop, add_months(NOW, 1))
    before = shop.rows("SELECT * FROM rentals")
    renew(shop, add_months(NOW, 1))
    assert shop.rows("SELECT * FROM rentals") == before
    assert len(charges(shop)) == 2


def test_two_processes_with_clocks_ten_minutes_apart_charge_once(shop: Shop, beside: Callable[[], Shop]) -> None:
    other = beside()
    for _ in range(5):
        rented(shop, 5 * PRICE)
    shop.now = add_months(NOW, 1)

    async def ahead() -> int:
        return shop.now + 600_000_000

    async def both() -> None:
        late = renewals(other.writer, renew_rentals(TERMS, QUARANTINE), lambda: shop.now + 600_000_000, ahead)
        await shop.work_off(work(shop))
        await other.work_off(late)
        await shop.work_off(work(shop))

    shop.tell(both(), other)
    assert charges(shop) == [(0, "purchased", PRICE), (1, "charged", PRICE)] * 5
    shop.verified()


def test_a_row_that_was_taken_up_twice_is_charged_once(shop: Shop) -> None:
    """Who took it up first comes back after its lease is over and somebody else has noted it."""
    rented(shop, 5 * PRICE)
    shop.now = add_months(NOW, 1)
    kind = work(shop)

    first = shop.writer.apply(kind.table.take_up, TakeUp("USD", shop.now, 10))[0]
    later = shop.now + kind.table.lease + 1
    second = shop.writer.apply(kind.table.take_up, TakeUp("USD", later, 10))[0]

    async def noted() -> list[str]:
        return [await kind.note(row, later) for row in (second, first)]

    assert shop.tell(noted()) == ["done", "lease_lost"]
    assert charges(shop) == [(0, "purchased", PRICE), (1, "charged", PRICE)]


def test_what_the_wallet_does_not_cover_is_past_due_told_once_and_released_after_the_grace(shop: Shop) -> None:
    rented(shop, PRICE - 1)
    due = add_months(NOW, 1)
    renew(shop, due)
    assert shop.rows("SELECT state, past_due_since FROM rentals") == [("past_due", due)]
    renew(shop, due + DAY)
    renew(shop, due + TERMS.grace - 1)
    assert shop.rows("SELECT state FROM numbers") == [("assigned",)]
    renew(shop, due + TERMS.grace)
    assert shop.rows("SELECT state, past_due_since, next_at FROM rentals") == [("released", None, None)]
    assert shop.rows("SELECT state, quarantined_until FROM numbers") == [("quarantined", shop.now + QUARANTINE)]
    assert len(told(shop, "rental.past_due")) == 1
    assert [one["reason"] for one in told(shop, "number.released")] == ["not_paid"]
    assert charges(shop) == [(0, "purchased", PRICE), (1, "waived", PRICE)]
    shop.verified()


def test_money_that_comes_within_the_grace_pays_at_once(shop: Shop) -> None:
    account_id = rented(shop, 0)
    due = add_months(NOW, 1)
    renew(shop, due)
    shop.now = due + TERMS.grace - 1
    shop.top_up(account_id, PRICE)
    renew(shop, shop.now)
    assert shop.rows("SELECT state, period, anchor FROM rentals") == [("active", 1, NOW)]
    assert charges(shop)[-1] == (1, "charged", PRICE)
    shop.verified()


def test_money_that_comes_a_second_after_the_release_stays_in_the_wallet(shop: Shop) -> None:
    account_id = rented(shop, 0)
    due = add_months(NOW, 1)
    for at in (due, due + DAY, due + TERMS.grace):
        renew(shop, at)
    shop.top_up(account_id, PRICE)
    renew(shop, shop.now + DAY)
    assert shop.wallet(account_id).posted == PRICE
    assert shop.rows("SELECT state FROM rentals") == [("released",)]
    shop.verified()


def test_money_for_one_of_two_numbers_pays_one(shop: Shop) -> None:
    account_id = shop.account(3 * PRICE)
    for _ in range(2):
        shop.buy(account_id, shop.number())
    renew(shop, add_months(NOW, 1))
    assert sorted(shop.rows("SELECT state FROM rentals")) == [("active",), ("past_due",)]
    shop.verified()


def test_who_could_not_pay_is_told_a_week_and_a_day_before(shop: Shop) -> None:
    rented(shop, PRICE - 1)
    due = add_months(NOW, 1)
    for before in (7 * DAY, DAY):
        renew(shop, due - before)
    assert [(one["available"], one["price"]) for one in told(shop, "renewal.upcoming")] == [("1.149999", "1.15")] * 2
    renew(shop, due)
    for one in (*told(shop, "renewal.upcoming"), *told(shop, "rental.past_due")):
        assert (one["period"], one["period_every"], one["period_unit"]) == ("1", "1", "month")
        assert one.get("renews_at", one.get("began_at")) == iso_seconds(due)
    assert len(told(shop, "rental.past_due")) == 1
    shop.verified()


@pytest.mark.parametrize("left", [2, 3, 4])
def test_whoever_cannot_pay_for_all_that_renews_is_told_though_each_number_alone_is_covered(
    shop: Shop, left: int
) -> None:
    account_id = shop.account((4 + left) * PRICE)
    numbers = [shop.number() for _ in range(4)]
    for place, e164 in enumerate(numbers):
        shop.buy(account_id, e164)
        shop.now += DAY * (place == 2)  # the last one is bought, and renews, a day later
    shop.buy(shop.account(2 * PRICE), shop.number())
    due = add_months(NOW, 1)
    renew(shop, due - 7 * DAY)
    first = [(one["phone_number"], one["renewing"]) for one in told(shop, "renewal.upcoming")]
    assert sorted(first) == ([(e164, "3.45") for e164 in numbers[:3]] if left < 3 else [])
    renew(shop, due - 6 * DAY)
    last = [one["renewing"] for one in told(shop, "renewal.upcoming") if one["phone_number"] == numbers[3]]
    assert last == (["4.6"] if left < 4 else [])
    shop.verified()


def test_prices_that_were_announced_and_numbers_that_end_count_as_they_will_be(shop: Shop) -> None:
    account_id = shop.account(6 * PRICE)
    numbers = [shop.number() for _ in range(3)]
    for e164 in numbers:
        shop.buy(account_id, e164)
    rentals = [rental_id for (rental_id,) in shop.rows("SELECT id FROM rentals ORDER BY e164")]
    dear = RentPrice("rpr_1", rentals[1], 1, account_id, numbers[1], "announced", 3 * PRICE, None, None, NOW)
    with shop.database.write() as tx:
        tx.execute(text("UPDATE rentals SET ends_at = renews_at WHERE id = :id"), {"id": rentals[0]})
        insert_rent_prices(tx, [dear, dear._replace(id="rpr_2", from_period=2, price=9 * PRICE)])
        found = find_renewing(tx, [account_id], add_months(NOW, 1), [])
        assert found == {account_id: {add_months(NOW, 1) // DAY: 4 * PRICE}}
        assert find_renewing(tx, [account_id], add_months(NOW, 1), rentals[1:]) == {}
        assert find_renewing(tx, [account_id], add_months(NOW, 1) - DAY, []) == {}


def test_a_reminder_counts_no_more_numbers_of_an_account_than_others_can_wait_for(shop: Shop) -> None:
    account_id = shop.account(5 * PRICE)
    for _ in range(4):
        shop.buy(account_id, shop.number())
    day = add_months(NOW, 1) // DAY
    with shop.database.read() as tx:
        for most, counted in ((1, 1), (3, 3), (4, 4), (99, 4)):
            found = find_renewing(tx, [account_id], add_months(NOW, 1), [], most)
            assert found == {account_id: {day: counted * PRICE}}


def test_seventy_days_without_a_service_are_charged_month_by_month(shop: Shop) -> None:
    rented(shop, 5 * PRICE)
    renew(shop, NOW + 70 * DAY)
    assert [state for _, state, _ in charges(shop)] == ["purchased", "charged", "charged"]
    shop.verified()


def test_half_a_year_without_a_service_waits_for_a_person_after_three_months(shop: Shop) -> None:
    rented(shop, 9 * PRICE)
    renew(shop, NOW + 190 * DAY)
    assert [period for period, _, _ in charges(shop)] == [0, 1, 2, 3]
    assert shop.rows("SELECT parked_at, next_at FROM rentals") == [(shop.now, None)]
    shop.verified()


def test_a_clock_that_is_set_a_year_ahead_charges_nothing_until_it_is_believed(shop: Shop) -> None:
    rented(shop, 99 * PRICE)
    clock = AgreedClock(shop.writer, lambda: shop.now, shop.process_time)
    kind = renewals(shop.writer, renew_rentals(TERMS, QUARANTINE), lambda: shop.now, clock.surely_past)

    async def look() -> None:
        await clock.surely_past()
        shop.step_clock(365 * DAY)
        await shop.work_off(kind)

    shop.tell(look())
    assert charges(shop) == [(0, "purchased", PRICE)]


def test_terms_of_an_account_go_before_those_of_the_operator(shop: Shop) -> None:
    account_id = rented(shop, 0)
    with shop.database.write() as tx:
        save_rent_policy(tx, RentPolicy(account_id, 0, None, None, None, NOW))
    for _ in range(2):  # it is told in one transaction and released in another
        renew(shop, add_months(NOW, 1))
    assert shop.rows("SELECT state FROM rentals") == [("released",)]
    shop.verified()


@pytest.mark.parametrize(("left", "expected"), [(PRICE, (1, "charged", PRICE)), (0, (1, "waived", PRICE))])
def test_a_release_first_resolves_the_period_that_began_before(
    shop: Shop, left: int, expected: tuple[int, str, int]
) -> None:
    account_id = shop.account(PRICE + left)
    e164 = shop.number()
    shop.buy(account_id, e164)
    shop.now = add_months(NOW, 1) + 5
    shop.release(account_id, e164)
    assert charges(shop)[-1] == expected
    assert shop.wallet(account_id).posted == 0
    shop.verified()


def test_a_release_within_a_paid_period_charges_nothing(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.now = add_months(NOW, 1) - 1
    shop.release(account_id, e164)
    renew(shop, add_months(NOW, 4))
    assert charges(shop) == [(0, "purchased", PRICE)]
    shop.verified()


def test_prices_that_are_announced_hold_from_the_first_period_after_the_notice(shop: Shop) -> None:
    rented(shop, 9 * PRICE)
    rental_id = str(shop.rows("SELECT id FROM rentals")[0][0])
    asked = announcement(rental_id, 2 * PRICE, 7, None, now=NOW + DAY, usual=TERMS)
    made = shop.writer.apply(announce_prices, asked)
    assert isinstance(made, RentPrice)
    assert (made.from_period, made.price, made.inbound) == (2, 2 * PRICE, 7)
    assert shop.writer.apply(announce_prices, asked._replace(now=NOW + 2 * DAY)) == made
    with pytest.raises(InvalidRequest, match="announced already"):
        shop.writer.apply(announce_prices, asked._replace(price=PRICE))
    for months in (1, 2):
        renew(shop, add_months(NOW, months))
    assert charges(shop)[1:] == [(1, "charged", PRICE), (2, "charged", 2 * PRICE)]
    assert shop.rows("SELECT price, inbound FROM rentals") == [(2 * PRICE, 7)]
    (changing,) = told(shop, "rental.price_changing")
    assert (changing["price_before"], changing["price"]) == ("1.15", "2.3")
    assert (changing["period"], changing["period_every"], changing["period_unit"]) == ("2", "1", "month")
    assert changing["from"] == iso_seconds(add_months(NOW, 2))
    shop.verified()


def test_a_clock_that_went_back_shortens_no_notice(shop: Shop) -> None:
    rented(shop, 9 * PRICE)
    rental_id = str(shop.rows("SELECT id FROM rentals")[0][0])
    shop.writer.apply(agree_on_time, TimeReading(NOW + DAY, None))
    asked = announcement(rental_id, 2 * PRICE, None, None, now=NOW - 40 * DAY, usual=TERMS)
    made = shop.writer.apply(announce_prices, asked)
    assert isinstance(made, RentPrice)
    assert made.from_period == 2


def test_no_price_is_announced_for_a_rental_that_has_ended(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    shop.buy(account_id, e164)
    ended = shop.release(account_id, e164)
    with pytest.raises(NotFound):
        shop.writer.apply(announce_prices, announcement(ended.id, PRICE, None, None, now=NOW, usual=TERMS))


def test_a_rental_that_is_not_to_be_renewed_ends_with_its_month(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    choice = Labelling(account_id, e164, Labels(None, None, None), NOW, auto_renew=False)
    shop.writer.apply(label_numbers, choice)
    renew(shop, add_months(NOW, 1) - 1)
    assert shop.rows("SELECT state FROM rentals") == [("active",)]
    renew(shop, add_months(NOW, 1))
    assert shop.rows("SELECT state FROM rentals") == [("released",)]
    assert [one["reason"] for one in told(shop, "number.released")] == ["period_end"]
    assert charges(shop) == [(0, "purchased", PRICE)]
    shop.verified()
