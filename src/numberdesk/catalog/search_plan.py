"""Where in the indexes an offer query has to look: stretches of numbers, and sets small enough to be read whole.

Touches: nothing.

Region, type and locality have no index of numbers for sale, because every such index makes every
purchase dearer. They are, near enough, a matter of the area code: the places of a country (few,
whatever the size of the inventory) tell which area codes can hold what is looked for, and as an
area code begins its national numbers, each is a stretch of the numbers in their own order.

Which way a search goes is `way_of`:

- Digits with which numbers begin or end narrow a walk, or are a set small enough to be read whole, which is looked at
  first: no index of trigrams is better at them.
- Where an area code or a beginning is asked for besides, the set is skimmed: the numbers alone are held against the
  digits, and the rows of those that have them are read.
- Digits in the middle are common when they are one trigram, one number in a hundred or so: walking the numbers for
  sale in the order that is asked for fills a page soon. Where the index gives its matches by number, it is asked at
  once for that order, and for that by price, since numbers of one price are in their own order.
- Several trigrams are rare, a thousandth and less: a walk would pass by all the others, so the index is asked at
  once and its matches are held against the digits. Of a few all are looked up, and sorted; of thousands, those that
  come first (flows/catalog/fill_page.py). Digits with one place between them that may be any are ten words, which take
  ten times as long to find: few digits so are walked for first where only all matches tell the most memorable.
- Without three digits in a row, that place counted, there is only the walk. It has an end, and then the page says
  `incomplete`. So it does where few of a hundred thousand numbers with the digits fit what no index knows, as
  capabilities.

What one way does not find within its bound is left to the next: a walk that used up its budget asks the index, and
where most of what the index finds is sold the walk goes on among what is for sale.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final, NamedTuple

from numberdesk.catalog.search import OfferQuery, Position, Sort
from numberdesk.catalog.trigrams import strength, wanted_sets
from numberdesk.core.memorability import HIGHEST
from numberdesk.core.pattern import MatchOn, Pattern
from numberdesk.core.text import folded
from numberdesk.infra.numbering import region_key

_MOST_DIGITS: Final = 15
_LONGEST_E164: Final = 1 + _MOST_DIGITS
_FEWEST_NATIONAL: Final = 4
_MOST_AREA_CODES: Final = 500
_RARE: Final = 2
"""Digits of this strength (trigrams.py) are rare."""


class Place(NamedTuple):
    """A combination that numbers of a country have; `locality` is "" where it was not asked for."""

    currency: str
    number_type: str
    region: str
    area_code: str
    locality: str
    calling_code: str


class Region(NamedTuple):
    """A currency, type and region that numbers of a country have in common.

    `e164` is one of them. `has_code` says whether there are numbers with the area code that is looked for among them.
    """

    currency: str
    number_type: str
    region: str
    e164: str
    has_code: bool


class Stretch(NamedTuple):
    """Numbers from `low` to `high`, both included, as texts."""

    low: str
    high: str


class Span(NamedTuple):
    """Rows of one country that one index holds side by side: `column` from `low` to `high`, or one of `among`.

    Of e164 `low` itself is left out.
    """

    column: str
    low: str | int = ""
    high: str | int = ""
    among: tuple[str, ...] = ()

    @property
    def is_ending(self) -> bool:
        """Whether it is the numbers that end alike."""
        return self.column == "reversed"


class Shapes(NamedTuple):
    """LIKE expressions over numbers in E.164: what fits has all of `like` and none of `unlike`."""

    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


ANY_DIGITS: Final = Shapes()
"""What every number has."""


@dataclass(frozen=True, slots=True)
class Spots:
    """Where a query can find something.

    `regions` and `localities` are the spellings that numbers have, None where none is asked for.
    `area_codes` and `stretches` hold every number that fits. `complete` is false when the country
    has more places than were read.
    """

    regions: tuple[str, ...] | None
    localities: tuple[str, ...] | None
    area_codes: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    complete: bool


class Way(Enum):
    """How a search begins; the module's text says why."""

    WALK = "walk"
    SET_FIRST = "a small set first"
    SKIM_SET_FIRST = "a set of which few have the digits first"
    WALK_FIRST = "walk first"
    INDEX_FIRST = "index first"


