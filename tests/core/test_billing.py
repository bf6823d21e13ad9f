"""What an offer says beside its prices: periods, and how calls are billed."""

from __future__ import annotations

import pytest

from numberdesk.core.billing import (
    UNSAID,
    Billing,
    billing_of,
    in_words,
    kept_billing,
    kept_term,
    parse_billing,
    parse_term,
    term_of,
)
from numberdesk.core.call_charging import CallBooks, CallTerms, RentedSpan
from numberdesk.core.call_record import Direction
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import MONTHLY, PeriodUnit, Term
from numberdesk.core.prices import Confirmation, Prices, Quote, cheapest_agreeing
from numberdesk.core.rating import CallRate, Increments, Rounding, charge_of

YEARLY = Term(PeriodUnit.MONTH, 12)
FOUR_WEEKS = Term(PeriodUnit.DAY, 28)


def test_periods_are_read_as_people_say_them_and_kept_as_months_and_days() -> None:
    for every, unit, term, kept, said in (
        (None, None, MONTHLY, "", "month"),
        (1, "month", MONTHLY, "", "month"),
        (12, None, YEARLY, "12 month", "12 months"),
        (1, "year", YEARLY, "12 month", "12 months"),
        (28, "day", FOUR_WEEKS, "28 day", "28 days"),
        (33, "year", Term(PeriodUnit.MONTH, 396), "396 month", "396 months"),
    ):
        read = parse_term(every, unit)
        assert (read, kept_term(read), term_of(kept), in_words(term)) == (term, kept, term, said)


