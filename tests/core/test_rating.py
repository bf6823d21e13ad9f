"""Rating: the table of right values, and every increment and second against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.money import parse_micros
from numberdesk.core.rating import (
    BY_THE_MINUTE,
    CallRate,
    Increments,
    RatingError,
    billed_seconds,
    charge_of,
    deck_rate,
    longest_affordable,
    parse_increments,
)

SCHEMES = [Increments(60, 60), Increments(6, 6), Increments(1, 1), Increments(30, 6), Increments(90, 60)]
PRICES = [parse_micros(text) for text in ("0", "0.1", "0.05", "0.006", "0.0085", "0.01234", "0.000001", "1.234567")]


def rate(price: str, increments: str = "1/1", connect: str = "0") -> CallRate:
    return CallRate(parse_micros(price), parse_micros(connect), parse_increments(increments))


def exact(seconds: int, price: CallRate) -> int:
    """The charge by rational numbers: the least whole number of steps that is enough, the least micro that is."""
    if seconds == 0:
        return 0
    steps = max(0, math.ceil(Fraction(seconds - price.increments.minimum, price.increments.step)))
    billed = price.increments.minimum + steps * price.increments.step
    return math.ceil(Fraction(billed, 60) * price.per_minute) + price.connect


@pytest.mark.parametrize(
    ("price", "increments", "connect", "seconds", "costs"),
    [
        ("0.006", "30/6", "0", 32, "0.0036"),
        ("0.006", "30/6", "0", 57, "0.006"),
        ("0.006", "30/6", "0", 75, "0.0078"),
        ("0.05", "1/1", "0.15", 30, "0.175"),
        ("0.05", "1/1", "0.15", 0, "0"),
        ("0.0085", "60/60", "0", 1, "0.0085"),
        ("0.0085", "60/60", "0", 60, "0.0085"),
        ("0.0085", "60/60", "0", 61, "0.017"),
        ("0.0085", "6/6", "0", 1, "0.00085"),
        ("0.0085", "6/6", "0", 10, "0.0017"),
        ("0.0085", "6/6", "0", 61, "0.00935"),
        ("0.0085", "1/1", "0", 1, "0.000142"),
        ("0.0085", "1/1", "0", 31, "0.004392"),
        ("0.0085", "1/1", "0", 61, "0.008642"),
        ("0.0085", "30/6", "0", 31, "0.0051"),
        ("0.0085", "30/6", "0", 3600, "0.51"),
    ],
)
def test_a_call_costs_what_the_table_of_right_values_says(
    price: str, increments: str, connect: str, seconds: int, costs: str
) -> None:
    assert charge_of(seconds, rate(price, increments, connect)) == parse_micros(costs)


@pytest.mark.parametrize(
    ("increments", "seconds", "billed"),
    [("90/60", 91, 150), ("90/60", 150, 150), ("90/60", 151, 210), ("6/6", 61, 66), ("60/60", 0, 0), ("1/1", -1, 0)],
)
def test_seconds_are_billed_in_a_minimum_and_whole_steps(increments: str, seconds: int, billed: int) -> None:
    assert billed_seconds(seconds, parse_increments(increments)) == billed


@pytest.mark.parametrize("increments", SCHEMES, ids=str)
def test_every_second_of_an_hour_costs_what_exact_fractions_say(increments: Increments) -> None:
    for per_minute in PRICES:
        price = CallRate(per_minute, 7, increments)
        for seconds in range(3601):
            assert charge_of(seconds, price) == exact(seconds, price), (per_minute, seconds)


@given(st.integers(0, 3600), st.integers(0, 10**9), st.integers(0, 10**7), st.integers(1, 9999), st.integers(1, 9999))
def test_any_rate_and_increments_cost_what_exact_fractions_say(
    seconds: int, per_minute: int, connect: int, minimum: int, step: int
) -> None:
    price = CallRate(per_minute, connect, Increments(minimum, step))
    assert charge_of(seconds, price) == exact(seconds, price)


@given(st.integers(0, 5 * 10**6), st.integers(0, 600), st.sampled_from(SCHEMES), st.integers(0, 10**6))
def test_the_longest_affordable_call_is_covered_and_a_second_more_is_not(
    available: int, wanted: int, increments: Increments, connect: int
) -> None:
    price = CallRate(1_000_000, connect, increments)
    most = longest_affordable(available, price, wanted)
    assert 0 <= most <= wanted
    assert exact(most, price) <= available
    assert most == wanted or exact(most + 1, price) > available


def test_half_a_unit_buys_thirty_seconds_by_the_second_and_none_by_the_minute() -> None:
    assert longest_affordable(500_000, rate("1", "1/1"), 60) == 30
    assert longest_affordable(500_000, rate("1", "60/60"), 60) == 0


def test_the_longest_prefix_of_a_deck_says_what_a_call_costs() -> None:
    deck = {"1": rate("0.01"), "1809": rate("0.20"), "44": rate("0.02")}
    assert deck_rate(deck, "+18095550123") == rate("0.20")
    assert deck_rate(deck, "+18085550123") == rate("0.01")
    assert deck_rate(deck, "+18") == rate("0.01")
    assert deck_rate(deck, "+33155501234") is None


def test_increments_are_read_as_people_write_them() -> None:
    assert parse_increments("30/6") == Increments(30, 6)
    assert parse_increments("9999/1") == Increments(9999, 1)
    assert str(BY_THE_MINUTE) == "60/60"
    assert CallRate(5) == CallRate(5, 0, BY_THE_MINUTE)


@pytest.mark.parametrize(
    "text", ["", "60", "0/60", "60/0", "60/60/60", "-1/1", "06/6", " 6/6", "10000/1", "1/10000", "6/6\n", "٦/6"]
)
def test_increments_that_mean_nothing_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(RatingError, match=r"^must be a minimum and a step in seconds, like 60/60 or 30/6$"):
        parse_increments(text)
