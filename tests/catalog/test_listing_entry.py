"""One line of an inventory file becomes a listing: what is checked, and what is filled in.

Touches: nothing.
"""

from __future__ import annotations

import pytest

from numberdesk.catalog.inventory_file import Entry
from numberdesk.catalog.kept_columns import keep_columns
from numberdesk.catalog.listing_entry import EntryError, EntryTerms, listing_of
from numberdesk.catalog.model import CAPABILITIES, FROM_FILE, FROM_RULE, Listing, capability_bits, capability_names
from numberdesk.core.memorability import memorability
from numberdesk.core.prices import Prices

SILENT = Entry(*[""] * len(Entry._fields))
NUMBER = SILENT._replace(phone_number="+13612738809")
PRICED = NUMBER._replace(
    monthly_price="1.15", per_minute_price_inbound="0.0085", per_minute_price_outbound="0.0945", currency="USD"
)


def test_only_the_number_is_needed_and_the_rest_is_filled_in() -> None:
    assert listing_of(NUMBER) == Listing(
        e164="+13612738809",
        iso_country="US",
        number_type="local",
        region="TX",
        locality="",
        area_code="361",
        national="3612738809",
        capabilities=capability_bits(["voice"]),
        memorability=memorability("3612738809"),
        price_source=FROM_RULE,
        currency=None,
        price=None,
        inbound=None,
        outbound=None,
        setup=0,
        cost_currency=None,
        cost_monthly=None,
        cost_inbound=None,
        cost_outbound=None,
        cost_setup=None,
    )


def test_prices_of_the_line_are_exact_micros() -> None:
    listing = listing_of(PRICED._replace(setup_price="2"))
    assert listing.prices == Prices("USD", 1_150_000, 8_500, 94_500, 2_000_000)
    assert listing.price_source == FROM_FILE


def test_rates_may_be_free_or_left_out() -> None:
    listing = listing_of(PRICED._replace(per_minute_price_inbound="0", per_minute_price_outbound=""))
    assert (listing.inbound, listing.outbound) == (0, None)


def test_the_line_wins_over_numbering_data() -> None:
    listing = listing_of(NUMBER._replace(number_type="national", region="Coastal Bend", locality="Corpus Christi"))
    assert (listing.number_type, listing.region, listing.locality) == ("national", "Coastal Bend", "Corpus Christi")


def test_a_type_that_numbering_data_does_not_have_can_be_given() -> None:
    premium = SILENT._replace(phone_number="+19005551234")
    assert listing_of(premium._replace(number_type="national")).number_type == "national"
    with pytest.raises(EntryError, match="number_type must be given"):
        listing_of(premium)


@pytest.mark.parametrize("text", ["voice sms", "sms,voice", "voice|sms", "sms;voice", " voice,  sms;", "voice sms sms"])
def test_capabilities_may_be_separated_in_several_ways(text: str) -> None:
    assert capability_names(listing_of(NUMBER._replace(capabilities=text)).capabilities) == ("voice", "sms")


def test_every_set_of_capabilities_is_kept() -> None:
    for bits in range(1, 1 << len(CAPABILITIES)):
        assert capability_bits(capability_names(bits)) == bits


def test_costs_are_in_their_own_currency_or_in_that_of_the_prices() -> None:
    costs = NUMBER._replace(cost_monthly="0.80", cost_inbound="0.003", cost_outbound="0", cost_setup="1")
    listing = listing_of(costs._replace(cost_currency="EUR", currency="USD"))
    assert listing[listing._fields.index("cost_currency") :][:5] == ("EUR", 800_000, 3_000, 0, 1_000_000)
    assert listing_of(costs._replace(currency="USD")).cost_currency == "USD"
    assert listing_of(PRICED).cost_currency is None


