"""What to search for where nothing fits: searches like the one that was sent, each tried on the own inventory.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from numberdesk.catalog.place_store import list_codes_around, list_regions
from numberdesk.catalog.search import OfferQuery, QueryError, Sort
from numberdesk.catalog.search_parameters import SearchParameters, offer_query
from numberdesk.catalog.suggestions import (
    AREA_CODES_TRIED,
    Around,
    Idea,
    Sent,
    ideas_for,
    in_turn,
    last_ideas_for,
    regions_around,
)
from numberdesk.flows.catalog.search_country import Country
from numberdesk.flows.catalog.search_numbers import Bounds, search_stock
from numberdesk.infra.db import Tx

MOST_SUGGESTED: Final = 6
MOST_TRIED: Final = 20
"""Searches that are tried for one that found nothing."""

EACH: Final = Bounds(
    walked=10_000, glance=500, read_whole=2_000, read_at_once=500, matches=10_000, looked_up=1_000, enough=1
)
"""How much one of them may do, a tenth of what a search may: what finds nothing within that is not suggested, and what
finds one is not counted further."""

SECONDS: Final = 1.0
"""How long all of them may take: none is begun later."""

_COUNTED: Final = 10
_MOST_REGIONS: Final = 1_000
_MOST_SEARCHED: Final = 50
"""Regions, in each type, that are looked through for neighbours of an area code."""


class Suggestion(NamedTuple):
    """A search that finds something now, which parameters are others in it, and how many numbers it has at least."""

    sent: Sent
    changed: tuple[str, ...]
    at_least: int


def suggest_searches(
    tx: Tx,
    iso_country: str,
    currency: str,
    given: SearchParameters,
    *,
    in_time: Callable[[], bool] = lambda: True,
    bounds: Bounds = EACH,
) -> tuple[Suggestion, ...]:
    """Try what resembles a search, kind by kind in turn, within a bounded number of searches.

    Only when no single change helps, larger ones are tried. Raises QueryError for a search that is none.
    """
    sent = Sent.of(given)
    query = offer_query(iso_country, currency, sent)
    country = Country(tx, query.iso_country)
    trial = _Trial(tx, query, sent, in_time, bounds, country)
    found = trial.run(ideas_for(sent, query, _around(tx, query, country)))
    return tuple(found or trial.run([last_ideas_for(sent)]))


def _around(tx: Tx, query: OfferQuery, country: Country) -> Around:
    """Types and area codes that may be suggested. Most searches name neither, and then nothing is read."""
    if query.area_code is None and query.number_type is None:
        return Around()
    regions = list_regions(tx, query.iso_country, query.area_codes, _MOST_REGIONS)
    types = {region.number_type for region in regions if region.currency == query.currency}
    if query.area_code is None:
        return Around(types)
    nearby = regions_around(query, country.calling_code, regions)[:_MOST_SEARCHED]
    # What is asked for may be one of several ways to write a code, which are then next to it.
    most = AREA_CODES_TRIED + len(query.area_codes)
    return Around(types, list_codes_around(tx, query.iso_country, nearby, query.area_codes[0], most))


class _Trial:
    """Searches that are tried, and how many still may be."""

    def __init__(
        self, tx: Tx, query: OfferQuery, sent: Sent, in_time: Callable[[], bool], bounds: Bounds, country: Country
    ) -> None:
        self._tx = tx
        self._query = query
        self._sent = sent
        self._in_time = in_time
        self._bounds = bounds
        self._country = country
        self._left = MOST_TRIED

    def run(self, ideas: list[Idea]) -> list[Suggestion]:
        """What finds something: of each kind as many as are worth showing."""
        found: list[Suggestion] = []
        missing = [idea.shown for idea in ideas]
        for kind, sent in in_turn(ideas):
            if not self._left or len(found) == MOST_SUGGESTED or not self._in_time():
                break
            if missing[kind]:
                self._left -= 1
                count = self._count(sent)
                if count:
                    missing[kind] -= 1
                    found.append(Suggestion(sent, self._sent.differs_in(sent), count))
        return found

    def _count(self, sent: Sent) -> int:
        """How many offers a search has, as far as a page tells; 0 where it is none that can be asked."""
        try:
            query = offer_query(self._query.iso_country, self._query.currency, sent)
        except QueryError:
            return 0
        # How many there are is the same in every order, and by number it is known the soonest; the cheap ones by price.
        sort = Sort.NUMBER if query.max_price is None else Sort.PRICE
        query = replace(query, page_size=_COUNTED, sort=sort)
        return min(_COUNTED, len(search_stock(self._tx, query, self._bounds, self._country).found))
