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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from numberdesk.catalog.remote_search import Stock, merge
from numberdesk.catalog.search import Found, OfferPage, OfferQuery, Position, Sort, page_token
from numberdesk.catalog.search_plan import (
    Shapes,
    Spots,
    Stretch,
    Way,
    before_key,
    beginning,
    ends_key,
    just_before,
    needs_calling_code,
    onward,
    shapes_of,
    spans,
    spots_of,
    stretches,
    way_of,
    within_stretches,
)
from numberdesk.catalog.search_store import (
    WalkStage,
    collect,
    first_in,
    holds_at_most,
    look_up,
    skims,
    walk,
    walked_to,
)
from numberdesk.catalog.trigram_store import TrigramMatches, comes_in_order, find_graded, find_matches
from numberdesk.catalog.trigrams import wanted_sets
from numberdesk.flows.catalog.fill_page import (
    FEWEST_LOOKED_UP,
    GROWTH,
    Filled,
    Ordered,
    PageNeed,
    fill_by_grade,
    fill_by_price,
    fill_in_order,
    listed,
)
from numberdesk.flows.catalog.search_country import Country
from numberdesk.infra.db import Tx

POOL: Final = "pool"
"""What an incomplete page calls the own inventory."""

_ENOUGH_GLANCES: Final = 3
"""So many find a page of numbers of which one in a hundred fits, nearly always."""

_FURTHER: Final = 15
"""How many glances a walk goes on that has found some, but not enough for a page."""

_FEW: Final = 4
"""So many times the numbers of a page are asked of the index at first, or such a part of a glance."""

_LONG: Final = 25
"""How many glances a walk takes at once to find what the index has too many of."""

_WIDER: Final = 5
"""How much more of the index is read at last than at first."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one search may do: numbers walked, in the first window, and in a set read whole; places read.

    A set of `read_at_once` is read before anything is walked. `matches` is how many numbers the index of trigrams may
    find, whether they are for sale or not, and `looked_up` how many of them have the digits that are asked for. A set
    of `skimmed` is read where digits that numbers have in the middle leave few of it. With `enough` found a search
    that need not fill a page is over.
    """

    walked: int = 100_000
    glance: int = 1_000
    read_whole: int = 10_000
    read_at_once: int = 2_000
    places: int = 20_000
    matches: int = 20_000
    looked_up: int = 5_000
    skimmed: int = 20_000
    enough: int = 1_000


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


def search_stock(tx: Tx, query: OfferQuery, bounds: Bounds = USUAL, country: Country | None = None) -> Stock:
    """What the own inventory has for a page, to be merged with what carriers offer."""
    country = country or Country(tx, query.iso_country)
    search = _Search(tx, query, bounds, country, at=query.after or beginning(query.sort))
    search.run()
    return search.stock()