def test_a_currency_without_any_amount_says_nothing() -> None:
    assert listing_of(NUMBER._replace(currency="USD", cost_currency="EUR")) == listing_of(NUMBER)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone_number": ""}, "phone_number must not be empty"),
        ({"phone_number": "+13612738"}, "phone_number is not a number of its country's numbering plan"),
        ({"number_type": "landline"}, "number_type must be one of local, mobile, toll_free, national"),
        ({"monthly_price": "0"}, "monthly_price must be greater than zero"),
        ({"monthly_price": "-1"}, "monthly_price must not be negative"),
        ({"monthly_price": "1.0000001"}, "monthly_price has more digits"),
        ({"monthly_price": "$1.15"}, "monthly_price must be a number"),
        ({"monthly_price": "NaN"}, "monthly_price must be a number"),
        ({"monthly_price": "1e9"}, "monthly_price must be at most"),
        ({"per_minute_price_inbound": "-0.01"}, "per_minute_price_inbound must not be negative"),
        ({"per_minute_price_outbound": "x"}, "per_minute_price_outbound must be a number"),
        ({"setup_price": "x"}, "setup_price must be a number"),
        (
            {"currency": "us"},
            "^currency must be a currency code, .* not 'us'|^currency must be a currency code.*not 'us'",
        ),
        ({"currency": ""}, "currency must be given where monthly_price is"),
        ({"monthly_price": ""}, "monthly_price must be given where a rate or setup_price is"),
        ({"cost_monthly": "-1", "cost_currency": "USD"}, "cost_monthly must not be negative"),
        ({"cost_setup": "x"}, "cost_setup must be a number"),
        ({"cost_currency": "Dollar"}, "cost_currency must be a currency code"),
        ({"region": "x" * 101}, "region must have at most 100 characters"),
        ({"locality": "Par\tis"}, "locality must not have control characters"),
        ({"capabilities": "voice fly"}, "capabilities must be of voice, sms, mms, fax"),
        ({"phone_number": "(361) 273-8809"}, "phone_number must start with \\+ and the country code.*not '\\(361\\)"),
        ({"phone_number": "1.36127E+10"}, "was shortened by a spreadsheet"),
        ({"phone_number": "+5215512345678"}, "write \\+52 instead of \\+521"),
        ({"currency": "UDS"}, "must be a currency of ISO 4217, like USD, not 'UDS'$"),
        ({"phone_number": "+15652738809"}, "if its range is new, import with --accept-unknown, not '\\+15652738809'"),
        ({"phone_number": "+13104503"}, "ten digits"),
        ({"iso_country": "USA"}, "iso_country must be the two-letter code.*not 'USA'"),
        ({"iso_country": "GB"}, "phone_number does not start with \\+44"),
        ({"area_code": "415"}, "area_code must be how the national number 3612738809 begins, not '415'"),
        ({"area_code": "36"}, "area_code must be how"),
        ({"monthly_price": "1,150"}, "monthly_price could be 1150 or 1.150: write one of them"),
        ({"capabilities": ";"}, "capabilities must name at least one"),
    ],
)
def test_a_wrong_value_is_refused_by_its_column(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(EntryError, match=reason):
        listing_of(PRICED._replace(**changes))


def test_all_that_is_wrong_with_a_line_is_said_at_once() -> None:
    with pytest.raises(EntryError) as caught:
        listing_of(PRICED._replace(phone_number="x", number_type="y", capabilities="z", setup_price="-1", region="\t"))
    assert [reason.split()[0] for reason in caught.value.reasons] == [
        "phone_number", "number_type", "region", "capabilities", "setup_price"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("(361) 273-8809", "US", "+13612738809"),
        ("361.273.8809", "US", "+13612738809"),
        ("13612738809", "US", "+13612738809"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+1 (361) 273-8809", "", "+13612738809"),
        ("'+13612738809", "", "+13612738809"),
        ('="+13612738809"', "", "+13612738809"),
        ("+442079460958", "US", "+442079460958"),
    ],
)
def test_numbers_are_taken_as_people_write_them(text: str, country: str, e164: str) -> None:
    assert listing_of(SILENT._replace(phone_number=text), EntryTerms(country)).e164 == e164
    if country and not text.startswith("+"):
        assert listing_of(SILENT._replace(phone_number=text, iso_country=country)).e164 == e164


def test_words_are_taken_in_any_case_and_prices_with_a_decimal_comma() -> None:
    listing = listing_of(
        NUMBER._replace(
            number_type="Toll-Free", capabilities="Voice/SMS", monthly_price="1,15", currency="usd", region="Texas"
        )
    )
    assert (listing.number_type, capability_names(listing.capabilities)) == ("toll_free", ("voice", "sms"))
    assert (listing.price, listing.currency, listing.region) == (1_150_000, "USD", "TX")
    assert listing_of(NUMBER._replace(number_type="Local")).number_type == "local"


def test_the_owner_of_a_number_may_insist_on_its_country_its_area_code_and_that_it_exists() -> None:
    jersey = SILENT._replace(phone_number="+441534700700", iso_country="gb", area_code="01534")
    assert listing_of(jersey)[1:6] == ("GB", "local", "", "", "1534")
    assert listing_of(SILENT._replace(phone_number="+18005550199", iso_country="CA")).iso_country == "CA"
    assert listing_of(SILENT._replace(phone_number="+442079460958", area_code="207")).area_code == "207"
    new = SILENT._replace(phone_number="+15652738809")
    assert listing_of(new, EntryTerms(accept_unknown=True))[1:6] == ("US", "local", "", "", "565")
    for impossible in ("+13104503", "+1156527388", "+999123456789"):
        with pytest.raises(EntryError):
            listing_of(new._replace(phone_number=impossible), EntryTerms(accept_unknown=True))


def test_a_cost_without_any_currency_is_refused() -> None:
    with pytest.raises(EntryError, match="cost_currency or currency must be given where a cost is"):
        listing_of(NUMBER._replace(cost_inbound="0.003"))


def test_a_setup_price_without_a_monthly_price_is_refused() -> None:
    with pytest.raises(EntryError, match="monthly_price must be given"):
        listing_of(NUMBER._replace(setup_price="1", currency="USD"))


def test_a_line_says_for_how_long_its_price_is_and_how_calls_are_billed() -> None:
    yearly = PRICED._replace(
        period_every="1", period_unit="Year", increments="30/6", connect_fee="0.15", rounding="Down"
    )
    listing = listing_of(yearly)
    assert (listing.term, listing.billing) == ("12 month", "30/6 150000 down")
    assert (listing_of(PRICED).term, listing_of(PRICED).billing) == ("", "")
    columns = frozenset({"period_every", "period_unit", "increments", "rounding"})
    kept = keep_columns(listing, listing_of(PRICED._replace(connect_fee="0")), columns)
    assert (kept.term, kept.billing) == ("12 month", "30/6 0 down")
    for column, sent in (("period_every", "0"), ("period_every", "x"), ("period_unit", "week"), ("increments", "6"),
                         ("rounding", "nearest")):  # fmt: skip
        with pytest.raises(EntryError, match=column):
            listing_of(PRICED._replace(**{column: sent}))
    with pytest.raises(EntryError, match="monthly_price must be given"):
        listing_of(NUMBER._replace(increments="6/6"))
    with pytest.raises(EntryError, match="monthly_price must be given"):
        listing_of(NUMBER._replace(rounding="up"))
