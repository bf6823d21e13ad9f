"""Fill a page from numbers that have the digits, when they are too many to look all of them up.

Touches: database.

By price: numbers of one price are in their own order, and most inventories have few prices. So as few are looked up as
fill the page with those of the least price, then of the next; where prices are as many as numbers, that is given up.

Memorable first: the index of trigrams tells how easy a number is to remember, in grades, and the index by ending its
score. So only the best are looked up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from numberdesk.catalog.search import Found, OfferQuery, Position
from numberdesk.catalog.search_plan import Spots, Stretch, just_before, onward, past_key, within_stretches
from numberdesk.catalog.search_store import WalkStage, look_up, walked_to
from numberdesk.catalog.trigram_store import Graded, TrigramMatches
from numberdesk.catalog.trigrams import grade_of, lowest_score
from numberdesk.infra.db import Tx

Matching = Callable[[str, int], TrigramMatches]
"""Gives the first so many numbers after one that have the digits, by number."""

Ordered = Callable[[Position, int], list[Position]]
"""Gives the first so many numbers after a position, in the order of the list."""

FEWEST_LOOKED_UP: Final = 100
"""Numbers that are looked up at a time, at first."""

GROWTH: Final = 4
"""How much more is read each time than the time before."""

_MOST_LEAPS: Final = 25
"""So often the next number of a price is leapt to."""

_STATEMENTS: Final = 50
"""Into so many parts at most goes what may be looked up."""

_TRIED: Final = 10
"""After this part of what may be looked up it is judged whether the rest of that fills the page."""


class Filled(NamedTuple):
    """What was found up to the position `at`: all that fits. `ended` when nothing comes after it."""

    found: list[Found]
    at: Position
    ended: bool


class PageNeed(NamedTuple):
    """What a page still wants: so many offers after a position, for which at most `most` numbers are looked up."""

    at: Position
    missing: int
    most: int

    @property
    def at_a_time(self) -> int:
        """How many numbers are worth a statement, at first."""
        return max(self.missing, min(FEWEST_LOOKED_UP, self.most // _STATEMENTS))


def listed(e164s: Sequence[str]) -> Matching:
    """The same of numbers that are known, in order."""

    def after(e164: str, limit: int) -> TrigramMatches:
        start = bisect_right(e164s, e164)
        some = list(e164s[start : start + limit])
        return TrigramMatches(some, some[-1] if some else e164, ended=start + limit >= len(e164s))

    return after


def fill_by_price(
    tx: Tx, query: OfferQuery, spots: Spots | None, within: Sequence[Stretch], need: PageNeed, some: Matching
) -> Filled:
    """Those of the least price by number, then of the next; fewer than wanted when prices are many."""
    found: list[Found] = []
    at, looked_up, limit = need.at, 0, need.at_a_time
    for _ in range(_MOST_LEAPS):
        start = onward(query.sort, within, at)
        following = None if start is None else walked_to(tx, query, WalkStage(start, 1))
        if following is None:
            return Filled(found, at, ended=True)
        before = Position(following.key, just_before(Stretch(following.e164, following.e164)))
        matches = some(before.e164, limit)
        inside = within_stretches(matches.e164s, within)
        if inside:
            # Nothing before this position is cheaper, so what is no dearer has this price.
            of_price = replace(query, max_price=following.key)
            found += look_up(tx, of_price, spots, inside, before, need.missing - len(found))
            if len(found) == need.missing:
                break
        last = max(matches.last, following.e164)
        at = past_key(query.sort, following.key) if matches.ended else Position(following.key, last)
        looked_up += len(inside)
        if looked_up * _TRIED > need.most and len(found) * need.most < need.missing * looked_up:
            break
        limit *= GROWTH
    return Filled(found, at, ended=False)


def fill_by_grade(
    tx: Tx,
    query: OfferQuery,
    spots: Spots | None,
    within: Sequence[Stretch],
    need: PageNeed,
    graded: Sequence[Graded],
) -> Filled:
    """Those of the best grades, then of the next, as many at a time as are worth a statement."""
    found: list[Found] = []
    at, looked_up, some = need.at, 0, list[str]()
    for grade, e164s in graded:
        if grade > grade_of(need.at.key):
            continue
        some += within_stretches(e164s, within)
        if len(some) < need.at_a_time and grade != graded[-1].grade:
            continue
        found += look_up(tx, query, spots, some, at, need.missing - len(found)) if some else []
        if len(found) == need.missing:
            return Filled(found, at, ended=False)
        at, looked_up, some = past_key(query.sort, lowest_score(grade)), looked_up + len(some), []
        if looked_up > need.most:
            return Filled(found, at, ended=False)
    return Filled(found, at, ended=True)


def fill_in_order(tx: Tx, query: OfferQuery, spots: Spots | None, need: PageNeed, some: Ordered) -> Filled:
    """Those that come first, then the next, of numbers that `some` gives in the order of the list."""
    found: list[Found] = []
    at, looked_up, limit = need.at, 0, need.at_a_time
    while looked_up <= need.most:
        places = some(at, limit)
        if places:
            e164s = [place.e164 for place in places]
            found += look_up(tx, query, spots, e164s, at, need.missing - len(found))
            if len(found) == need.missing:
                return Filled(found, at, ended=False)
            at = places[-1]
        if len(places) < limit:
            return Filled(found, at, ended=True)
        looked_up, limit = looked_up + limit, limit * GROWTH
    return Filled(found, at, ended=False)
