"""Carriers' numbers as offers: what carriers are asked for, what their answers are worth, and merged pages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.catalog.model import Listing
from numberdesk.catalog.remote_search import (
    Asked,
    Known,
    Stock,
    asked_of,
    fits,
    found_of,
    listing_of,
    listing_of_any,
    merge,
)
from numberdesk.catalog.search import Found, OfferQuery, Sort
from numberdesk.core.pattern import Subjects
from numberdesk.core.prices import Prices
from testbed.offer_queries import sent_query

PRICE = 1_150_000
ORDERS = {
    Sort.NUMBER: lambda found: (0, found.offer.e164),
    Sort.PRICE: lambda found: (found.offer.prices.monthly, found.offer.e164),
    Sort.MEMORABLE: lambda found: (found.position.key, found.offer.e164),
}

serials = st.integers(0, 30)
prices = st.integers(1, 4)


def found_at(query: OfferQuery, serial: int, price: int, carrier: str) -> Found:
    e164 = f"+1361273{8800 + serial}"
    listing = listing_of(Known.plain(e164), "US", with_region=False)
    assert listing is not None
    return found_of(query, carrier, listing.priced(Prices("USD", price, None, None)))


class Shelf:
    """An inventory that is walked in windows of chance, as the search of the own one is."""

    def __init__(self, query: OfferQuery, stock: dict[int, int], windows: Iterator[int]) -> None:
        key = ORDERS[query.sort]
        found = [found_at(query, serial, price, "pool") for serial, price in stock.items()]
        self.found = sorted(found, key=key, reverse=query.sort is Sort.MEMORABLE)
        self._windows = windows

    def page(self, query: OfferQuery) -> Stock:
        """What one search finds: the page and one more, or as far as its work went."""
        start = 0
        if query.after is not None:
            start = next((place for place, one in enumerate(self.found) if is_after(query, one)), len(self.found))
        window = self.found[start : start + min(next(self._windows), query.page_size + 1)]
        if len(window) > query.page_size:
            return Stock(tuple(window), window[-1].position, complete=True)
        if start + len(window) == len(self.found):
            return Stock(tuple(window), None, complete=True)
        return Stock(tuple(window), window[-1].position if window else query.after, complete=False)


def is_after(query: OfferQuery, found: Found) -> bool:
    here, there = (found.position.key, found.position.e164), query.after
    assert there is not None
    return here < tuple(there) if query.sort is Sort.MEMORABLE else here > tuple(there)


@settings(max_examples=150)
@given(
    sort=st.sampled_from(Sort),
    page_size=st.integers(1, 7),
    stock=st.dictionaries(serials, prices, max_size=12),
    remote=st.lists(st.tuples(serials, prices, st.sampled_from(["acme", "beta"])), max_size=25),
    windows=st.lists(st.integers(1, 9), min_size=1, max_size=9),
)
def test_pages_give_each_number_once_in_order_wherever_the_walk_of_the_stock_stopped(
    sort: Sort, page_size: int, stock: dict[int, int], remote: list[tuple[int, int, str]], windows: list[int]
) -> None:
    query = OfferQuery("US", "USD", page_size, sort)
    shelf = Shelf(query, stock, itertools.cycle(windows))
    offered = [found_at(query, *each) for each in remote if each[0] not in stock]
    shown: list[Found] = []
    for _ in range(100):
        page = merge(query, shelf.page(query), offered)
        assert len(page.shown) <= page_size
        shown += page.shown
        if page.goes_on is None:
            break
        query = replace(query, after=page.goes_on)
    cheapest = {}
    for one in sorted(offered, key=lambda one: (one.offer.prices.monthly, one.offer.carrier), reverse=True):
        cheapest[one.offer.e164] = one
    expected = sorted([*shelf.found, *cheapest.values()], key=ORDERS[sort], reverse=sort is Sort.MEMORABLE)
    assert [one.offer for one in shown] == [one.offer for one in expected]


# what carriers are asked for


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        ({}, ("", "", "")),
        ({"starts_with": "361"}, ("361", "361", "")),
        ({"starts_with": "+1361"}, ("361", "", "")),
        ({"starts_with": "+4420"}, ("", "", "")),
        ({"ends_with": "00"}, ("", "00", "00")),
        ({"contains": ["361", "2738"]}, ("", "2738", "")),
        ({"pattern": "^415%7600$"}, ("415", "7600", "7600")),
        ({"match_on": "subscriber", "starts_with": "27"}, ("", "27", "")),
        ({"match_on": "e164", "contains": "1361"}, ("", "", "")),
        ({"starts_with": "36", "contains": "8809", "ends_with": "809"}, ("36", "8809", "809")),
        ({"pattern": "7*STORM"}, ("", "78676", "")),
        ({"excludes": "44"}, ("", "", "")),
    ],
)
def test_carriers_are_asked_for_the_longest_digits_that_are_certain(
    parameters: dict[str, str | list[str]], asked: tuple[str, str, str]
) -> None:
    assert asked_of(sent_query("US", "USD", parameters)) == Asked("1", "", *asked)


@given(
    number=st.text("017", min_size=7, max_size=7),
    parameters=st.fixed_dictionaries(
        {},
        optional={
            "match_on": st.sampled_from(["national", "e164", "subscriber"]),
            "starts_with": st.sampled_from(["3", "361", "+1", "+1361", "0", "1"]),
            "ends_with": st.text("017", min_size=1, max_size=2),
            "contains": st.lists(st.text("0176", min_size=2, max_size=3), max_size=2),
            "pattern": st.sampled_from(["^36**0", "1%7", "+13610", "0*0$", "61**7%1"]),
        },
    ),
)
def test_carriers_are_asked_for_nothing_that_a_fitting_number_has_not(number: str, parameters: dict[str, Any]) -> None:
    query, national = sent_query("US", "USD", parameters), f"361{number}"
    if query.digits.matches(Subjects(f"1{national}", national, number)):
        asked = asked_of(query)
        assert national.startswith(asked.starts_with)
        assert asked.contains in national
        assert national.endswith(asked.ends_with)


# what their answers are worth


def known(e164: str, **changes: Any) -> Known:
    return Known.plain(e164)._replace(**changes)


def test_what_a_carrier_does_not_tell_comes_from_numbering_data() -> None:
    listing = listing_of(Known.plain("+13612738809"), "US", with_region=True)
    assert listing is not None
    assert (listing.number_type, listing.region, listing.locality) == ("local", "TX", "")
    assert (listing.area_code, listing.national, listing.capabilities) == ("361", "3612738809", 1)
    assert (listing.cost_currency, listing.cost_monthly, listing.prices) == (None, None, None)


@pytest.mark.parametrize(
    ("e164", "iso_country"),
    [
        ("", "US"),
        ("nonsense", "US"),
        ("+13612738809", "GB"),
        ("+13104503", "US"),
        ("+442079460106", "US"),
        ("+1361", "US"),
        ("+99912345678", "US"),
    ],
)
def test_what_is_no_number_of_the_country_is_nothing(e164: str, iso_country: str) -> None:
    assert listing_of(Known.plain(e164), iso_country, with_region=True) is None


def test_a_number_that_numbering_data_does_not_know_yet_is_what_its_carrier_says() -> None:
    listing = listing_of(known("+12002738809", number_type="local", region="XX"), "US", with_region=True)
    assert listing is not None
    assert (listing.iso_country, listing.number_type, listing.region, listing.area_code) == ("US", "local", "XX", "200")
    for found in (listing_of(known("+12002738809"), "US", with_region=True), listing_of_any(known("+12002738809"))):
        assert found is not None
        assert (found.iso_country, found.number_type, found.area_code) == ("US", "local", "200")


def test_a_new_area_code_is_found_by_its_digits() -> None:
    listing = listing_of(Known.plain("+15652738809"), "US", with_region=False)
    assert listing is not None
    assert fits(sent_query("US", "USD", {"area_code": "565"}), listing.priced(Prices("USD", PRICE, None, None)))


def test_a_carriers_country_decides_and_data_only_where_the_carrier_does_not_say_it() -> None:
    for e164, country in (("+18005550199", "CA"), ("+441534700700", "GB"), ("+14165550123", "US")):
        told = listing_of(Known.plain(e164), country, with_region=False)
        assert told is not None
        assert told.iso_country == country
        assert listing_of(Known.plain(e164), country, with_region=False, told_country=False) is None


def _listed(e164: str, country: str, region: str = "") -> Listing:
    listing = listing_of(known(e164, region=region), country, with_region=False)
    assert listing is not None
    return listing.priced(Prices("USD", PRICE, None, None))


def test_area_codes_and_regions_mean_the_same_in_every_spelling() -> None:
    london, mobile, fixed = (
        _listed("+442079460958", "GB"),
        _listed("+5491123456789", "AR"),
        _listed("+541123456789", "AR"),
    )
    for code in ("20", "020"):
        assert fits(sent_query("GB", "USD", {"area_code": code}), london)
    for code in ("11", "011"):
        assert fits(sent_query("AR", "USD", {"area_code": code}), mobile)
        assert fits(sent_query("AR", "USD", {"area_code": code}), fixed)
    assert not fits(sent_query("AR", "USD", {"area_code": "351"}), mobile)
    for spelled in ("TX", "Texas", "texas"):
        for told in ("TX", "Texas"):
            assert fits(sent_query("US", "USD", {"region": spelled}), _listed("+13612738809", "US", told))
    assert asked_of(sent_query("AR", "USD", {"area_code": "11"})) == Asked("54", "", "", "11", "")
    assert asked_of(sent_query("GB", "USD", {"area_code": "020"})) == Asked("44", "20", "", "", "")


@pytest.mark.parametrize(
    ("costs", "kept"),
    [
        (("USD", 5, 6, 7, 8), ("USD", 5, 6, 7, 8)),
        (("USD", 0, None, None, None), ("USD", 0, None, None, None)),
        (("USD", 5, -1, 10**13, -10), ("USD", 5, None, None, None)),
        (("USD", -5, 6, 7, 8), (None, None, 6, 7, 8)),
        (("USD", 10**30, 6, 7, 8), (None, None, 6, 7, 8)),
        (("", 5, 6, 7, 8), (None, None, 6, 7, 8)),
        (("USD", None, 6, 7, 8), (None, None, 6, 7, 8)),
    ],
)
def test_absurd_costs_count_as_not_told(costs: tuple[Any, ...], kept: tuple[Any, ...]) -> None:
    names = ("cost_currency", "cost_monthly", "cost_inbound", "cost_outbound", "cost_setup")
    listing = listing_of(known("+13612738809", **dict(zip(names, costs, strict=True))), "US", with_region=False)
    assert listing is not None
    assert tuple(getattr(listing, name) for name in names) == kept


def test_unknown_capabilities_are_passed_over_and_a_number_can_always_speak() -> None:
    for capabilities, bits in (((), 1), (("teleport",), 1), (("sms", "teleport"), 2), (("voice", "mms"), 5)):
        listing = listing_of(known("+13612738809", capabilities=capabilities), "US", with_region=False)
        assert listing is not None
        assert listing.capabilities == bits


def test_an_offer_without_a_price_is_none() -> None:
    listing = listing_of(Known.plain("+13612738809"), "US", with_region=False)
    assert listing is not None
    query = sent_query("US", "USD", {})
    assert not fits(query, listing)
    with pytest.raises(ValueError, match="has a price"):
        found_of(query, "acme", listing)
