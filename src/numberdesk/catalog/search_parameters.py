"""Reading an offer query from what a customer sent.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from numberdesk.catalog.listing_entry import LONGEST_PLACE
from numberdesk.catalog.model import CAPABILITIES, NumberType, capability_bits
from numberdesk.catalog.search import OfferQuery, QueryError, Sort, read_page_token
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
from numberdesk.core.text import TextError, folded, parse_text
from numberdesk.infra.numbering import area_codes, is_country, region_of

LONGEST_AREA_CODE: Final = 6
MOST_EXPRESSIONS: Final = 8
_DIGITS: Final = frozenset("0123456789")

Compiler = Callable[[str, MatchOn], Pattern]


class SearchParameters(Protocol):
    """What a customer may send: None where something was left out.

    Prices are micros. A place, an area code or a page token that is empty counts as left out.
    """

    @property
    def page_size(self) -> int:
        """How many offers a page has."""

    @property
    def page_token(self) -> str | None:
        """Where the page before ended."""

    @property
    def region(self) -> str | None:
        """The state or province."""

    @property
    def locality(self) -> str | None:
        """The town."""

    @property
    def number_type(self) -> NumberType | None:
        """The kind of number."""

    @property
    def area_code(self) -> str | None:
        """The area code."""

    @property
    def starts_with(self) -> str | None:
        """What the digits begin with."""

    @property
    def ends_with(self) -> str | None:
        """What the digits end with."""

    @property
    def contains(self) -> Sequence[str] | None:
        """What the digits contain, all of it."""

    @property
    def pattern(self) -> str | None:
        """What the digits look like."""

    @property
    def excludes(self) -> Sequence[str] | None:
        """What the digits do not contain, nothing of it."""

    @property
    def match_on(self) -> MatchOn | None:
        """Which digits are meant."""

    @property
    def capabilities(self) -> Sequence[str] | None:
        """What the number can do; names may share a text."""

    @property
    def max_price(self) -> int | None:
        """The most that a purchase may charge at once: the first month and the setup price together."""

    @property
    def sort(self) -> Sort | None:
        """The order."""


def offer_query(iso_country: str, currency: str, given: SearchParameters) -> OfferQuery:
    """Read a query. `currency` is the account's. Raises QueryError."""
    country = _country(iso_country)
    match_on = given.match_on or MatchOn.NATIONAL
    query = OfferQuery(
        iso_country=country,
        currency=currency,
        page_size=given.page_size,
        sort=given.sort or Sort.NUMBER,
        region=_region(_place("region", given.region), country),
        locality=_place("locality", given.locality),
        number_type=None if given.number_type is None else given.number_type.value,
        area_code=_area_code(given.area_code or None, country),
        starts_with=_expression("starts_with", given.starts_with, compile_starts_with, match_on),
        ends_with=_expression("ends_with", given.ends_with, compile_ends_with, match_on),
        contains=_expressions("contains", given.contains or (), compile_contains, match_on),
        pattern=_expression("pattern", given.pattern, compile_pattern, match_on),
        excludes=_expressions("excludes", given.excludes or (), compile_excludes, match_on),
        capabilities=_capabilities(given.capabilities or ()),
        max_price=given.max_price,
    )
    return replace(query, after=read_page_token(given.page_token, query)) if given.page_token else query


def _place(name: str, value: str | None) -> str | None:
    try:
        return parse_text(value, longest=LONGEST_PLACE).strip() or None if value else None
    except TextError as error:
        raise QueryError(name, str(error)) from None


def _expression(name: str, value: str | None, compiled: Compiler, match_on: MatchOn) -> Pattern | None:
    return None if value is None else _expressions(name, [value], compiled, match_on)[0]


def _expressions(name: str, values: Sequence[str], compiled: Compiler, match_on: MatchOn) -> tuple[Pattern, ...]:
    if len(values) > MOST_EXPRESSIONS:
        raise QueryError(name, f"must be sent at most {MOST_EXPRESSIONS} times")
    try:
        return tuple(compiled(value, match_on) for value in values)
    except PatternError as error:
        raise QueryError(name, str(error)) from None


def _country(value: str) -> str:
    country = value.upper()
    if not value.isascii() or not is_country(country):
        raise QueryError("iso_country", "must be the two-letter code of a country, like US")
    return country


def _region(value: str | None, country: str) -> str | None:
    # Clients send the country itself for "anywhere in it".
    return None if value is None or folded(value) == folded(country) else region_of(country, value)


def _area_code(value: str | None, country: str) -> str | None:
    if value is None:
        return None
    plain = area_codes(country, value)[0] if len(value) <= LONGEST_AREA_CODE + 1 else value
    if len(plain) > LONGEST_AREA_CODE or not _DIGITS.issuperset(plain):
        raise QueryError("area_code", f"must have 1 to {LONGEST_AREA_CODE} digits")
    return plain


def _capabilities(values: Sequence[str]) -> int:
    try:
        return capability_bits(name for value in values for name in value.replace(",", " ").split())
    except ValueError:
        raise QueryError("capabilities", f"must be of {', '.join(CAPABILITIES)}") from None
