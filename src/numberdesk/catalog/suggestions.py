"""Searches that resemble one that found nothing: each changes one thing of what was sent.

Touches: nothing.

Whether they find anything is not known here; whoever shows them has tried them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from numberdesk.catalog.model import NUMBER_TYPES, NumberType
from numberdesk.catalog.nearness import FEWEST_SIGNS, by_likeness, shorter
from numberdesk.catalog.search import OfferQuery, Sort
from numberdesk.catalog.search_parameters import MOST_EXPRESSIONS, SearchParameters
from numberdesk.catalog.search_plan import Region
from numberdesk.core.pattern import MatchOn
from numberdesk.infra.numbering import region_key

_NORTH_AMERICA: Final = "1"
"""The calling code under which area codes that look alike are no neighbours: there they were spread on purpose."""

_TEXTS: Final = ("pattern", "ends_with", "starts_with")
_NARROWING: Final = ("locality", "region", "excludes", "capabilities", "area_code", "number_type")
"""What can be left out, beginning with what narrows a search most for what it says."""

_DIGITS: Final = ("starts_with", "ends_with", "contains", "pattern", "excludes", "match_on")
AREA_CODES_TRIED: Final = 6
"""Neighbours of an area code that are tried."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a customer sent, to be changed. The fields are the parameters."""

    page_size: int = 10
    page_token: str | None = None
    region: str | None = None
    locality: str | None = None
    number_type: NumberType | None = None
    area_code: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: Sequence[str] | None = None
    pattern: str | None = None
    excludes: Sequence[str] | None = None
    match_on: MatchOn | None = None
    capabilities: Sequence[str] | None = None
    max_price: int | None = None
    sort: Sort | None = None

    @classmethod
    def of(cls, given: SearchParameters) -> Sent:
        """The parameters of a search, its first page."""
        names = {each.name for each in fields(cls)} - {"page_size", "page_token"}
        return cls(given.page_size).but(**{name: getattr(given, name) or None for name in names})

    def but(self, **changes: Any) -> Sent:
        """The same with other parameters; None leaves one out."""
        return replace(self, **changes)

    def given(self) -> dict[str, Any]:
        """The parameters that are worth sending, by their names."""
        return {
            each.name: value for each in fields(self) if (value := getattr(self, each.name)) not in (None, each.default)
        }

    def differs_in(self, other: Sent) -> tuple[str, ...]:
        """The names of the parameters that are not the same in both."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name))


class Idea(NamedTuple):
    """Searches of one kind, the closest first, of which so many are worth showing."""

    searches: tuple[Sent, ...]
    shown: int


class Around(NamedTuple):
    """What a country has around a search: types in its currency, and area codes next to the one that is asked for."""

    number_types: AbstractSet[str] = frozenset()
    area_codes: AbstractSet[str] = frozenset()


def ideas_for(sent: Sent, query: OfferQuery, around: Around) -> list[Idea]:
    """What resembles a search, kind by kind, the closest kind first."""
    kinds = [
        Idea((sent.but(max_price=None),) if sent.max_price is not None else (), 1),
        *_shorter(sent),
        Idea(tuple(_elsewhere(sent)), 1),
        Idea(tuple(_neighbours(sent, query, around)), 3),
        Idea(tuple(_other_types(sent, query, around)), 2),
        Idea(tuple(_each_without(sent)), 2),
    ]
    return [idea for idea in kinds if idea.searches]


def last_ideas_for(sent: Sent) -> Idea:
    """What is left when no single change helps: only the digits, wherever they are; and only the place."""
    only_digits = Sent(sent.page_size, sort=sent.sort).but(**{name: getattr(sent, name) for name in _DIGITS})
    only_place = sent.but(max_price=None, **dict.fromkeys(_DIGITS))
    return Idea(tuple(each for each in (only_digits, only_place) if each != sent), 2)


def in_turn(ideas: Iterable[Idea]) -> list[tuple[int, Sent]]:
    """All searches, the first of each kind before the second of any; each with the place of its kind."""
    columns = [[(place, search) for search in idea.searches] for place, idea in enumerate(ideas)]
    return [each for row in zip_longest(*columns) for each in row if each is not None]


def _shorter(sent: Sent) -> list[Idea]:
    """Each expression of the digits a little shorter, one at a time."""
    found = []
    for name in _TEXTS:
        text = getattr(sent, name)
        if text is not None:
            texts = shorter(text, starts=name == "starts_with", ends=name == "ends_with")
            found.append(Idea(tuple(sent.but(**{name: each}) for each in texts), 2))
    contains = list(sent.contains or ())
    for place, text in enumerate(contains):
        others = ([*contains[:place], each, *contains[place + 1 :]] for each in shorter(text))
        found.append(Idea(tuple(sent.but(contains=each) for each in others), 2))
    return found


def _elsewhere(sent: Sent) -> Iterator[Sent]:
    """The digits that were wanted at one end, anywhere."""
    for name in ("ends_with", "starts_with"):
        text: str | None = getattr(sent, name)
        plain = (text or "").lstrip("^").rstrip("$")
        contains = [*(sent.contains or ()), plain]
        enough = sum(sign.isalnum() for sign in plain) >= FEWEST_SIGNS
        if enough and len(contains) <= MOST_EXPRESSIONS and not plain.startswith("+"):
            yield sent.but(contains=contains, **{name: None})


def regions_around(query: OfferQuery, calling_code: str, regions: Sequence[Region]) -> list[Region]:
    """Where neighbours of the area code that is asked for are looked for.

    In the region that was asked for too, or those of the country's numbers with that area code; everywhere, where it
    has none.
    """
    key = partial(region_key, query.iso_country)
    named = [query.region] if query.region else [each.region for each in regions if each.has_code]
    wanted = {key(region) for region in named if region}
    fitting = [
        each for each in regions if each.currency == query.currency and query.number_type in (None, each.number_type)
    ]
    if wanted:
        return [each for each in fitting if key(each.region) in wanted]
    return fitting if calling_code != _NORTH_AMERICA else []


def _neighbours(sent: Sent, query: OfferQuery, around: Around) -> list[Sent]:
    """The area codes next to the one that was asked for; the likest."""
    if query.area_code is None:
        return []
    codes = by_likeness(query.area_code, {code for code in around.area_codes if code}.difference(query.area_codes))
    return [sent.but(area_code=code) for code in codes[:AREA_CODES_TRIED]]


def _other_types(sent: Sent, query: OfferQuery, around: Around) -> list[Sent]:
    """The other kinds of numbers that the country has in this currency."""
    if query.number_type is None:
        return []
    there = around.number_types - {query.number_type}
    return [sent.but(number_type=NumberType(name)) for name in NUMBER_TYPES if name in there]


def _each_without(sent: Sent) -> list[Sent]:
    """The search without one of what narrows it, beside the digits and the price."""
    return [sent.but(**{name: None}) for name in _NARROWING if getattr(sent, name) is not None]
