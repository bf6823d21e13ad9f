"""The numbers for sale that are closest to a given one, of the own inventory.

Touches: database.

All that differ from it in one digit, or in two of the last seven, are looked up by name. When these do not fill the
page, numbers that begin or end like it are read, with ever fewer digits in common, a bounded number each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from numberdesk.catalog.nearness import closeness, lookalikes
from numberdesk.catalog.remote_search import fits, found_of
from numberdesk.catalog.search import Found, Offer, OfferQuery, QueryError
from numberdesk.catalog.store import find_listings
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.pattern import MatchOn, Pattern
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.search_country import Country
from numberdesk.flows.catalog.search_numbers import Bounds, search_stock
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import calling_code

LOOKED_UP: Final = 2
"""So many differing digits the numbers that are looked up by name have at most."""

MOST_DIFFERENT: Final = 6
"""Digits in which a number at the end of the list may differ where it begins or ends as the wanted one."""

EACH: Final = Bounds(walked=10_000, glance=1_000, read_whole=5_000)
_READ_EACH: Final = 100


def check_like(query: OfferQuery, like: str) -> None:
    """Raise QueryError for a number that is none of the country which is searched."""
    code = calling_code(query.iso_country)
    if not like.startswith(f"+{code}"):
        raise QueryError("like", f"must begin with +{code}, as numbers of {query.iso_country} do")


def find_near_numbers(tx: Tx, query: OfferQuery, like: str, bounds: Bounds = EACH) -> tuple[Offer, ...]:
    """A page of offers that fit, the closest to the number `like` first. Raises QueryError as `check_like` does."""
    check_like(query, like)
    country = Country(tx, query.iso_country)
    found = _looked_up(tx, query, like)
    beginning = len(calling_code(query.iso_country))
    for differing, part in _parts(like[1:], beginning):
        if sum(_differing(like, each) <= differing - 1 for each in found.values()) >= query.page_size:
            break
        wider = replace(query, contains=(*query.contains, part), page_size=_READ_EACH)
        found |= {each.offer.e164: each for each in search_stock(tx, wider, bounds, country).found}
    nearest = sorted(found.values(), key=lambda each: closeness(like[1:], each.offer.e164[1:]))
    return tuple(each.offer for each in nearest[: query.page_size])


def _looked_up(tx: Tx, query: OfferQuery, like: str) -> dict[str, Found]:
    code = f"+{calling_code(query.iso_country)}"
    names = [code + national for national in lookalikes(like.removeprefix(code))]
    return {
        e164: found_of(query, POOL, stored.listing)
        for e164, stored in find_listings(tx, names).items()
        if stored.state is NumberState.AVAILABLE and fits(query, stored.listing)
    }


def _parts(digits: str, beginning: int) -> Iterator[tuple[int, Pattern]]:
    """What the E.164 digits of numbers end with, and begin with, that differ in so many digits or fewer."""
    for differing in range(LOOKED_UP, MOST_DIFFERENT + 1):
        same = len(digits) - differing
        if same > beginning:
            yield differing, Pattern(MatchOn.E164, "%" + digits[-same:])
            yield differing, Pattern(MatchOn.E164, digits[:same] + "%")


def _differing(like: str, found: Found) -> int:
    return closeness(like[1:], found.offer.e164[1:]).differing
