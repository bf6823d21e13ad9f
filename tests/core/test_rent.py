"""Rent is charged once for each period, counted from the anchor, and nobody loses a number at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.lifecycle import AccountState, RentalState
from numberdesk.core.periods import MONTHLY, PeriodUnit, Term, begin_of, from_datetime, to_datetime
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Wallet
from numberdesk.core.rent import (
    MOST_MISSED,
    EndReason,
    RentLook,
    RentTerms,
    look_at,
    may_remind,
    resolve_begun,
    unused_part,
)
from numberdesk.core.rental import DAY, HOUR, MissedRule, NoticeState, Rental, RentPrice

PRICE: Final = 1_150_000
TERMS: Final = RentTerms()
GRACE: Final = TERMS.grace


def at(*date: int) -> int:
    return from_datetime(datetime(*date, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, day, and hours


BOUGHT: Final = at(2027, 1, 31, 14, 30)


def rental(anchor: int = BOUGHT, term: Term = MONTHLY, **changes: object) -> Rental:
    prices = Prices("USD", PRICE, 8_500, None, 0, term)
    made = Rental(
        "rnt_1", "ord_1", "acc_1", "+13612738809", RentalState.ACTIVE, prices, anchor,
        begin_of(anchor, term, 1), "", "", (), anchor, anchor, None,
    )  # fmt: skip
    return made._replace(**changes)  # type: ignore[arg-type]  # fields of a rental


def wallet(posted: int, held: int = 0, credit_limit: int = 0) -> Wallet:
    return Wallet("acc_1", AccountState.ACTIVE, "USD", posted, held, credit_limit, 7)


def look(one: Rental, posted: int, past: int, terms: RentTerms = TERMS, prices: tuple[RentPrice, ...] = ()) -> RentLook:
    return look_at(one, wallet(posted), terms, prices, past=past, now=past)


def renewals(anchor: int, term: Term, count: int) -> list[str]:
    """The days on which a rental is charged, where somebody looks when its turn is."""
    one, days = rental(anchor, term)._replace(next_at=anchor), list[str]()
    while len(days) < count:
        looked = look(one, 10 * PRICE, one.next_at or 0)
        days += [f"{to_datetime(one.begin_of(paid.charge.period)):%Y-%m-%d}" for paid in looked.paid]
        one = looked.rental
    return days


@pytest.mark.parametrize(
    ("anchor", "term", "expected"),
    [
        (at(2027, 1, 31), MONTHLY, ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        (at(2028, 1, 30), MONTHLY, ["2028-02-29", "2028-03-30", "2028-04-30"]),
        (at(2028, 1, 29), MONTHLY, ["2028-02-29", "2028-03-29"]),
        (
            at(2028, 2, 29),
            Term(PeriodUnit.MONTH, 12),
            ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        (at(2027, 1, 31), Term(PeriodUnit.DAY, 28), ["2027-02-28", "2027-03-28", "2027-04-25"]),
        (at(2037, 12, 31), MONTHLY, ["2038-01-31", "2038-02-28"]),
    ],
)
def test_periods_are_counted_from_the_anchor(anchor: int, term: Term, expected: list[str]) -> None:
    assert renewals(anchor, term, len(expected)) == expected


@given(
    st.integers(at(2020, 1, 1), at(2040, 1, 1)),
    st.builds(Term, st.sampled_from(PeriodUnit), st.integers(1, 40)),
    st.lists(st.integers(0, 90 * DAY), min_size=1, max_size=12),
    st.integers(0, 8),
)
def test_whenever_somebody_looks_each_period_is_charged_once_and_in_order(
    anchor: int, term: Term, waits: list[int], months: int
) -> None:
    one, money, charged, past = rental(anchor, term), wallet(months * PRICE), [], anchor
    for wait in waits:
        past += wait
        looked = look_at(one, money, TERMS, (), past=past, now=past)
        charged += [paid.charge.period for paid in looked.paid]
        one, money = looked.rental, looked.wallet
        assert charged == [*range(1, len(charged) + 1)]
        assert money.posted == (months - len(charged)) * PRICE >= 0
        assert money.entries == 7 + len(charged)
        assert one.period == len(charged)
        assert one.renews_at == begin_of(anchor, term, one.period + 1)
        assert all(begin_of(anchor, term, period) <= past for period in charged)
        if looked.ending is not None or one.parked_at is not None:
            return
        assert one.next_at is not None
        assert one.next_at > past or one.state is RentalState.PAST_DUE


def test_a_period_that_has_not_surely_begun_is_not_charged() -> None:
    one = rental()
    assert look(one, 9 * PRICE, one.renews_at - 1).paid == []
    assert len(look(one, 9 * PRICE, one.renews_at).paid) == 1


@pytest.mark.parametrize(("posted", "paid"), [(PRICE, 1), (PRICE - 1, 0)])
def test_a_wallet_pays_to_the_micro(posted: int, paid: int) -> None:
    looked = look(rental(), posted, at(2027, 2, 28, 14, 30))
    assert len(looked.paid) == paid
    assert looked.rental.state == ("active" if paid else "past_due")


def test_a_credit_limit_pays_and_what_is_held_does_not() -> None:
    past = at(2027, 2, 28, 14, 30)
    limited = look_at(rental(), wallet(0, credit_limit=PRICE), TERMS, (), past=past, now=past)
    assert [paid.moved.balance_after for paid in limited.paid] == [-PRICE]
    assert look_at(rental(), wallet(PRICE, held=1), TERMS, (), past=past, now=past).paid == []


def test_what_is_past_due_is_told_once_tried_each_day_and_ends_after_the_grace() -> None:
    past = at(2027, 2, 28, 15)
    first = look(rental(), 0, past)
    assert [(notice.state, notice.period, notice.days) for notice in first.notices] == [(NoticeState.PAST_DUE, 1, 0)]
    assert (first.rental.past_due_since, first.rental.next_at) == (past, past + DAY)
    second = look(first.rental, 0, past + DAY)
    assert (second.notices, second.ending, second.rental.next_at) == ([], None, past + GRACE)
    assert look(second.rental, 0, past + GRACE - 1).ending is None
    assert look(second.rental, 0, past + GRACE).ending is EndReason.NOT_PAID


def test_grace_counts_from_when_it_was_told_however_late_that_was() -> None:
    """The service was down for a month when the period began."""
    past = at(2027, 3, 29)
    first = look(rental(), 0, past)
    assert first.ending is None
    assert first.rental.past_due_since == past


def test_a_grace_that_went_by_while_nobody_looked_begins_anew() -> None:
    """A clock jumped, or the service was down: neither takes a number before its grace, tried on each of its days."""
    past = at(2027, 2, 28, 15)
    told = look(rental(), 0, past).rental
    back = past + 40 * DAY
    again = look(told, 0, back)
    assert (again.ending, again.rental.past_due_since, again.rental.next_at) == (None, back, back + DAY)
    tried = look(again.rental, 0, back + DAY)
    assert tried.ending is None
    assert look(tried.rental, 0, back + GRACE).ending is EndReason.NOT_PAID


def test_money_that_is_not_enough_is_no_try_of_a_day() -> None:
    past = at(2027, 2, 28, 15)
    told = look(rental(), 0, past).rental
    for _ in range(3):
        told = look(told._replace(next_at=told.past_due_since), 0, past + 1).rental
    assert look(told, 0, past + 40 * DAY).ending is None


@pytest.mark.parametrize("grace", [DAY // 2, DAY, GRACE, GRACE - DAY // 2, 7 * DAY])
def test_small_money_that_keeps_coming_does_not_keep_a_number(grace: int) -> None:
    """Whoever pays in a little every so often is looked at again each time, and has no longer for it."""
    past, terms = at(2027, 2, 28, 15), TERMS._replace(grace=grace)
    for step in (1, 5, 23, 25, 47):
        looked, hours = look(rental(), 0, past, terms), 0
        while looked.ending is None and hours < 24 * 9:
            hours, one = hours + 1, looked.rental
            if hours % step == 0:
                one = one._replace(next_at=one.past_due_since)  # which is what money that comes does
            if (one.next_at or 0) <= past + hours * HOUR:
                looked = look(one, 0, past + hours * HOUR, terms)
        assert (looked.ending, hours * HOUR) == (EndReason.NOT_PAID, grace), step


def test_a_grace_counts_from_when_it_is_told_though_agreed_time_is_behind_after_an_outage() -> None:
    past, hours = at(2027, 2, 28, 15), DAY // 24
    told = look_at(rental(), wallet(0), TERMS, (), past=past, now=past + 10 * hours).rental
    assert told.past_due_since == past + 10 * hours
    tried = look(told, 0, past + 34 * hours).rental
    assert look(tried, 0, past + 58 * hours - 1).ending is None
    assert look(tried, 0, past + 58 * hours).ending is EndReason.NOT_PAID
    far_ahead = look_at(rental(), wallet(0), TERMS, (), past=past, now=past + 40 * DAY).rental
    assert far_ahead.past_due_since == past + DAY


def test_days_on_which_nobody_looked_are_added_to_the_grace_and_those_that_were_tried_stay_tried() -> None:
    past, terms = at(2027, 2, 28, 15), TERMS._replace(grace=30 * DAY)
    told = look(rental(), 0, past, terms).rental
    for day in range(1, 16):
        told = look(told, 0, past + day * DAY, terms).rental
    back = past + 20 * DAY
    again = look(told, 0, back, terms).rental
    assert again.next_at == back + DAY
    for day in range(1, 15):
        again = look(again, 0, back + day * DAY, terms).rental
    assert look(again, 0, back + 15 * DAY - 1, terms).ending is None
    assert look(again, 0, back + 15 * DAY, terms).ending is EndReason.NOT_PAID


def test_a_grace_that_was_made_shorter_ends_at_the_next_look() -> None:
    past, longer = at(2027, 2, 28, 15), TERMS._replace(grace=30 * DAY)
    told = look(rental(), 0, past, longer).rental
    for day in range(1, 6):
        told = look(told, 0, past + day * DAY, longer).rental
    assert look(told, 0, past + 6 * DAY).ending is EndReason.NOT_PAID


def test_what_is_paid_within_the_grace_goes_on_from_its_anchor() -> None:
    past = at(2027, 3, 1)
    told = look(rental(), 0, past).rental
    paid = look(told, PRICE, past + GRACE - 1).rental
    assert (paid.state, paid.past_due_since, paid.attempts) == ("active", None, 0)
    assert paid.renews_at == at(2027, 3, 31, 14, 30)


@pytest.mark.parametrize(("every", "charged"), [(1, 36), (7, 13), (28, 3), (400, 3)])
def test_of_days_as_many_periods_are_charged_at_once_as_three_months_have(every: int, charged: int) -> None:
    one = rental(term=Term(PeriodUnit.DAY, every))
    looked = look(one, 99 * PRICE, one.begin_of(charged))
    assert (len(looked.paid), looked.rental.parked_at) == (charged, None)
    looked = look(one, 99 * PRICE, one.begin_of(charged + 1))
    assert (len(looked.paid), looked.rental.parked_at) == (charged, one.begin_of(charged + 1))


def test_of_months_that_went_by_unnoticed_three_are_charged_and_the_rest_waits_for_a_person() -> None:
    past = at(2027, 7, 15)
    looked = look(rental(), 99 * PRICE, past)
    assert [paid.charge.period for paid in looked.paid] == [1, 2, 3][:MOST_MISSED]
    assert (looked.rental.parked_at, looked.rental.next_at) == (past, None)


def test_missed_months_are_charged_as_far_as_the_wallet_reaches() -> None:
    looked = look(rental(), 2 * PRICE, at(2027, 5, 1))
    assert [paid.charge.period for paid in looked.paid] == [1, 2]
    assert looked.rental.state == "past_due"


def test_missed_months_are_waived_where_the_policy_says_so_and_the_one_that_runs_is_charged() -> None:
    looked = look(rental(), 9 * PRICE, at(2027, 5, 1), TERMS._replace(missed=MissedRule.WAIVED))
    assert [(one.period, one.waived_by) for one in looked.waived] == [(1, "policy"), (2, "policy")]
    assert [paid.charge.period for paid in looked.paid] == [3]


def test_a_month_that_was_not_paid_is_not_waived_as_if_nobody_had_looked() -> None:
    terms = TERMS._replace(missed=MissedRule.WAIVED, grace=60 * DAY)
    told = look(rental(), 0, at(2027, 3, 1), terms).rental
    looked = look(told, 9 * PRICE, at(2027, 4, 1), terms)
    assert (looked.waived, [paid.charge.period for paid in looked.paid]) == ([], [1, 2])


def test_a_rental_that_is_to_end_does_so_when_its_period_does() -> None:
    one = rental(ends_at=begin_of(BOUGHT, MONTHLY, 1))
    assert look(one, 9 * PRICE, one.renews_at - 1).ending is None
    ended = look(one, 9 * PRICE, one.renews_at + 9 * DAY)
    assert (ended.ending, ended.paid) == (EndReason.PERIOD_END, [])


def reminders(posted: int, looks: list[int], ends_at: int | None = None) -> list[int]:
    """The days of the notices that come of looks so long before the period begins."""
    one, days = rental(ends_at=ends_at), list[int]()
    for before in looks:
        looked = look(one, posted, one.renews_at - before)
        days += [notice.days for notice in looked.notices]
        one = looked.rental
    return days


@pytest.mark.parametrize(
    ("posted", "looks", "expected"),
    [
        (0, [7 * DAY, DAY], [7, 1]),
        (0, [7 * DAY, 3 * DAY, DAY, DAY // 2], [7, 1]),
        (0, [7 * DAY + 1], []),
        (0, [DAY], [1]),
        (PRICE, [7 * DAY, DAY], []),
    ],
)
def test_who_could_not_pay_is_told_a_week_and_a_day_before(posted: int, looks: list[int], expected: list[int]) -> None:
    assert reminders(posted, looks) == expected


def test_nobody_is_reminded_of_a_period_that_does_not_come() -> None:
    assert reminders(0, [7 * DAY, DAY], ends_at=begin_of(BOUGHT, MONTHLY, 1)) == []


def test_prices_that_were_announced_hold_from_their_period_on() -> None:
    dearer = RentPrice("rpc_1_2", "rnt_1", 2, "acc_1", "+13612738809", "announced", 2 * PRICE, 1, None, BOUGHT)
    looked = look(rental(), 9 * PRICE, at(2027, 4, 1), prices=(dearer,))
    assert [paid.charge.amount for paid in looked.paid] == [PRICE, 2 * PRICE]
    assert looked.rental.prices == Prices("USD", 2 * PRICE, 1, None)


@pytest.mark.parametrize(("posted", "paid", "waived"), [(9 * PRICE, [1], []), (PRICE - 1, [], [1])])
def test_before_a_rental_ends_its_begun_periods_are_charged_or_waived(
    posted: int, paid: list[int], waived: list[int]
) -> None:
    looked, past = RentLook(rental(), wallet(posted)), at(2027, 3, 1)
    resolve_begun(looked, past=past, now=past, reason=EndReason.REQUESTED)
    assert [one.charge.period for one in looked.paid] == paid
    assert [one.period for one in looked.waived] == waived


def test_what_is_left_of_a_period_is_by_begun_seconds_rounded_down_and_never_more_than_was_paid() -> None:
    second = 1_000_000
    assert [unused_part(100, 0, 30 * second, at * second) for at in (0, 10, 20, 30, 40)] == [100, 66, 33, 0, 0]
    assert unused_part(30, 0, 30 * second, 1) == 29
    assert unused_part(100, 0, 30 * second, -5) == 100


def test_a_reminder_counts_what_else_renews_until_the_end_of_its_day_and_nothing_of_later_days() -> None:
    one = rental()
    past, day = one.renews_at - 7 * DAY, one.renews_at // DAY
    for others, left, renewing in (
        ({}, PRICE, 0),
        ({day: 1}, PRICE, PRICE + 1),
        ({day: 1}, PRICE + 1, 0),
        ({day - 40: 1, day: 2, day + 1: 9}, PRICE, PRICE + 3),
    ):
        looked = look_at(one, wallet(left), TERMS, (), past=past, now=past, others=others)
        assert (looked.renewing, len(looked.notices)) == (renewing, renewing > 0)
    ends = look_at(one._replace(ends_at=one.renews_at), wallet(0), TERMS, (), past=past, now=past, others={day: 1})
    assert ends.notices == []
    assert not may_remind(one, TERMS, one.renews_at)
    assert may_remind(one, TERMS, one.renews_at - 7 * DAY)
    assert not may_remind(one, TERMS, one.renews_at - 7 * DAY - 1)
    assert not may_remind(one, RentTerms(reminders=()), past)
    assert may_remind(rental(term=Term(PeriodUnit.DAY, 7)), TERMS, rental(term=Term(PeriodUnit.DAY, 7)).renews_at)