def way_of(query: OfferQuery, *, in_order: bool) -> Way:
    """How to search. `in_order` says whether the index of trigrams gives its matches by number."""
    parts = query.digits.all_of
    if not wanted_sets(parts):
        return Way.WALK
    held = strength(parts)
    if not held:
        return Way.SET_FIRST
    if query.area_code is not None or any(part.literal_prefix for part in parts):
        if query.sort is not Sort.NUMBER:
            return Way.SKIM_SET_FIRST
        return Way.INDEX_FIRST if in_order else Way.WALK_FIRST
    if query.sort is Sort.MEMORABLE and held == _RARE and len(wanted_sets(parts)) > 1:
        return Way.WALK_FIRST
    at_once = held >= _RARE or (in_order and query.sort is not Sort.MEMORABLE)
    return Way.INDEX_FIRST if at_once else Way.WALK_FIRST


def shapes_of(query: OfferQuery, calling_code: str) -> Shapes:
    """What the digits of an offer's number say without its row. All that fits has them, and little else."""
    if not calling_code:
        return ANY_DIGITS
    like = [f"+{calling_code}{code}%" for code in query.area_codes] if len(query.area_codes) == 1 else []
    like += [_e164_shape(part, calling_code) for part in query.digits.all_of]
    # Where an area code ends only the row knows, so what is left out behind it is not told by the number alone.
    unlike = [_e164_shape(part, calling_code) for part in query.excludes if part.match_on is not MatchOn.SUBSCRIBER]
    return Shapes(tuple(like), tuple(unlike))


def _e164_shape(part: Pattern, calling_code: str) -> str:
    if part.match_on is MatchOn.E164:
        return f"+{part.shape}"
    behind = "%" if part.match_on is MatchOn.SUBSCRIBER and not part.shape.startswith("%") else ""
    return f"+{calling_code}{behind}{part.shape}"


def spots_of(query: OfferQuery, places: Sequence[Place], *, complete: bool) -> Spots:
    """What the places of the country say about a query. Without stretches there is nothing to find."""
    regions = _spellings(query.region, (place.region for place in places), partial(region_key, query.iso_country))
    localities = _spellings(query.locality, (place.locality for place in places), folded)
    fitting = [
        place
        for place in places
        if place.currency == query.currency
        and query.number_type in (None, place.number_type)
        and (query.area_code is None or place.area_code in query.area_codes)
        and (regions is None or place.region in regions)
        and (localities is None or place.locality in localities)
    ]
    return Spots(
        regions,
        localities,
        tuple(sorted({place.area_code for place in fitting})),
        _stretches_of(places, fitting) if complete else (_WHOLE,),
        complete,
    )


def stretches(query: OfferQuery, spots: Spots | None, calling_code: str) -> tuple[Stretch, ...]:
    """The stretches, in order and apart, that hold every number that fits."""
    asked = _asked_for(query, calling_code)
    parts = (asked,) if spots is None else (_overlap(part, asked) for part in spots.stretches)
    return tuple(part for part in parts if part.low <= part.high and len(part.low) <= _LONGEST_E164)


def within_stretches(e164s: Sequence[str], within: Sequence[Stretch]) -> list[str]:
    """Those of some numbers in order that lie in one of the stretches."""
    found: list[str] = []
    for part in within:
        found += e164s[bisect_left(e164s, part.low) : bisect_right(e164s, part.high)]
    return found


def beginning(sort: Sort) -> Position:
    """The position before every offer."""
    return {
        Sort.NUMBER: Position(0, _WHOLE.low),
        Sort.PRICE: Position(0, _WHOLE.high),
        Sort.MEMORABLE: Position(HIGHEST + 1, _WHOLE.low),
    }[sort]


def before_key(sort: Sort, key: int) -> Position:
    """The position before every offer of a price or a score."""
    return Position(key, _WHOLE.high if sort is Sort.MEMORABLE else _WHOLE.low)


def past_key(sort: Sort, key: int) -> Position:
    """The position after every offer of a price or a score."""
    return Position(key, _WHOLE.low if sort is Sort.MEMORABLE else _WHOLE.high)


def onward(sort: Sort, within: Sequence[Stretch], at: Position) -> Position | None:
    """Where a walk goes on: at `at`, or past the gap between two stretches in which that lies; None at the end.

    In the orders by price and score, numbers of one price or score are in their own order: there
    the same gaps come again, and past the last stretch the next price or score begins.
    """
    if not within:
        return None
    if sort is Sort.MEMORABLE:
        below = next((part for part in reversed(within) if part.low < at.e164), None)
        if below is None:
            return Position(at.key, _WHOLE.low)
        return at if at.e164 <= below.high else Position(at.key, below.high + "0")
    ahead = next((part for part in within if at.e164 < part.high), None)
    if ahead is not None:
        return at if ahead.low <= at.e164 else Position(at.key, just_before(ahead))
    return Position(at.key, _WHOLE.high) if sort is Sort.PRICE else None