@pytest.mark.parametrize(
    ("every", "unit", "field"),
    [(0, None, "period_every"), (-1, "day", "period_every"), (401, "month", "period_every"),
     (34, "year", "period_every"),
     (401, "day", "period_every"), (1, "week", "period_unit"), (1, "", "period_unit")],
)  # fmt: skip
def test_a_period_that_cannot_be_is_refused_by_its_field(every: int | None, unit: str | None, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_term(every, unit)
    assert refused.value.details["field"] == field


def test_how_calls_are_billed_is_kept_part_by_part_and_filled_with_what_is_usual() -> None:
    usual = Billing(Increments(60, 60), 150_000)
    for increments, connect, rounding, kept in (
        (None, None, None, ""),
        (None, None, "up", ""),
        (None, None, "down", "- - down"),
        ("6/6", None, None, "6/6 -"),
        (None, 0, "up", "- 0"),
        ("30/6", 5, None, "30/6 5"),
        ("30/6", 5, "half_up", "30/6 5 half_up"),
    ):
        said = parse_billing(increments, connect, rounding)
        assert (kept_billing(said), billing_of(kept)) == (kept, said)
        filled = said.completed(usual)
        assert str(filled.increments) == (increments or "60/60")
        assert filled.connect == (150_000 if connect is None else connect)
        assert filled.rounding == (rounding or "up")
    for told, kept in (
        (Billing(deck="retail"), "- - @retail"),
        (Billing(Increments(30, 6), 5, Rounding.DOWN, "a-b_1"), "30/6 5 down @a-b_1"),
    ):
        assert (kept_billing(told), billing_of(kept), told.completed(usual).deck) == (kept, told, told.deck)
    for field, sent in (
        ("increments", ("6", None, None)),
        ("connect_fee", (None, -1, None)),
        ("rounding", (None, None, "nearest")),
    ):
        with pytest.raises(InvalidRequest) as refused:
            parse_billing(*sent)
        assert refused.value.details["field"] == field


def quote(monthly: int, term: Term = MONTHLY, billing: Billing = UNSAID) -> Quote:
    return Quote("pool", Prices("USD", monthly, None, None, 0, term, billing))


def test_a_confirmation_agrees_with_the_period_that_it_names_and_with_any_where_it_names_none() -> None:
    monthly, yearly = quote(12), quote(12, YEARLY)
    for confirmed, agreeing in (
        (Confirmation(12), yearly),  # as much for longer
        (Confirmation(12, unit="month", every=1), monthly),
        (Confirmation(12, every=12), yearly),
        (Confirmation(12, unit="month"), yearly),
        (Confirmation(12, unit="day"), None),
        (Confirmation(12, every=28), None),
    ):
        assert cheapest_agreeing(confirmed, [monthly, yearly]) is agreeing
    assert cheapest_agreeing(Confirmation(12), [quote(12, FOUR_WEEKS), monthly]) is monthly


def test_of_equal_prices_the_terms_that_bill_calls_for_less_hold_unless_others_are_named() -> None:
    coarse, fine = quote(12, billing=Billing(Increments(60, 60), 0)), quote(12, billing=Billing(Increments(6, 6), 0))
    fee = quote(12, billing=Billing(Increments(1, 1), 5))
    assert cheapest_agreeing(Confirmation(12), [fee, coarse, fine]) is fine
    assert cheapest_agreeing(Confirmation(12, increments="60/60", connect=0), [fee, fine, coarse]) is coarse
    assert cheapest_agreeing(Confirmation(12, connect=5), [fine, coarse, fee]) is fee
    assert cheapest_agreeing(Confirmation(12, increments="30/6"), [fine, coarse, fee]) is None


def test_of_equal_terms_the_rounding_that_bills_calls_for_less_holds_unless_another_is_named() -> None:
    up, half_up, down = (quote(12, billing=Billing(Increments(6, 6), 0, way)) for way in Rounding)
    assert cheapest_agreeing(Confirmation(12), [up, half_up, down]) is down
    assert cheapest_agreeing(Confirmation(12), [up, half_up]) is half_up
    assert cheapest_agreeing(Confirmation(12, rounding="up"), [down, up]) is up
    assert cheapest_agreeing(Confirmation(12, rounding="half_up"), [down, up]) is None


def test_a_call_is_billed_as_its_rental_says_and_else_as_its_carrier_did_when_it_began() -> None:
    books = CallBooks(terms={"pool": [CallTerms("pool", 5, None, 7, 30, 6), CallTerms("pool", 15, None, 9, 1, 1)]})
    for place, (kept, began, billed) in enumerate(
        (
            ("", 4, CallRate(6_000, 0, Increments(60, 60))),
            ("", 10, CallRate(6_000, 7, Increments(30, 6))),
            ("6/6 -", 10, CallRate(6_000, 7, Increments(6, 6))),
            ("- 0", 10, CallRate(6_000, 0, Increments(30, 6))),
            ("1/1 150000", 20, CallRate(6_000, 150_000, Increments(1, 1))),
            ("- - down", 10, CallRate(6_000, 7, Increments(30, 6), Rounding.DOWN)),
        )
    ):
        named = (f"rnt_{place}", "acc_1", "+13612738809", "pool", "USD")
        span = RentedSpan(*named, 6_000, None, began, None, billing_of(kept))
        assert books.rate_of(span, Direction.INBOUND, 100) == billed


@pytest.mark.parametrize(
    ("rate", "increments", "connect", "seconds", "charge"),
    [
        ("0.006", "30/6", 0, 32, "0.0036"),
        ("0.006", "30/6", 0, 57, "0.006"),
        ("0.006", "30/6", 0, 75, "0.0078"),
        ("0.05", "60/60", 150_000, 30, "0.2"),
        ("0.05", "30/6", 150_000, 30, "0.175"),
        ("0.0085", "6/6", 0, 61, "0.00935"),
        ("0.0085", "1/1", 0, 10, "0.001417"),
        ("0.0085", "1/1", 150_000, 0, "0"),
    ],
)
def test_what_was_confirmed_makes_the_charges_of_the_table(
    rate: str, increments: str, connect: int, seconds: int, charge: str
) -> None:
    kept = kept_billing(parse_billing(increments, connect))
    per_minute = round(float(rate) * 1_000_000)
    span = RentedSpan("r", "a", "+13612738809", "pool", "USD", per_minute, None, 0, None, billing_of(kept))
    found = CallBooks().rate_of(span, Direction.INBOUND, 1)
    assert found is not None
    assert charge_of(seconds, found) == round(float(charge) * 1_000_000)
