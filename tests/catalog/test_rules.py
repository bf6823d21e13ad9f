"""Price rules: which rule prices a number, and the exact price that follows from it.

Touches: nothing.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.model import Listing
from numberdesk.catalog.rules import (
    MOST_MARGIN,
    PriceRule,
    RuleBook,
    check_rule,
    parse_carrier,
    parse_percent,
    rule_books,
)
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MAX_PRICE, MoneyError
from numberdesk.core.prices import Prices
from testbed.samples import listing_of, price_rule

NUMBER = listing_of("+13612738809", currency=None, price=None, inbound=None, outbound=None)
COSTED = NUMBER._replace(
    cost_currency="USD", cost_monthly=1_000_000, cost_inbound=5_000, cost_outbound=7_001, cost_setup=500_000
)
FIXED = price_rule(price=1_000_000)
MARGIN = FIXED._replace(price=None, margin_percent=200_000)


def priced(rule: PriceRule, listing: Listing) -> Prices | None:
    return RuleBook([rule]).price_of(listing)


def test_a_fixed_price_has_the_rates_and_setup_of_the_rule_and_no_others() -> None:
    assert priced(FIXED, COSTED) == Prices("USD", 1_000_000, None, None, 0)
    rule = FIXED._replace(inbound=1, outbound=0, setup=3)
    assert priced(rule, COSTED) == Prices("USD", 1_000_000, 1, 0, 3)


def test_cost_plus_adds_the_margin_to_everything_that_has_a_cost() -> None:
    assert priced(MARGIN, COSTED) == Prices("USD", 1_200_000, 6_000, 8_402, 600_000)
    assert priced(MARGIN, COSTED._replace(cost_inbound=None, cost_outbound=0, cost_setup=0)) == Prices(
        "USD", 1_200_000, None, 0, 0
    )


@pytest.mark.parametrize(
    ("term", "cost", "price"),
    [("", 1_000_000, 1_200_000), ("12 month", 1_000_000, 14_400_000), ("400 day", 146_097, 2_304_000)],
)
def test_a_margin_on_a_longer_period_is_one_on_what_all_of_that_costs(term: str, cost: int, price: int) -> None:
    listing = COSTED._replace(cost_monthly=cost)
    prices = priced(MARGIN._replace(term=term), listing)
    assert prices is not None
    assert (prices.monthly, prices.inbound, prices.setup) == (price, 6_000, 600_000)
    by_day = priced(MARGIN._replace(term="1 day", round_to=1), COSTED)
    assert by_day is not None
    assert by_day.monthly == -(-1_200_000 * 4_800 // 146_097)


def test_a_number_whose_setup_cost_is_unknown_has_no_price_by_a_margin_unless_the_rule_says_what_setup_is() -> None:
    unknown = COSTED._replace(cost_setup=None)
    assert priced(MARGIN, unknown) is None
    assert priced(MARGIN._replace(setup=0), unknown) == Prices("USD", 1_200_000, 6_000, 8_402, 0)
    assert priced(FIXED, unknown) == Prices("USD", 1_000_000, None, None, 0)


def test_rates_and_setup_of_a_cost_plus_rule_win_over_costs() -> None:
    assert priced(MARGIN._replace(inbound=1, outbound=0, setup=0), COSTED) == Prices("USD", 1_200_000, 1, 0, 0)


@pytest.mark.parametrize(
    ("cost", "percent", "added", "round_to", "price"),
    [
        (1_000_000, 0, None, 1, 1_000_000),
        (1_000_000, 0, 150_000, 1, 1_150_000),
        (1_000_000, 200_000, None, 50_000, 1_200_000),
        (1_000_001, 200_000, None, 50_000, 1_250_000),
        (1, 1, None, 1, 2),
        (999_999, 1, None, 1, 1_000_000),
        (830_000, 125_000, 10_000, 990_000, 990_000),
        (0, 0, 1, 1_000_000, 1_000_000),
    ],
)
def test_the_monthly_price_is_rounded_up_to_a_multiple(
    cost: int, percent: int, added: int | None, round_to: int, price: int
) -> None:
    rule = MARGIN._replace(margin_percent=percent, margin_fixed=added, round_to=round_to)
    found = priced(rule, COSTED._replace(cost_monthly=cost))
    assert found is not None
    assert found.monthly == price


@given(
    cost=st.integers(1, 10**9),
    percent=st.integers(0, 5_000_000),
    added=st.integers(0, 10**9),
    round_to=st.integers(1, 10**7),
)
def test_a_price_is_the_least_multiple_that_is_not_below_cost_and_margin(
    cost: int, percent: int, added: int, round_to: int
) -> None:
    rule = MARGIN._replace(margin_percent=percent, margin_fixed=added, round_to=round_to)
    found = priced(rule, COSTED._replace(cost_monthly=cost))
    exact = Fraction(cost) * (1 + Fraction(percent, 1_000_000)) + added
    assert found is not None
    assert found.monthly % round_to == 0
    assert exact <= found.monthly < exact + round_to


@pytest.mark.parametrize(
    "listing",
    [
        NUMBER,
        COSTED._replace(cost_monthly=None),
        COSTED._replace(cost_currency="EUR"),
        COSTED._replace(cost_monthly=0),
        COSTED._replace(cost_monthly=MAX_PRICE),
        COSTED._replace(cost_outbound=MAX_PRICE),
    ],
)
def test_a_cost_plus_rule_that_cannot_give_a_price_leaves_it_to_the_next(listing: Listing) -> None:
    narrow = MARGIN._replace(prefix="1361")
    assert priced(narrow, listing) is None
    assert RuleBook([narrow, FIXED]).price_of(listing) == Prices("USD", 1_000_000, None, None, 0)


# From the most specific to the least.
_ORDER = [
    ("13612", "", ""),
    ("1361", "local", "US"),
    ("1361", "local", ""),
    ("1361", "", "US"),
    ("1361", "", ""),
    ("1", "local", "US"),
    ("", "local", "US"),
    ("", "local", ""),
    ("", "", "US"),
    ("", "", ""),
]


def _ordered_rules() -> list[PriceRule]:
    return [
        FIXED._replace(prefix=prefix, number_type=number_type, iso_country=country, price=place + 1)
        for place, (prefix, number_type, country) in enumerate(_ORDER)
    ]


def test_the_longest_prefix_wins_then_the_type_then_the_country() -> None:
    rules = _ordered_rules()
    for first in range(len(rules)):
        found = RuleBook(rules[first:]).price_of(NUMBER)
        assert found is not None
        assert found.monthly == first + 1


def test_the_order_in_which_rules_were_made_does_not_matter() -> None:
    rules = _ordered_rules()[:5]
    found = {RuleBook(order).price_of(NUMBER) for order in permutations(rules)}
    assert found == {Prices("USD", 1, None, None, 0)}


@pytest.mark.parametrize(
    "other",
    [
        {"prefix": "1362"},
        {"prefix": "36127"},
        {"number_type": "mobile"},
        {"iso_country": "CA"},
        {"prefix": "136127388091"},
    ],
)
def test_a_rule_for_other_numbers_does_not_apply(other: dict[str, str]) -> None:
    assert priced(FIXED._replace(**other), NUMBER) is None  # type: ignore[arg-type]  # the fields given are text


def test_each_carrier_has_its_own_rules() -> None:
    books = rule_books([FIXED, FIXED._replace(carrier="acme", price=2)])
    assert {carrier: book.price_of(NUMBER) for carrier, book in books.items()} == {
        "pool": Prices("USD", 1_000_000, None, None, 0),
        "acme": Prices("USD", 2, None, None, 0),
    }


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (FIXED._replace(carrier="Acme"), "carrier"),
        (FIXED._replace(iso_country="usa"), "iso_country"),
        (FIXED._replace(number_type="landline"), "number_type"),
        (FIXED._replace(prefix="+1"), "prefix"),
        (FIXED._replace(prefix="0361"), "prefix"),
        (FIXED._replace(prefix="1" * 16), "prefix"),
        (FIXED._replace(currency="usd"), "currency"),
        (FIXED._replace(price=0), "price"),
        (FIXED._replace(price=MAX_PRICE + 1), "price"),
        (FIXED._replace(price=None), "price"),
        (FIXED._replace(margin_percent=0), "price"),
        (FIXED._replace(margin_fixed=0), "margin_fixed"),
        (MARGIN._replace(margin_percent=-1), "margin_percent"),
        (MARGIN._replace(margin_percent=MOST_MARGIN + 1), "margin_percent"),
        (MARGIN._replace(margin_fixed=-1), "margin_fixed"),
        (FIXED._replace(inbound=-1), "inbound"),
        (FIXED._replace(outbound=MAX_PRICE + 1), "outbound"),
        (FIXED._replace(setup=-1), "setup"),
        (FIXED._replace(round_to=0), "round_to"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_field(rule: PriceRule, field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_rule(rule)
    assert refusal.value.details["field"] == field


def test_rules_that_make_sense_are_taken() -> None:
    for rule in (
        FIXED,
        FIXED._replace(price=MAX_PRICE, inbound=0, outbound=0, setup=0),
        MARGIN._replace(margin_percent=0, margin_fixed=0, round_to=MAX_PRICE),
        MARGIN._replace(margin_percent=MOST_MARGIN, iso_country="US", number_type="toll_free", prefix="1800"),
    ):
        assert check_rule(rule) == rule


@pytest.mark.parametrize("name", ["", "1acme", "-x", "a" * 33, "pool ", "pöol"])
def test_a_carrier_has_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_carrier(name)
    assert parse_carrier("acme-2_eu") == "acme-2_eu"


def test_percentages_are_exact_millionths() -> None:
    assert [parse_percent(value) for value in (20, "20", "12.5", "0.0001", "100000")] == [
        200_000,
        200_000,
        125_000,
        1,
        MOST_MARGIN,
    ]
    for value in ("0.00001", "100001", "x", None):
        with pytest.raises(MoneyError):
            parse_percent(value)