def ends_key(sort: Sort, within: Sequence[Stretch], at: Position) -> bool:
    """Whether no number of the position's price or score can fit that comes after it."""
    if not within or sort is Sort.NUMBER:
        return False
    return at.e164 <= within[0].low if sort is Sort.MEMORABLE else at.e164 >= within[-1].high


def just_before(stretch: Stretch) -> str:
    """A text after every number that stands before the stretch, and before those in it."""
    digits = stretch.low[1:]
    return stretch.low if not digits else f"+{int(digits) - 1:0{len(digits)}}".ljust(_LONGEST_E164, "9")


def spans(query: OfferQuery, spots: Spots | None, calling_code: str) -> list[Span]:
    """What may be small enough to be read whole, the likeliest first: one span holds all that fits."""
    found: list[Span] = []
    ending = _reversed_suffix(query, calling_code)
    if ending:
        found.append(Span("reversed", ending, ending + "9" * _MOST_DIGITS))
    if query.sort is not Sort.NUMBER:
        asked = _asked_for(query, calling_code)
        if asked != _WHOLE:
            found.append(Span("e164", just_before(asked), asked.high))
        if spots is not None and spots.complete and len(spots.area_codes) <= _MOST_AREA_CODES:
            found.append(Span("area_code", among=spots.area_codes))
    if query.sort is not Sort.PRICE and query.max_price is not None:
        found.append(Span("charged_at_once", 1, query.max_price))
    return found


def needs_calling_code(query: OfferQuery) -> bool:
    """Whether the country's calling code has to be known to tell where numbers are."""
    return query.area_code is not None or bool(query.digits.all_of)


def _stretch_of(prefix: str) -> Stretch:
    """All numbers that begin like that."""
    # Only digits are compared with digits, so every collation orders them alike.
    return Stretch(prefix, prefix + "9" * (_LONGEST_E164 - len(prefix)))


def _span_of(stretches: Sequence[Stretch]) -> Stretch:
    """From the first of some stretches to the last."""
    return Stretch(min(part.low for part in stretches), max(part.high for part in stretches))


_WHOLE: Final = _stretch_of("+")


def _spellings(name: str | None, known: Iterable[str], key: Callable[[str], str]) -> tuple[str, ...] | None:
    if name is None:
        return None
    wanted = key(name)
    return tuple(sorted(text for text in set(known) if key(text) == wanted))


def _stretches_of(places: Sequence[Place], fitting: Sequence[Place]) -> tuple[Stretch, ...]:
    """The stretches of the fitting area codes; neighbours with no other area code between them become one."""
    wanted = {_prefix(place) for place in fitting}
    runs: list[Stretch] = []
    goes_on = False
    for prefix in sorted({_prefix(place) for place in places}):
        if prefix in wanted:
            part = _stretch_of(prefix)
            if runs and (goes_on or part.low <= runs[-1].high):
                runs[-1] = Stretch(runs[-1].low, max(runs[-1].high, part.high))
            else:
                runs.append(part)
        goes_on = prefix in wanted
    return tuple(runs)


def _prefix(place: Place) -> str:
    return f"+{place.calling_code}{place.area_code}"


def _asked_for(query: OfferQuery, calling_code: str) -> Stretch:
    """The stretch that holds every number with the area code and the beginnings that are asked for."""
    national = f"+{calling_code}"
    found = _WHOLE
    if query.area_code is not None:
        found = _span_of([_stretch_of(national + code) for code in query.area_codes])
    for part in query.digits.all_of:
        if part.match_on is MatchOn.E164:
            found = _overlap(found, _stretch_of("+" + part.literal_prefix))
        elif part.match_on is MatchOn.NATIONAL:
            found = _overlap(found, _stretch_of(national + part.literal_prefix))
        elif query.area_code is not None:
            begins = [_stretch_of(national + code + part.literal_prefix) for code in query.area_codes]
            found = _overlap(found, _span_of(begins))
    return found


def _overlap(one: Stretch, other: Stretch) -> Stretch:
    return Stretch(max(one.low, other.low), min(one.high, other.high))


def _reversed_suffix(query: OfferQuery, calling_code: str) -> str:
    """The longest ending that is asked for, reversed, as far as it lies in the national number."""
    endings = [_national_suffix(part, calling_code) for part in query.digits.all_of]
    return max(endings, key=len, default="")[::-1]


def _national_suffix(part: Pattern, calling_code: str) -> str:
    suffix = part.literal_suffix
    if part.match_on is not MatchOn.E164:
        return suffix
    # Of digits that may reach into the calling code only those count that surely belong to the national number.
    return suffix[-max(_FEWEST_NATIONAL, len(suffix) - len(calling_code)) :]
