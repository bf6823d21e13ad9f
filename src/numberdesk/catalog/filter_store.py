"""The conditions of searching offers: what a row is held against, and its number alone.

Touches: numbers.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, FromClause, literal_column, tuple_

from numberdesk.catalog.search import OfferQuery
from numberdesk.catalog.search_plan import Shapes, Spots
from numberdesk.core.pattern import MatchOn
from numberdesk.infra.statements import in_set, text, whole
from numberdesk.tables import numbers

AVAILABLE: Final = numbers.c.state == literal_column("'available'")
"""For sale: spelled out, because a partial index is only used where its condition can be seen."""

SETS: Final = ("area_codes", "regions", "localities")
"""The parameters that are sets."""


class Filters(NamedTuple):
    """What is asked of an offer beside its currency: a statement has a text of its own for each choice."""

    number_type: bool
    area_codes: bool
    regions: bool
    localities: bool
    max_price: bool
    capabilities: bool
    all_of: tuple[MatchOn, ...]
    none_of: tuple[MatchOn, ...]


def filters_of(query: OfferQuery, spots: Spots | None) -> tuple[Filters, dict[str, Any]]:
    """Which filters a query has, and their values."""
    given = {
        "number_type": query.number_type,
        "area_codes": None if query.area_code is None else query.area_codes,
        "regions": None if spots is None else spots.regions,
        "localities": None if spots is None else spots.localities,
        "max_price": query.max_price,
        "capabilities": query.capabilities or None,
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    kinds: list[tuple[MatchOn, ...]] = []
    for name, parts in (("fits", query.digits.all_of), ("misses", query.digits.none_of)):
        likes = sorted(part.like() for part in parts)
        kinds.append(tuple(match_on for match_on, _ in likes))
        values |= {f"{name}_{place}": _like_value(*like) for place, like in enumerate(likes)}
    filters = Filters._make([*(value is not None for value in given.values()), *kinds])
    return filters, {"currency": query.currency, **values}


def conditions(filters: Filters, of: FromClause) -> list[ColumnElement[bool]]:
    """All that is asked of an offer. The currency goes first: with it comes a price."""
    found: list[ColumnElement[bool]] = [of.c.currency == text("currency")]
    if filters.number_type:
        found.append(of.c.number_type == text("number_type"))
    if filters.area_codes:
        found.append(in_set(of.c.area_code, "area_codes"))
    if filters.regions:
        found.append(in_set(of.c.region, "regions"))
    if filters.localities:
        found.append(in_set(of.c.locality, "localities"))
    if filters.max_price:
        found.append(of.c.charged_at_once <= whole("max_price"))
    if filters.capabilities:
        wanted = whole("capabilities")
        found.append(of.c.capabilities.bitwise_and(wanted) == wanted)
    found += [_like(match_on, f"fits_{place}", of) for place, match_on in enumerate(filters.all_of)]
    return found + [~_like(match_on, f"misses_{place}", of) for place, match_on in enumerate(filters.none_of)]


def numbered(after: str, until: str) -> list[ColumnElement[bool]]:
    """The numbers of a country after one and up to another, by their parameters; to be sorted by country and number.

    Both are compared, and sorted by, as one. With the country in a condition of its own an engine
    may well walk the primary key instead, past all that is sold and all other countries.
    """
    both, country = tuple_(numbers.c.iso_country, numbers.c.e164), text("country")
    return [both > tuple_(country, text(after)), both <= tuple_(country, text(until))]


def _like(match_on: MatchOn, name: str, of: FromClause) -> ColumnElement[bool]:
    if match_on is MatchOn.E164:
        return of.c.e164.like(text(name))
    if match_on is MatchOn.SUBSCRIBER:
        return of.c.national.like(of.c.area_code.concat(text(name)))
    return of.c.national.like(text(name))


def _like_value(match_on: MatchOn, shape: str) -> str:
    return "+" + shape if match_on is MatchOn.E164 else shape


def shaped(of: FromClause, like: int, unlike: int) -> list[ColumnElement[bool]]:
    """What the number alone is held against: so many shapes that it has, and so many that it has not."""
    fits: list[ColumnElement[bool]] = [of.c.e164.like(text(f"like_{place}")) for place in range(like)]
    return fits + [~of.c.e164.like(text(f"unlike_{place}")) for place in range(unlike)]


def shape_values(shapes: Shapes) -> dict[str, Any]:
    """The values of these."""
    fits = {f"like_{place}": like for place, like in enumerate(shapes.like)}
    return fits | {f"unlike_{place}": unlike for place, unlike in enumerate(shapes.unlike)}
