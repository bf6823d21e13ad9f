"""E.164 numbers as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.phone import PhoneError, parse_e164


@pytest.mark.parametrize("number", ["+13612738809", "+4915112345678", "+1234567", "+123456789012345", "+79161234567"])
def test_a_number_with_its_plus_is_returned_as_it_is(number: str) -> None:
    assert parse_e164(number) == number


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", "empty"),
        ("+", "7 to 15 digits"),
        ("13612738809", r"start with \+"),
        ("0013612738809", r"start with \+"),
        (" +13612738809", r"start with \+"),
        ("tel:+13612738809", r"start with \+"),
        ("\uff0b13612738809", r"start with \+"),
        ("+123456", "7 to 15 digits"),
        ("+1234567890123456", "7 to 15 digits"),
        ("+1361273880a", "only the digits"),
        ("+1 361 273 8809", "only the digits"),
        ("+1-361-273-8809", "only the digits"),
        ("+13612738809\n", "only the digits"),
        ("++3612738809", "only the digits"),
        ("+١٣٦١٢٧٣٨٨٠٩", "only the digits"),
        ("+1361273880²", "only the digits"),
        ("+1361273880\x00", "only the digits"),
        ("+0123456789", "starts with 0"),
    ],
)
def test_anything_else_is_refused_with_its_reason(sent: str, reason: str) -> None:
    with pytest.raises(PhoneError, match=reason):
        parse_e164(sent)


@given(st.text())
def test_what_parses_is_a_plus_and_seven_to_fifteen_ascii_digits_without_a_leading_zero(sent: str) -> None:
    try:
        number = parse_e164(sent)
    except PhoneError:
        return
    digits = number.removeprefix("+").encode("ascii")
    assert digits.isdigit()
    assert 7 <= len(digits) <= 15
    assert not digits.startswith(b"0")


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"))
def test_every_number_of_that_form_parses(number: str) -> None:
    assert parse_e164(number) == number
