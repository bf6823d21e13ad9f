"""Search the own inventory: a page of offers, found within a bounded amount of work.

Touches: database.

A search for rare digits asks the index of trigrams (search_plan.py says when) and looks up what that finds. Any
other first glances at the next numbers in the order that is asked for, which is all that most
need. When too few of them fit, it looks for a way round: a set of numbers that holds every one
that fits and is small enough to be read whole, or the stretches of numbers where the places that
are asked for lie. Otherwise it walks on, in ever larger windows, until the page is full or its
work is used up; then the page says so, and its token goes on where the walk stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from numberdesk.catalog.remote_search import Stock, merge
from numberdesk.catalog.search import Found, OfferPage, OfferQuery, Position, Sort, page_token
from numberdesk.catalog.search_plan import (
    Spots,
    Stretch,
    Way,
    beginning,
    needs_calling_code,
    onward,
    spans,
    spots_of,
    stretches,
    way_of,
    within_stretches,
)
from numberdesk.catalog.search_store import (
    collect,
    find_calling_code,
    holds_at_most,
    keep_to_indexes,
    list_places,
    look_up,
    walk,
    walked_to,
)
from numberdesk.catalog.trigram_store import comes_in_order, find_matches, is_filled
from numberdesk.catalog.trigrams import e164_of, rank_of, wanted_trigrams
from numberdesk.infra.db import Tx

POOL: Final = "pool"
"""What an incomplete page calls the own inventory."""

_FEWEST_LOOKED_UP: Final = 100
"""Numbers that the index found which are looked up at a time, at first."""

_GROWTH: Final = 4
"""How much larger each window is than the one before."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one search may do: numbers walked, in the first window, and in a set read whole; places read.

    `matches` is how many numbers that the index of trigrams finds are looked up, whether they are for sale or not.
    """

    walked: int = 100_000
    glance: int = 1_000
    read_whole: int = 10_000
    places: int = 20_000
    matches: int = 20_000


USUAL: Final = Bounds()
"""What a search may do: a third of a second on SQLite at worst, on an inventory of millions."""


def search_numbers(tx: Tx, query: OfferQuery, bounds: Bounds = USUAL) -> OfferPage:
    """A page of the offers that fit, in order.

    Walking all pages gives every number once, also while others are sold; only a number whose
    price changes meanwhile can be met twice, or missed, in the order by price.
    """
    stock = search_stock(tx, query, bounds)
    shown, goes_on = merge(query, stock, ())
    return OfferPage(
        tuple(found.offer for found in shown),
        None if goes_on is None else page_token(query, goes_on),
        () if stock.complete else (POOL,),
    )


def search_stock(tx: Tx, query: OfferQuery, bounds: Bounds = USUAL) -> Stock:
    """What the own inventory has for a page, to be merged with what carriers offer."""
    keep_to_indexes(tx)
    search = _Search(tx, query, bounds, at=query.after or beginning(query.sort))
    search.run()
    return search.stock()


@dataclass(slots=True)
class _Search:
    """One search on its way. All that fits up to the position `at` is in `found`."""

    tx: Tx
    query: OfferQuery
    bounds: Bounds
    at: Position
    found: list[Found] = field(default_factory=list)
    ended: bool = False
    spots: Spots | None = None
    calling_code: str = ""

    @property
    def missing(self) -> int:
        """How many more are wanted: one beyond the page tells whether there is a next one."""
        return self.query.page_size + 1 - len(self.found)

    def run(self) -> None:
        """Fill the page, or come to the end, or use the work up."""
        if needs_calling_code(self.query) and self._nothing_for_sale():
            return
        if self.query.names_place and self._nowhere():
            return
        way = way_of(self.query, in_order=comes_in_order(self.tx))
        if way is not Way.WALK and not is_filled(self.tx):
            way = Way.WALK
        if (way is Way.INDEX_FIRST and self._look_up()) or (way is Way.SET_FIRST and self._read_whole()):
            return
        glance = self.bounds.glance if self.query.is_selective else self.missing
        if self._walk(glance, budget=glance * (1 + _GROWTH) if way is Way.WALK_FIRST else glance):
            return
        # Few numbers fit, or few are sold in this currency: the places may lead past the rest. There are hundreds of
        # them, so a small set that is known without them, as the numbers of an area code are, goes first.
        if self.spots is None and (self._read_whole() or self._nowhere()):
            return
        may_look_up = way in (Way.SET_FIRST, Way.WALK_FIRST)
        if not self._read_whole() and not (may_look_up and self._look_up()):
            # In their own order numbers lie side by side; in the others each is somewhere else on the disk.
            in_place = self.query.sort is Sort.NUMBER
            self._walk(self.bounds.glance, budget=self.bounds.walked if in_place else self.bounds.walked // 2)

    def stock(self) -> Stock:
        """What was found, and up to where."""
        looked_through = self.ended or len(self.found) >= self.query.page_size
        all_places = self.spots is None or self.spots.complete
        # The SQL says the same as the matcher; the matcher has the last word.
        fitting = tuple(found for found in self.found if self.query.digits.matches(found.subjects))
        if not self.missing:
            end: Position | None = self.found[-1].position
        else:
            end = None if self.ended else self.at
        return Stock(fitting, end, looked_through and all_places)

    def _nothing_for_sale(self) -> bool:
        """Learn the country's calling code; say whether it has no number for sale that would tell."""
        self.calling_code = find_calling_code(self.tx, self.query.iso_country) or ""
        self.ended = not self.calling_code
        return self.ended

    def _nowhere(self) -> bool:
        """Look at the places of the country; say whether none of them can hold what fits."""
        with_localities = self.query.locality is not None
        places, complete = list_places(
            self.tx, self.query.iso_country, with_localities=with_localities, most=self.bounds.places
        )
        self.spots = spots_of(self.query, places, complete=complete)
        self.ended = not self.spots.stretches
        return self.ended

    def _walk(self, window: int, *, budget: int) -> bool:
        """Walk on until the page is full or all was seen. False when `budget` numbers were looked at before."""
        sort, within = self.query.sort, stretches(self.query, self.spots, self.calling_code)
        start, size = onward(sort, within, self.at), window
        while start is not None:
            size = min(size, budget)
            if not size:
                return False
            budget -= size
            self.found += walk(self.tx, self.query, self.spots, start, size, self.missing)
            if not self.missing:
                return True
            last = walked_to(self.tx, self.query, start, size)
            if last is None:
                break
            self.at = last
            start = onward(sort, within, last)
            size = size * _GROWTH if start == last else window
        self.ended = True
        return True

    def _look_up(self) -> bool:
        """Look up what the index of trigrams finds, all or until the page is full. False when that is too much."""
        within = stretches(self.query, self.spots, self.calling_code)
        if not within:
            self.ended = True
            return True
        if self.query.sort is Sort.NUMBER:
            return self._look_up_on(within)
        matches = self._matches(within, beginning(Sort.NUMBER).e164, self.bounds.matches + 1)
        if len(matches) > self.bounds.matches:
            return False
        self.found += look_up(self.tx, self.query, self.spots, within_stretches(matches, within), self.at, self.missing)
        self.ended = True
        return True

    def _look_up_on(self, within: Sequence[Stretch]) -> bool:
        """The same in the order of the numbers: as few of what is found are looked up as fill the page."""
        budget, looked_up = self.bounds.matches, _FEWEST_LOOKED_UP
        asked = self.bounds.glance if comes_in_order(self.tx) else budget
        while budget:
            asked = min(asked, budget)
            matches = self._matches(within, self.at.e164, asked)
            budget -= asked
            inside = within_stretches(matches, within)
            while inside:
                chunk, inside = inside[:looked_up], inside[looked_up:]
                self.found += look_up(self.tx, self.query, self.spots, chunk, self.at, self.missing)
                if not self.missing:
                    return True
                self.at, looked_up = Position(0, chunk[-1]), looked_up * _GROWTH
            if len(matches) < asked:
                self.ended = True
                return True
            self.at, asked = Position(0, matches[-1]), budget
        return False

    def _matches(self, within: Sequence[Stretch], after: str, limit: int) -> list[str]:
        """The first numbers after one, within the stretches at least, that have all trigrams of the query."""
        first = max(rank_of(after), rank_of(within[0].low) - 1)
        wanted = wanted_trigrams(self.query.digits.all_of)
        ranks = find_matches(self.tx, wanted, first, rank_of(within[-1].high), limit)
        return [e164_of(rank) for rank in ranks]

    def _read_whole(self) -> bool:
        """Read a set that holds all that fits, when there is a small one."""
        most = self.bounds.read_whole
        for span in spans(self.query, self.spots, self.calling_code):
            if holds_at_most(self.tx, self.query, span, most):
                self.found += collect(self.tx, self.query, self.spots, span, self.at, most, self.missing)
                self.ended = True
                return True
        return False
