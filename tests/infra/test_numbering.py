"""What numbering data says of numbers: country, type, region, area code, and which numbers exist.

Touches: nothing.
"""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.phone import PhoneError
from numberdesk.infra.numbering import (
    Numbering,
    area_codes,
    describe,
    describe_as,
    e164_of,
    is_country,
    main_country,
    region_of,
)


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
        ("+13104503", "after \\+1 there are ten digits"),
        ("+5215512345678", r"write \+52 instead of \+521, \+525512345678"),
        ("+113612738809", r"write \+1 instead of \+11, \+13612738809"),
        ("+499995550123", "numbering plan$"),
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


@pytest.mark.parametrize(
    ("e164", "country", "numbering"),
    [
        ("+15652738809", "US", Numbering("US", "local", "", "565", "5652738809")),
        ("+18005550199", "CA", Numbering("CA", "toll_free", "", "800", "8005550199")),
        ("+441534700700", "GB", Numbering("GB", "local", "", "1534", "1534700700")),
        ("+13612738809", "CA", Numbering("CA", "local", "TX", "361", "3612738809")),
        ("+4912999123456", "DE", Numbering("DE", "", "", "", "12999123456")),
    ],
)
def test_of_a_number_its_seller_knows_the_country_and_data_fills_in_the_rest(
    e164: str, country: str, numbering: Numbering
) -> None:
    assert describe_as(e164, country) == numbering


def test_an_area_code_that_is_told_decides_where_the_number_can_have_it() -> None:
    assert describe_as("+442079460958", "GB", "207").area_code == "207"
    assert describe_as("+442079460958", "GB", "161").area_code == "20"
    assert describe_as("+13612738809", "US", "36").area_code == "361"
    assert describe_as("+4533123456", "DK", "33").area_code == ""


@pytest.mark.parametrize(
    ("e164", "country"),
    [
        ("+442079460958", "US"),
        ("+13104503", "CA"),
        ("+13104503", "US"),
        ("+11652738809", "US"),
        ("+12345", "US"),
        ("+13612738809", "ZZ"),
        ("+4402079460958", "GB"),
        ("+49301", "DE"),
    ],
)
def test_nobody_can_say_that_a_country_has_what_its_plan_has_no_room_for(e164: str, country: str) -> None:
    with pytest.raises(PhoneError):
        describe_as(e164, country)


def test_what_the_data_does_not_know_is_refused_where_only_the_known_is_wanted() -> None:
    with pytest.raises(PhoneError, match="numbering plan"):
        describe_as("+15652738809", "US", known_only=True)


@pytest.mark.parametrize(
    ("country", "text", "codes"),
    [
        ("GB", "020", ("20",)), ("GB", "20", ("20",)), ("US", "1361", ("361",)), ("US", "361", ("361",)),
        ("AR", "11", ("11", "911")), ("AR", "011", ("11", "911")), ("AR", "911", ("911",)), ("IT", "06", ("06",)),
        ("RU", "812", ("812",)), ("GB", "0", ("0",)), ("HU", "061", ("1",)),
    ],
)  # fmt: skip
def test_an_area_code_is_understood_as_people_write_it(country: str, text: str, codes: tuple[str, ...]) -> None:
    assert area_codes(country, text) == codes


def test_countries_without_area_codes_get_none_made_up() -> None:
    for e164 in ("+6561234567", "+4533123456", "+85221234567", "+97431234567"):
        assert describe(e164, with_region=False).area_code == ""
    assert describe("+48221234567", with_region=False).area_code == "22"


WITHOUT_AREA_CODES = """
    AD AW BF BH BI BJ BL CF CG CI CK CM CR CV CY DJ DK EE FJ FK FM FO GA GF GI GL GM GN GP GT GW HK HN HT IO IS KI KM KW
    LI LS LU LV MC MF ML MO MQ MR MT MU MV NC NE NI NO NR NU PA PF PG PM PW QA RE RW SB SC SG SJ SN SR ST SV SZ TD TG TK
    TL TO TV VU WF WS YT
"""


@pytest.mark.parametrize("country", WITHOUT_AREA_CODES.split())
def test_a_number_of_a_closed_plan_has_no_area_code_and_cannot_be_told_one(country: str) -> None:
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    examples = [example for kind in kinds if (example := phonenumbers.example_number_for_type(country, kind))]
    assert examples
    for example in examples:
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        found = describe_as(e164, country, e164[4:6], with_region=False)
        assert (found.iso_country, found.area_code) == (country, "")
        assert describe(e164, with_region=False).area_code == ""


@pytest.mark.parametrize(
    ("e164", "area_code"),
    [("+34912345678", "91"), ("+351212345678", "21"), ("+48221234567", "22"), ("+302101234567", "21"),
     ("+420212345678", "2"), ("+4312345678", "1"), ("+37052123456", "5"), ("+38512345678", "1")],
)  # fmt: skip
def test_where_the_first_digits_name_a_place_they_are_an_area_code(e164: str, area_code: str) -> None:
    assert describe(e164, with_region=False).area_code.startswith(area_code)


@pytest.mark.parametrize(
    ("country", "name", "stored"),
    [
        ("US", "Texas", "TX"), ("US", "texas", "TX"), ("US", "tx", "TX"), ("US", "Washington", "WA"),
        ("US", "Washington, DC", "Washington, DC"), ("US", "Washington D.C.", "DC"), ("CA", "Québec", "QC"),
        ("CA", "New-Brunswick", "NB"), ("US", "Coastal Bend", "Coastal Bend"), ("GB", "Texas", "Texas"),
    ],
)  # fmt: skip
def test_a_state_is_one_however_it_is_spelled(country: str, name: str, stored: str) -> None:
    assert region_of(country, name) == stored


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("(361) 273-8809", "US", "+13612738809"), ("1-361-273-8809", "US", "+13612738809"),
        ("020 7946 0958", "GB", "+442079460958"), ("0044 20 7946 0958", "GB", "+442079460958"),
        ("+44 (0)20 7946 0958", "", "+442079460958"), ("+1 361.273.8809", "", "+13612738809"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, country: str, e164: str) -> None:
    assert e164_of(text, country) == e164


@pytest.mark.parametrize(("text", "reason"), [("(361) 273-8809", "no phone number"), ("+13612738809 x5", "extension")])
def test_what_cannot_be_read_as_one_number_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PhoneError, match=reason):
        e164_of(text, "")


def test_a_calling_code_stands_for_its_largest_country() -> None:
    assert [main_country(e164) for e164 in ("+15652738809", "+441534700700", "+80012345678", "x")] == [
        "US", "GB", "", ""
    ]  # fmt: skip


def test_only_codes_of_countries_are_countries() -> None:
    assert is_country("US")
    assert not is_country("UK")
    assert not is_country("001")
    assert not is_country("us")
