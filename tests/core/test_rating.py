"""Rating: the table of right values, and every increment and second against exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
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
    Rounding,
    billed_seconds,
    charge_of,
    deck_rate,
    kept_rounding,
    longest_affordable,
    parse_increments,
    parse_rounding,
    rounding_of,
)

SCHEMES = [Increments(60, 60), Increments(6, 6), Increments(1, 1), Increments(30, 6), Increments(90, 60)]
PRICES = [parse_micros(text) for text in ("0", "0.1", "0.05", "0.006", "0.0085", "0.01234", "0.000001", "1.234567")]

ROUNDED: dict[Rounding, Callable[[Fraction], int]] = {
    Rounding.UP: math.ceil,
    Rounding.DOWN: math.floor,
    Rounding.HALF_UP: lambda part: math.floor(part) + (part - math.floor(part) >= Fraction(1, 2)),
}


def rate(price: str, increments: str = "1/1", connect: str = "0") -> CallRate:
    return CallRate(parse_micros(price), parse_micros(connect), parse_increments(increments))


def exact(seconds: int, price: CallRate) -> int:
    """The charge by rational numbers: the least whole number of steps that is enough, and one rounding."""
    if seconds == 0:
        return 0
    steps = max(0, math.ceil(Fraction(seconds - price.increments.minimum, price.increments.step)))
    billed = price.increments.minimum + steps * price.increments.step
    return ROUNDED[price.rounding](Fraction(billed, 60) * price.per_minute) + price.connect


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


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("increments", SCHEMES, ids=str)
def test_every_second_of_an_hour_costs_what_exact_fractions_say(increments: Increments, rounding: Rounding) -> None:
    for per_minute in PRICES:
        price = CallRate(per_minute, 7, increments, rounding)
        for seconds in range(3601):
            assert charge_of(seconds, price) == exact(seconds, price), (per_minute, seconds)


@given(
    st.integers(0, 3600), st.integers(0, 10**9), st.integers(0, 10**7), st.integers(1, 9999), st.integers(1, 9999),
    st.sampled_from(Rounding),
)  # fmt: skip
def test_any_rate_increments_and_rounding_cost_what_exact_fractions_say(
    seconds: int, per_minute: int, connect: int, minimum: int, step: int, rounding: Rounding
) -> None:
    price = CallRate(per_minute, connect, Increments(minimum, step), rounding)
    assert charge_of(seconds, price) == exact(seconds, price)


@given(
    st.integers(0, 5 * 10**6), st.integers(0, 600), st.sampled_from(SCHEMES), st.integers(0, 10**6),
    st.sampled_from(Rounding), st.sampled_from([1_000_000, 8_500, 7]),
)  # fmt: skip
def test_the_longest_affordable_call_is_covered_and_a_second_more_is_not(
    available: int, wanted: int, increments: Increments, connect: int, rounding: Rounding, per_minute: int
) -> None:
    price = CallRate(per_minute, connect, increments, rounding)
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
    assert CallRate(5) == CallRate(5, 0, BY_THE_MINUTE, Rounding.UP)


@pytest.mark.parametrize(
    ("price", "seconds", "up", "half_up", "down"),
    [
        ("0.0085", 61, "0.008642", "0.008642", "0.008641"),  # 8641.67 micros
        ("0.0085", 1, "0.000142", "0.000142", "0.000141"),  # 141.67
        ("0.0085", 10, "0.001417", "0.001417", "0.001416"),  # 1416.67
        ("0.00001", 1, "0.000001", "0", "0"),  # a sixth of a micro
        ("0.00003", 1, "0.000001", "0.000001", "0"),  # a half
        ("0.0085", 60, "0.0085", "0.0085", "0.0085"),  # nothing to round
    ],
)
def test_a_charge_is_rounded_once_the_way_that_its_rule_says(
    price: str, seconds: int, up: str, half_up: str, down: str
) -> None:
    found = [charge_of(seconds, rate(price)._replace(rounding=way)) for way in Rounding]
    assert found == [parse_micros(text) for text in (up, half_up, down)]


def test_a_rounding_is_kept_beside_a_charge_only_where_it_is_not_up() -> None:
    assert [kept_rounding(parse_rounding(text)) for text in ("up", "half_up", "down")] == [None, "half_up", "down"]
    assert [rounding_of(kept) for kept in (None, "half_up", "down")] == list(Rounding)


@pytest.mark.parametrize("text", ["", "UP", "nearest", "up ", "half-up"])
def test_a_rounding_that_is_none_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(RatingError, match=r"^must be one of up, half_up, down$"):
        parse_rounding(text)


@pytest.mark.parametrize(
    "text", ["", "60", "0/60", "60/0", "60/60/60", "-1/1", "06/6", " 6/6", "10000/1", "1/10000", "6/6\n", "٦/6"]
)
def test_increments_that_mean_nothing_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(RatingError, match=r"^must be a minimum and a step in seconds, like 60/60 or 30/6$"):
        parse_increments(text)
