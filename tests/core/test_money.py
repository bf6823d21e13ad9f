"""Money: exact parsing, exact printing, and what is refused."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from numberdesk.core.money import (
    MAX_AMOUNT,
    MAX_PRICE,
    MICROS,
    MoneyError,
    as_decimal,
    format_micros,
    parse_currency,
    parse_micros,
    parse_price,
    with_two_places,
)

AMOUNTS = st.integers(-MAX_AMOUNT, MAX_AMOUNT)


@pytest.mark.parametrize(
    ("sent", "micros"),
    [
        (1, 1_000_000),
        (0, 0),
        ("0", 0),
        ("-0", 0),
        (Decimal("-0.0"), 0),
        (Decimal("0E+999999"), 0),
        ("1.15", 1_150_000),
        ("0.0085", 8_500),
        (Decimal("0.0945"), 94_500),
        (Decimal("295.0"), 295_000_000),
        ("295.0", 295_000_000),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("1e-6", 1),
        ("1E3", 1_000_000_000),
        ("1.150000000000000000000000000000", 1_150_000),
        (Decimal("1.15E0"), 1_150_000),
        ("007", 7_000_000),
        (1_000_000_000, MAX_AMOUNT),
        ("-1000000000", -MAX_AMOUNT),
    ],
)
def test_a_number_parses_to_the_exact_micros(sent: object, micros: int) -> None:
    parsed = parse_micros(sent)
    assert parsed == micros
    assert type(parsed) is int


@pytest.mark.parametrize(
    "sent",
    [
        None,
        True,
        False,
        1.15,
        b"1",
        [1],
        {"value": 1},
        "",
        " ",
        " 1",
        "1 ",
        "0.0085 ",
        "1\n",
        "+1",
        ".5",
        "5.",
        "1,5",
        "1_000",
        "0x10",
        "1e",
        "1e1000",
        "NaN",
        "Infinity",
        "-inf",
        "٣",
        "\uff11",
        "1٣",
        "--1",
        "1" * 31,
        "1." + "1" * 31,
        "1" * 100_000,
    ],
)
def test_what_is_not_a_plain_number_is_refused(sent: object) -> None:
    with pytest.raises(MoneyError, match="must be a number"):
        parse_micros(sent)


@pytest.mark.parametrize("sent", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_a_decimal_that_is_not_finite_is_refused(sent: Decimal) -> None:
    with pytest.raises(MoneyError, match="finite"):
        parse_micros(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "0.0000001",
        "1.0000001",
        "-1.1500001",
        "1e-7",
        "1e-999",
        Decimal("1E-999999"),
        Decimal("0.00000000000000000001"),
        # longer than the 28 digits that Decimal's own arithmetic keeps
        Decimal("1." + "0" * 40 + "1"),
        Decimal("0." + "9" * 40),
        Decimal("1." + "1" * 100),
        "1000000000.0000000000000000000001",
    ],
)
def test_digits_finer_than_a_micro_are_refused_and_never_rounded(sent: object) -> None:
    with pytest.raises(MoneyError, match="millionth"):
        parse_micros(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "1000000000.000001",
        "-1000000000.000001",
        1_000_000_001,
        -1_000_000_001,
        "1e10",
        "1e400",
        "9" * 30,
        Decimal("1E+999999"),
        Decimal("-1E+999999"),
        10**38,
        10**400,
    ],
)
def test_an_amount_past_the_bound_is_refused(sent: object) -> None:
    with pytest.raises(MoneyError, match=r"must be at most 1000000000$|too large"):
        parse_micros(sent)


def test_the_refusal_of_a_large_price_names_the_largest_price() -> None:
    with pytest.raises(MoneyError, match=r"must be at most 1000000$"):
        parse_price("1000000.000001")


def test_the_callers_decimal_context_does_not_reach_the_parsing() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert parse_micros("123456.789012") == 123_456_789_012
        assert format_micros(123_456_789_012) == "123456.789012"
        assert str(as_decimal(123_456_789_012)) == "123456.789012"


@pytest.mark.parametrize(("sent", "micros"), [("0.000001", 1), (1, MICROS), ("1000000", MAX_PRICE)])
def test_a_price_may_be_anything_above_zero_to_the_largest(sent: object, micros: int) -> None:
    assert parse_price(sent) == micros


def test_a_price_of_zero_is_for_rates_only() -> None:
    with pytest.raises(MoneyError, match="greater than zero"):
        parse_price(0)
    assert parse_price(0, zero_allowed=True) == 0


@pytest.mark.parametrize("zero_allowed", [True, False])
def test_a_negative_price_is_refused(zero_allowed: bool) -> None:  # noqa: FBT001  a parameter of the case
    with pytest.raises(MoneyError, match="negative"):
        parse_price("-0.000001", zero_allowed=zero_allowed)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (1_150_000, "1.15"),
        (8_500, "0.0085"),
        (MICROS, "1"),
        (10 * MICROS, "10"),
        (-1_500_000, "-1.5"),
        (MAX_AMOUNT, "1000000000"),
        (2**63 - 1, "9223372036854.775807"),
    ],
)
def test_micros_print_with_just_the_digits_they_need(micros: int, text: str) -> None:
    assert format_micros(micros) == text
    assert str(as_decimal(micros)) == text


@given(AMOUNTS)
@example(MAX_AMOUNT)
@example(-MAX_AMOUNT)
def test_every_amount_survives_printing_and_parsing(micros: int) -> None:
    assert parse_micros(format_micros(micros)) == micros
    assert parse_micros(as_decimal(micros)) == micros
    assert Fraction(as_decimal(micros)) == Fraction(micros, MICROS)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_parsed_exactly_or_refused(value: Decimal) -> None:
    exact = Fraction(value) * MICROS
    try:
        parsed = parse_micros(value)
    except MoneyError:
        # Refused for a reason: too large, or finer than a micro, or written with absurdly many digits.
        assert abs(exact) > MAX_AMOUNT or exact.denominator > 1 or len(value.as_tuple().digits) > 70
    else:
        assert parsed == exact
        assert abs(parsed) <= MAX_AMOUNT


@given(st.text(alphabet="0123456789.eE+-٣ \n", max_size=80))
def test_a_text_is_parsed_exactly_or_refused(text: str) -> None:
    try:
        parsed = parse_micros(text)
    except MoneyError:
        return
    assert parsed == Fraction(text) * MICROS


@given(AMOUNTS.filter(bool), st.integers(0, 8), st.booleans())
def test_an_amount_parses_the_same_however_it_is_written(micros: int, shift: int, as_text: bool) -> None:  # noqa: FBT001
    text = f"{as_decimal(micros).scaleb(-shift):f}e{shift}"
    assert parse_micros(text if as_text else Decimal(text)) == micros


def test_a_currency_is_a_code_of_iso_4217() -> None:
    for code in ("UDS", "XXX", "XTS", "XAU", "ZZZ"):
        with pytest.raises(MoneyError, match=f"must be a currency of ISO 4217, like USD, not '{code}'"):
            parse_currency(code)
    assert [parse_currency(code) for code in ("EUR", "JPY", "XOF", "ZMW")] == ["EUR", "JPY", "XOF", "ZMW"]
    assert parse_currency("USD") == "USD"


@pytest.mark.parametrize("sent", ["", "usd", "US", "USDT", "U$D", "USD\n", " USD", "\uff35SD", "ÄÖÜ", "12A"])
def test_any_other_currency_is_refused(sent: str) -> None:
    with pytest.raises(MoneyError, match="three capital letters"):
        parse_currency(sent)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("1.0000004", "1"),
        ("1.0000005", "1.000001"),
        ("0.0085000000000000006", "0.0085"),
        ("-1.0000004", "-1"),
        ("1e-40", "0"),
    ],
)
def test_an_amount_that_is_too_fine_is_told_the_nearest_that_can_be_sent(text: str, nearest: str) -> None:
    with pytest.raises(MoneyError, match=f"like {re.escape(nearest)}$"):
        parse_micros(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [("20", "20.00"), ("-1.1", "-1.10"), ("0.0085", "0.0085"), ("1.150000", "1.15"), ("0", "0.00")],
)
def test_people_read_money_with_two_places_or_as_many_as_it_needs(written: str, shown: str) -> None:
    assert with_two_places(written) == shown