@dataclass(slots=True)
class _Search:
    """One search on its way. All that fits up to the position `at` is in `found`."""

    tx: Tx
    query: OfferQuery
    bounds: Bounds
    country: Country
    at: Position
    found: list[Found] = field(default_factory=list)
    ended: bool = False
    too_many: bool = False
    spots: Spots | None = None
    calling_code: str = ""

    @property
    def missing(self) -> int:
        """How many more are wanted: one beyond the page tells whether there is a next one."""
        return self.query.page_size + 1 - len(self.found)

    def run(self) -> None:
        """Fill the page, or come to the end, or use the work up."""
        self.ended = self.query.digits.excludes_itself
        if self.ended or (needs_calling_code(self.query) and self._nothing_for_sale()):
            return
        if self.query.names_place and self._nowhere():
            return
        way = way_of(self.query, in_order=comes_in_order(self.tx))
        if way is not Way.WALK and not self.country.has_index:
            way = Way.WALK
        for step in self._steps(way):
            if step() or len(self.found) >= self.bounds.enough:
                return

    def _steps(self, way: Way) -> Iterator[Callable[[], bool]]:
        """What is tried, the best first; each tells whether that was all."""
        bounds, look_up = self.bounds, partial(self._look_up, self.bounds.matches)
        if way is Way.INDEX_FIRST:
            yield look_up
        yield from self._sets(way)
        yield partial(self._walk, *self._glance(way))
        if way in (Way.WALK_FIRST, Way.SET_FIRST) and self.found:
            # What comes next has more of them, and lies side by side: to look up thousands costs several times that.
            yield partial(self._walk, _ENOUGH_GLANCES * bounds.glance, _FURTHER * bounds.glance)
        # Few numbers fit. A small set that is known without places, as the numbers of an area code are, goes first.
        yield partial(self._read_whole, bounds.read_whole)
        if way in (Way.WALK_FIRST, Way.SKIM_SET_FIRST):
            yield look_up
        # Or few are sold in this currency: the places may lead past the rest, of which there are hundreds.
        if self.spots is None and not self.found:
            yield self._nowhere
            yield partial(self._read_whole, bounds.read_whole)
        if way is not Way.WALK:
            yield partial(self._look_up, bounds.matches * _WIDER)
        # In their own order numbers lie side by side; in the others each is somewhere else on the disk.
        in_place = self.query.sort is Sort.NUMBER
        yield partial(self._walk, bounds.glance, bounds.walked if in_place else bounds.walked // 2)
        # The next ones for sale have too few of what the index has many of: all of those, then.
        if way is not Way.WALK and not in_place:
            yield partial(self._look_up, bounds.matches * _WIDER, bounds.looked_up * _WIDER)

    def _sets(self, way: Way) -> Iterator[Callable[[], bool]]:
        """What is tried of sets before anything is walked."""
        if way is Way.SKIM_SET_FIRST:
            yield partial(self._read_whole, self.bounds.skimmed)
        if way is Way.SET_FIRST:
            yield partial(self._fill_of_ending, self.bounds.skimmed)
            yield partial(self._read_whole, self.bounds.read_at_once)

    def _glance(self, way: Way) -> tuple[int, int]:
        """The window with which a search begins, and how many numbers it looks at before it looks for a way round."""
        glance = self.bounds.glance
        if not self.query.is_selective:
            return self.missing, self.missing
        if self.too_many:
            # The index has thousands: a long walk finds a page of them, and in one window looks no number up twice.
            return (_LONG * glance,) * 2
        if skims(self.tx, self.query, shapes_of(self.query, self.calling_code)) and way is not Way.INDEX_FIRST:
            return glance, glance * (1 + GROWTH + GROWTH**2)
        return (_ENOUGH_GLANCES * glance,) * 2 if way is Way.WALK_FIRST else (glance, glance)

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
        self.calling_code = self.country.calling_code
        self.ended = not self.calling_code
        return self.ended

    def _nowhere(self) -> bool:
        """Look at the places of the country; say whether none of them can hold what fits."""
        with_localities = self.query.locality is not None
        places, complete = self.country.places(with_localities=with_localities, most=self.bounds.places)
        self.spots = spots_of(self.query, places, complete=complete)
        self.ended = not self.spots.stretches
        return self.ended

    def _walk(self, window: int, budget: int) -> bool:
        """Walk on until the page is full or all was seen. False when `budget` numbers were looked at before."""
        within = stretches(self.query, self.spots, self.calling_code)
        until, shapes = within[-1].high if within else "", shapes_of(self.query, self.calling_code)
        start, size = self._onward(within, self.at), window
        while start is not None:
            size = min(size, budget)
            if not size:
                return False
            budget -= size
            stage = WalkStage(start, size, until)
            self.found += walk(self.tx, self.query, self.spots, stage, self.missing, shapes)
            if not self.missing:
                return True
            last = walked_to(self.tx, self.query, stage)
            if last is None:
                break
            self.at = last
            # Where a window holds all of a price or a score, a leap within the next one saves nothing.
            start = self._onward(within, last) if last.key == start.key else last
            size *= GROWTH
        self.ended = True
        return True

    def _onward(self, within: Sequence[Stretch], at: Position) -> Position | None:
        """Where a walk goes on; behind the last of a price or a score where the next one begins to fit."""
        sort = self.query.sort
        start = onward(sort, within, at)
        everywhere = len(within) == 1 and len(within[0].low) <= 1 + len(self.calling_code)
        if start is None or everywhere or not ends_key(sort, within, start):
            return start
        following = walked_to(self.tx, self.query, WalkStage(start, 1))
        return None if following is None else onward(sort, within, before_key(sort, following.key))

    def _look_up(self, most: int, looked_up: int | None = None) -> bool:
        """Look up what the index of trigrams finds, all or until the page is full. False when that is too much.

        That is more than `most` found, or more than the bound, or `looked_up`, of these with the digits.
        """
        within = stretches(self.query, self.spots, self.calling_code)
        if not within:
            self.ended = True
            return True
        if self.query.sort is Sort.NUMBER:
            return self._look_up_on(within, most)
        if looked_up is None and not self.too_many and self._fill(within, most):
            return True
        wanted = (looked_up or self.bounds.looked_up) + 1
        in_vain = self.too_many and looked_up is None
        matches = None if in_vain else self._matches(within, beginning(Sort.NUMBER).e164, most, wanted)
        if matches is None or not matches.ended:
            self.too_many = matches is None or len(matches.e164s) == wanted
            return False
        inside = within_stretches(matches.e164s, within)
        if inside:
            self.found += look_up(self.tx, self.query, self.spots, inside, self.at, self.missing)
        self.ended = True
        return True

    def _look_up_on(self, within: Sequence[Stretch], budget: int) -> bool:
        """The same in the order of the numbers: as few of what is found are looked up as fill the page."""
        looked_up = max(FEWEST_LOOKED_UP, self.missing)
        # To find rare digits takes long, and each that is found costs the same: no more than fills the page, then.
        asked = _FEW * self.missing if comes_in_order(self.tx) else budget
        while budget:
            asked = min(asked, budget)
            budget -= asked
            matches = self._matches(within, self.at.e164, asked, looked_up)
            inside = within_stretches(matches.e164s, within)
            if inside:
                self.found += look_up(self.tx, self.query, self.spots, inside, self.at, self.missing)
                if not self.missing:
                    return True
            self.at = Position(0, max(self.at.e164, matches.last))
            if matches.ended:
                self.ended = True
                return True
            asked, looked_up = asked * GROWTH, looked_up * GROWTH
        return False

    def _fill(self, within: Sequence[Stretch], most: int) -> bool:
        """Fill the page with the first of the numbers that the index finds, without looking all of them up."""
        wanted = PageNeed(self.at, self.missing, self.bounds.looked_up)
        if self.query.sort is Sort.PRICE:
            return self._fill_by_price(within, most, wanted)
        graded = find_graded(self.tx, *self._asked(within), most, self.bounds.looked_up * _WIDER + 1)
        self.too_many = graded is None
        return graded is not None and self._take(fill_by_grade(self.tx, self.query, self.spots, within, wanted, graded))

    def _fill_by_price(self, within: Sequence[Stretch], most: int, wanted: PageNeed) -> bool:
        first, few, most_listed = (
            beginning(Sort.NUMBER).e164,
            max(1, self.bounds.glance // _FEW),
            self.bounds.looked_up * _WIDER,
        )
        in_order = comes_in_order(self.tx)
        matches = self._matches(within, first, few if in_order else most, few if in_order else most_listed)
        if matches.ended and len(matches.e164s) <= few:
            inside = within_stretches(matches.e164s, within)
            self.found += look_up(self.tx, self.query, self.spots, inside, self.at, self.missing) if inside else []
            self.ended = True
            return True
        if not in_order and not matches.ended:
            return False

        def some(after: str, limit: int) -> TrigramMatches:
            known = listed(matches.e164s)(after, limit)
            if known.e164s or matches.ended:
                return known._replace(ended=known.ended and matches.ended)
            return self._matches(within, after, 2 * limit, limit)

        return self._take(fill_by_price(self.tx, self.query, self.spots, within, wanted, some))

    def _fill_of_ending(self, most: int) -> bool:
        """The same with numbers that end as is asked for, at most so many. False also when no ending is."""
        span = next((span for span in spans(self.query, self.spots, self.calling_code) if span.is_ending), None)
        if span is None or not holds_at_most(self.tx, self.query, span, most):
            return False
        shapes, wanted = (
            shapes_of(self.query, self.calling_code),
            PageNeed(self.at, self.missing, self.bounds.looked_up),
        )
        first = partial(first_in, self.tx, self.query, span, most=most, shapes=shapes)
        if self.query.sort is not Sort.PRICE:
            in_order: Ordered = lambda at, limit: first(after=at, limit=limit)  # noqa: E731
            return self._take(fill_in_order(self.tx, self.query, self.spots, wanted, in_order))

        def some(after: str, limit: int) -> TrigramMatches:
            # To read the set takes longer than to look up more of it.
            e164s = [place.e164 for place in first(after=Position(0, after), limit=_FEW * limit)]
            return TrigramMatches(e164s, e164s[-1] if e164s else after, ended=len(e164s) < _FEW * limit)

        within = stretches(self.query, self.spots, self.calling_code)
        return self._take(fill_by_price(self.tx, self.query, self.spots, within, wanted, some))

    def _take(self, filled: Filled) -> bool:
        """Keep what was found; tell whether that was all."""
        self.found += filled.found
        self.at, self.ended = filled.at, filled.ended
        return self.ended or not self.missing

    def _matches(self, within: Sequence[Stretch], after: str, most: int, limit: int) -> TrigramMatches:
        """The first numbers after one, within the stretches at least, that have the digits of the query."""
        return find_matches(self.tx, *self._asked(within, after), most, limit)

    def _asked(
        self, within: Sequence[Stretch], after: str = ""
    ) -> tuple[tuple[tuple[int, ...], ...], Shapes, str, str]:
        """What the index is asked for: trigrams, digits, and between which numbers."""
        first, last = max(after, just_before(within[0])), within[-1].high
        return wanted_sets(self.query.digits.all_of), shapes_of(self.query, self.calling_code), first, last

    def _read_whole(self, most: int) -> bool:
        """Read a set that holds all that fits, when there is one of at most so many numbers."""
        for span in spans(self.query, self.spots, self.calling_code):
            if holds_at_most(self.tx, self.query, span, most):
                shapes = shapes_of(self.query, self.calling_code)
                self.found += collect(self.tx, self.query, self.spots, span, self.at, most, self.missing, shapes)
                self.ended = True
                return True
        return False
