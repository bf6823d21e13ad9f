"""Numbers that carriers offer, as offers like those of the own pool: completed, priced, filtered, put in order.

Touches: nothing.

A carrier is asked for as much of a query as it can express, and whatever it answers is held against
the whole query here, with the same matcher and the same comparisons as the own inventory.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from numberdesk.catalog.model import CAPABILITIES, FROM_RULE, NUMBER_TYPES, Listing, capability_bits
from numberdesk.catalog.search import Found, Offer, OfferQuery, Position, Sort
from numberdesk.catalog.trigrams import rank_of
from numberdesk.core.memorability import memorability
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.pattern import MatchOn, Pattern, Subjects
from numberdesk.core.phone import PhoneError
from numberdesk.core.text import TextError, folded, parse_text
from numberdesk.infra.numbering import (
    Numbering,
    calling_code,
    describe,
    describe_as,
    main_country,
    region_key,
    region_of,
)

LONGEST_PLACE: Final = 100


class Asked(NamedTuple):
    """What of a query any carrier could be asked: digits of the national number, the rest as in the query."""

    calling_code: str
    area_code: str
    starts_with: str
    contains: str
    ends_with: str


class Known(NamedTuple):
    """A number as a carrier tells it. Costs are micros, None where not told; the currency is "" without costs.

    `area_code` is the one that the carrier was asked for, "" when it was asked for none.
    """

    e164: str
    number_type: str
    region: str
    locality: str
    capabilities: tuple[str, ...]
    cost_currency: str
    cost_monthly: int | None
    cost_inbound: int | None
    cost_outbound: int | None
    cost_setup: int | None
    area_code: str = ""

    @classmethod
    def plain(cls, e164: str) -> Known:
        """A number of which a carrier tells nothing more."""
        return cls(e164, "", "", "", (), "", None, None, None, None)


def asked_of(query: OfferQuery) -> Asked:
    """The longest digits that a fitting number must start with, contain and end with, and the area code if it is one.

    Where an area code may stand behind a digit of mobile numbers, it is only certain that they contain it.
    """
    code = calling_code(query.iso_country)
    starts = [_national_prefix(part, code) for part in query.digits.all_of]
    ends = [part.literal_suffix for part in query.digits.all_of if part.match_on is not MatchOn.E164]
    inside = [part.longest_literal for part in query.digits.all_of if part.match_on is not MatchOn.E164]
    area_code, *others = query.area_codes or ("",)
    if others:
        inside, area_code = [*inside, area_code], ""
    longest = (max(found, key=len, default="") for found in (starts, inside, ends))
    return Asked(code, area_code, *longest)


def _national_prefix(part: Pattern, code: str) -> str:
    """Digits with which the national number must start, as far as an expression says."""
    if part.match_on is MatchOn.NATIONAL:
        return part.literal_prefix
    if part.match_on is MatchOn.E164 and part.literal_prefix.startswith(code):
        return part.literal_prefix[len(code) :]
    return ""


@functools.lru_cache(maxsize=8_192)  # carriers show the same numbers over and over
def listing_of(known: Known, iso_country: str, *, with_region: bool, told_country: bool = True) -> Listing | None:
    """A carrier's number completed from numbering data, without a price; None for what is no number of the country.

    `with_region` looks up the region where the carrier does not say it. `told_country`: the carrier
    says that the number is one of the country; otherwise numbering data does, as far as it knows.
    """
    try:
        numbering = _numbering(known, iso_country, with_region=with_region, told_country=told_country)
    except PhoneError:
        return None
    number_type = known.number_type or numbering.number_type
    if number_type not in NUMBER_TYPES:
        return None
    capabilities = [name for name in known.capabilities if name in CAPABILITIES]
    has_cost = bool(known.cost_currency) and _cost(known.cost_monthly) is not None
    return Listing(
        known.e164,
        numbering.iso_country,
        number_type,
        region_of(numbering.iso_country, _place(known.region)) or numbering.region,
        _place(known.locality),
        numbering.area_code,
        numbering.national,
        capability_bits(capabilities or ["voice"]),
        memorability(numbering.national),
        FROM_RULE,
        None,
        None,
        None,
        None,
        0,
        known.cost_currency if has_cost else None,
        _cost(known.cost_monthly) if has_cost else None,
        _cost(known.cost_inbound),
        _cost(known.cost_outbound),
        _cost(known.cost_setup),
    )


def listing_of_any(known: Known) -> Listing | None:
    """The same for a number of whatever country; None for what is no number."""
    iso_country = _country(known.e164) or main_country(known.e164)
    return listing_of(known, iso_country, with_region=False) if iso_country else None


def _numbering(known: Known, iso_country: str, *, with_region: bool, told_country: bool) -> Numbering:
    """What the carrier and numbering data say; for a number that this does not know yet, what its digits say."""
    if not told_country and _country(known.e164) not in ("", iso_country):
        raise PhoneError("is one of another country")
    return describe_as(known.e164, iso_country, known.area_code, with_region=with_region and not known.region)


def _country(e164: str) -> str:
    """The country that numbering data has for a number; "" for one that it does not know."""
    try:
        return describe(e164, with_region=False).iso_country
    except PhoneError:
        return ""


def _cost(micros: int | None) -> int | None:
    """A cost as it may be stored and priced by: what is absurd was not told."""
    return micros if micros is not None and 0 <= micros <= MAX_PRICE else None


def _place(text: str) -> str:
    try:
        return parse_text(text, longest=LONGEST_PLACE, empty_allowed=True).strip()
    except TextError:
        return ""


def fits(query: OfferQuery, listing: Listing) -> bool:
    """Whether a priced listing is what a query looks for."""
    prices = listing.prices
    return (
        prices is not None
        and prices.currency == query.currency
        and query.iso_country == listing.iso_country
        and query.number_type in (None, listing.number_type)
        and (query.area_code is None or listing.area_code in query.area_codes)
        and (query.region is None or _same_region(query, listing))
        and (query.locality is None or folded(query.locality) == folded(listing.locality))
        and query.capabilities & ~listing.capabilities == 0
        and (query.max_price is None or prices.total <= query.max_price)
        and query.digits.matches(_subjects(listing))
    )


def _same_region(query: OfferQuery, listing: Listing) -> bool:
    key = functools.partial(region_key, query.iso_country)
    return query.region is not None and key(query.region) == key(listing.region)


def found_of(query: OfferQuery, carrier: str, listing: Listing, requires: tuple[str, ...] = ()) -> Found:
    """A listing that fits, with its place in the order that is asked for."""
    prices = listing.prices
    if prices is None:
        raise ValueError("an offer has a price")
    key = {Sort.NUMBER: 0, Sort.PRICE: prices.total, Sort.MEMORABLE: listing.memorability}[query.sort]
    offer = Offer(
        listing.e164,
        listing.iso_country,
        listing.region,
        listing.locality,
        listing.number_type,
        listing.capabilities,
        prices,
        carrier,
        requires,
    )
    return Found(offer, Position(key, listing.e164), _subjects(listing))


def _subjects(listing: Listing) -> Subjects:
    return Subjects(listing.e164[1:], listing.national, listing.national[len(listing.area_code) :])


@dataclass(frozen=True, slots=True)
class Stock:
    """What the own inventory has for a page: all that fits up to `end`, which is None when it was seen whole."""

    found: tuple[Found, ...]
    end: Position | None
    complete: bool


class Merged(NamedTuple):
    """A page out of several sources. `goes_on` is where the next one begins, None at the end."""

    shown: tuple[Found, ...]
    goes_on: Position | None


def merge(query: OfferQuery, stock: Stock, remote: Iterable[Found]) -> Merged:
    """One page in the order that is asked for. Of a number that two carriers offer, the cheaper one is shown.

    What counts is what an offer charges at once, setup price included, then its rates.
    """
    end = None if stock.end is None else _rank(query, stock.end)
    after = None if query.after is None else _rank(query, query.after)
    cheapest: dict[str, Found] = {}
    for found in sorted(remote, key=lambda one: (one.offer.prices.rank, one.offer.carrier)):
        cheapest.setdefault(found.offer.e164, found)
    merged = {found.offer.e164: found for found in stock.found}
    for e164, found in cheapest.items():
        rank = _rank(query, found.position)
        if (after is None or rank > after) and (end is None or rank <= end):
            merged.setdefault(e164, found)
    ordered = sorted(merged.values(), key=lambda one: _rank(query, one.position))
    shown = tuple(ordered[: query.page_size])
    if len(ordered) > query.page_size:
        return Merged(shown, shown[-1].position)
    return Merged(shown, stock.end)


def _rank(query: OfferQuery, position: Position) -> tuple[int, int]:
    """What sorts positions: numbers as whole numbers, of equal length within a country or not."""
    sign = -1 if query.sort is Sort.MEMORABLE else 1
    return sign * position.key, sign * rank_of(position.e164)
