"""Reading an offer query from query parameters.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from numberdesk.catalog.listing_entry import LONGEST_PLACE
from numberdesk.catalog.model import CAPABILITIES, NUMBER_TYPES, capability_bits
from numberdesk.catalog.search import OfferQuery, QueryError, Sort, folded, read_page_token
from numberdesk.core.money import MoneyError, parse_price
from numberdesk.core.pattern import (
    MatchOn,
    Pattern,
    PatternError,
    compile_contains,
    compile_ends_with,
    compile_excludes,
    compile_pattern,
    compile_starts_with,
)
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.numbering import is_country

MOST_PER_PAGE: Final = 100
"""Offers in the largest page."""

_USUAL_PER_PAGE: Final = 10
_LONGEST_AREA_CODE: Final = 6
_MOST_EXPRESSIONS: Final = 8
_DIGITS: Final = frozenset("0123456789")

Parameters = Mapping[str, str | Sequence[str] | None]
"""Query parameters by name: a text, several where one was repeated, or None where it was left out."""


def offer_query(iso_country: str, currency: str, parameters: Parameters) -> OfferQuery:
    """Read a query. `currency` is the account's.

    An empty parameter is the same as one left out, but an empty expression is refused; unknown
    parameters are ignored. Raises QueryError.
    """
    given = _Given(parameters)
    country = _country(iso_country)
    match_on = MatchOn(given.word("match_on", MatchOn) or MatchOn.NATIONAL)
    query = OfferQuery(
        iso_country=country,
        currency=currency,
        page_size=_page_size(given.one("page_size")),
        sort=Sort(given.word("sort", Sort) or Sort.NUMBER),
        region=_region(given.place("region"), country),
        locality=given.place("locality"),
        number_type=given.word("number_type", NUMBER_TYPES),
        area_code=_area_code(given.one("area_code")),
        starts_with=given.expression("starts_with", compile_starts_with, match_on),
        ends_with=given.expression("ends_with", compile_ends_with, match_on),
        contains=given.expressions("contains", compile_contains, match_on),
        pattern=given.expression("pattern", compile_pattern, match_on),
        excludes=given.expressions("excludes", compile_excludes, match_on),
        capabilities=_capabilities(given.many("capabilities")),
        max_price=_max_price(given.one("max_price")),
    )
    token = given.one("page_token")
    return query if token is None else replace(query, after=read_page_token(token, query))


class _Given:
    """The parameters as they were sent."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def many(self, name: str) -> tuple[str, ...]:
        value = self._parameters.get(name)
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else tuple(value)

    def one(self, name: str) -> str | None:
        values = self.many(name)
        if len(values) > 1:
            raise QueryError(name, "must be sent once")
        return values[0] or None if values else None

    def word(self, name: str, words: Iterable[str]) -> str | None:
        value = self.one(name)
        known = tuple(words)
        if value is not None and value not in known:
            raise QueryError(name, f"must be one of {', '.join(known)}")
        return value

    def place(self, name: str) -> str | None:
        value = self.one(name)
        try:
            return None if value is None else parse_text(value, longest=LONGEST_PLACE).strip() or None
        except TextError as error:
            raise QueryError(name, str(error)) from None

    def expressions(
        self, name: str, compiled: Callable[[str, MatchOn], Pattern], match_on: MatchOn
    ) -> tuple[Pattern, ...]:
        values = self.many(name)
        if len(values) > _MOST_EXPRESSIONS:
            raise QueryError(name, f"must be sent at most {_MOST_EXPRESSIONS} times")
        try:
            return tuple(compiled(value, match_on) for value in values)
        except PatternError as error:
            raise QueryError(name, str(error)) from None

    def expression(self, name: str, compiled: Callable[[str, MatchOn], Pattern], match_on: MatchOn) -> Pattern | None:
        self.one(name)
        return next(iter(self.expressions(name, compiled, match_on)), None)


def _country(value: str) -> str:
    country = value.upper()
    if not value.isascii() or not is_country(country):
        raise QueryError("iso_country", "must be the two-letter code of a country, like US")
    return country


def _region(value: str | None, country: str) -> str | None:
    # Clients send the country itself for "anywhere in it".
    return None if value is None or folded(value) == folded(country) else value


def _page_size(value: str | None) -> int:
    if value is None:
        return _USUAL_PER_PAGE
    size = int(value) if len(value) <= len(str(MOST_PER_PAGE)) and _DIGITS.issuperset(value) else 0
    if not 1 <= size <= MOST_PER_PAGE:
        raise QueryError("page_size", f"must be a whole number from 1 to {MOST_PER_PAGE}")
    return size


def _area_code(value: str | None) -> str | None:
    if value is not None and (len(value) > _LONGEST_AREA_CODE or not _DIGITS.issuperset(value)):
        raise QueryError("area_code", f"must have 1 to {_LONGEST_AREA_CODE} digits")
    return value


def _capabilities(values: Sequence[str]) -> int:
    try:
        return capability_bits(name for value in values for name in value.replace(",", " ").split())
    except ValueError:
        raise QueryError("capabilities", f"must be of {', '.join(CAPABILITIES)}") from None


def _max_price(value: str | None) -> int | None:
    try:
        return None if value is None else parse_price(value)
    except MoneyError as error:
        raise QueryError("max_price", str(error)) from None
