"""What numbering data says of numbers: country, type, region, area code, and which numbers exist.

Touches: nothing.
"""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.phone import PhoneError
from numberdesk.infra.numbering import Numbering, describe, is_country


@pytest.mark.parametrize(
    ("e164", "numbering"),
    [
        ("+13612738809", Numbering("US", "local", "TX", "361", "3612738809")),
        ("+14155550123", Numbering("US", "local", "CA", "415", "4155550123")),
        ("+12025550123", Numbering("US", "local", "DC", "202", "2025550123")),
        ("+12065550123", Numbering("US", "local", "WA", "206", "2065550123")),
        ("+16045550123", Numbering("CA", "local", "BC", "604", "6045550123")),
        ("+14165550123", Numbering("CA", "local", "ON", "416", "4165550123")),
        ("+18005550199", Numbering("US", "toll_free", "", "800", "8005550199")),
        ("+17875550100", Numbering("PR", "local", "", "787", "7875550100")),
        ("+442079460958", Numbering("GB", "local", "London", "20", "2079460958")),
        ("+447911123456", Numbering("GG", "mobile", "", "7911", "7911123456")),
        ("+491711234567", Numbering("DE", "mobile", "", "171", "1711234567")),
        ("+4930123456", Numbering("DE", "local", "Berlin", "30", "30123456")),
        ("+390612345678", Numbering("IT", "local", "Rome", "06", "0612345678")),
        ("+445612345678", Numbering("GB", "national", "", "56", "5612345678")),
    ],
)
def test_a_number_has_a_country_a_type_a_region_and_an_area_code(e164: str, numbering: Numbering) -> None:
    assert describe(e164) == numbering


def test_a_city_of_a_state_stands_for_the_state() -> None:
    assert describe("+12125551234").region == "NY"


def test_a_province_that_shares_its_area_code_is_not_guessed() -> None:
    assert describe("+19025550123").region == ""


def test_a_number_whose_kind_is_none_of_ours_has_no_type() -> None:
    assert describe("+19005551234").number_type == ""


def test_the_region_is_left_out_where_nobody_asks_for_it() -> None:
    assert describe("+13612738809", with_region=False) == Numbering("US", "local", "", "361", "3612738809")


@pytest.mark.parametrize(("e164", "country"), [("+12425550123", "BS"), ("+19835550199", "US"), ("+16585550100", "JM")])
def test_a_fictional_number_is_taken_wherever_its_area_code_exists(e164: str, country: str) -> None:
    assert describe(e164)[:2] == (country, "local")


@pytest.mark.parametrize(
    "e164", ["+12425550200", "+12425550099", "+15555550123", "+12115550123", "+449995550123", "+1242555012"]
)
def test_what_only_resembles_a_fictional_number_is_refused(e164: str) -> None:
    with pytest.raises(PhoneError):
        describe(e164)


@pytest.mark.parametrize(
    ("e164", "reason"),
    [
        ("", "must not be empty"),
        ("13612738809", "must start with +"),
        ("+1 361 273 8809", "only the digits"),
        ("+12345", "7 to 15 digits"),
        ("+9991234567", "country code or length that does not exist"),
        ("+1361273880", "is not a number of its country's numbering plan"),
        ("+136127388099", "is not a number of its country's numbering plan"),
        ("+11612738809", "is not a number of its country's numbering plan"),
        ("+447700900123", "is not a number of its country's numbering plan"),
        ("+4402079460958", r"must be written \+442079460958"),
        ("+870773111632", "belongs to no single country"),
    ],
)
def test_a_number_that_cannot_exist_is_refused_with_a_reason(e164: str, reason: str) -> None:
    with pytest.raises(PhoneError, match=reason):
        describe(e164)


_AREA_CODES = ["212", "246", "658", "876", "242", "361", "983", "800", "900", "505", "604", "902", "500", "211"]


@given(
    st.sampled_from(_AREA_CODES),
    st.one_of(st.integers(0, 9_999_999), st.integers(5_210_000, 5_219_999), st.integers(6_000_000, 6_069_999)),
)
def test_looking_up_by_the_thousand_says_what_looking_up_one_by_one_says(area_code: str, line: int) -> None:
    e164 = f"+1{area_code}{line:07d}"
    number = phonenumbers.parse(e164, None)
    if phonenumbers.is_valid_number(number):
        found = describe(e164, with_region=False)
        assert found.iso_country == phonenumbers.region_code_for_number(number)
        assert found.national == e164[2:]
        toll_free = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.TOLL_FREE
        assert (found.number_type == "toll_free") == toll_free
    elif not 5_550_100 <= line <= 5_550_199:
        with pytest.raises(PhoneError):
            describe(e164, with_region=False)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_country_has_numbers_that_are_described_as_its_own(country: str) -> None:
    example = phonenumbers.example_number(country)
    assert example is not None
    found = describe(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    assert is_country(found.iso_country)
    assert found.national.startswith(found.area_code)


def test_only_codes_of_countries_are_countries() -> None:
    assert is_country("US")
    assert not is_country("UK")
    assert not is_country("001")
    assert not is_country("us")
