"""Searching offers: the query and its answer as values, and the token of a page.

Touches: nothing.

Pages are walked by position: a page goes on after the last offer (or the last number looked at)
of the page before, never by counting from the start. The position and a fingerprint of the query
make the token. It is not signed, because a forged position only starts the walk elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.memorability import HIGHEST
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.pattern import Pattern, Query, Subjects
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.prices import Prices
from numberdesk.core.text import folded
from numberdesk.infra.numbering import area_codes

_LONGEST_TOKEN: Final = 100
_FINGERPRINT_LENGTH: Final = 12


class QueryError(ValueError):
    """A parameter is wrong: `field` names it and `reason` says why, never repeating what was sent."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class Sort(StrEnum):
    """The order of offers. Those that tie are in the order of their numbers."""

    NUMBER = "number"
    PRICE = "price"  # the first month and the setup price together, lowest first
    MEMORABLE = "memorable"  # highest score first; among equal scores the highest number first


class Position(NamedTuple):
    """A place in a sorted list. `key` is what is charged at once, the score, or 0 where the number alone sorts."""

    key: int
    e164: str


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """What a customer looks for. None, an empty tuple and 0 leave a filter out.

    `currency` is the account's, `max_price` in micros for the first month and the setup price together,
    `capabilities` a bit set that offers must contain. Places are compared without case (`folded`). `after`
    is where the page before ended.
    """

    iso_country: str
    currency: str
    page_size: int = 10
    sort: Sort = Sort.NUMBER
    after: Position | None = None
    region: str | None = None
    locality: str | None = None
    number_type: str | None = None
    area_code: str | None = None
    starts_with: Pattern | None = None
    ends_with: Pattern | None = None
    contains: tuple[Pattern, ...] = ()
    pattern: Pattern | None = None
    excludes: tuple[Pattern, ...] = ()
    capabilities: int = 0
    max_price: int | None = None

    @property
    def digits(self) -> Query:
        """All that is asked of the digits."""
        single = (part for part in (self.starts_with, self.ends_with, self.pattern) if part is not None)
        return Query((*single, *self.contains), self.excludes)

    @property
    def area_codes(self) -> tuple[str, ...]:
        """The area codes that are asked for, as numbers have them; empty when none is."""
        return () if self.area_code is None else area_codes(self.iso_country, self.area_code)

    @property
    def names_place(self) -> bool:
        """Whether a place or a type is asked for: what numbers of an area code mostly have in common."""
        return (self.region, self.locality, self.number_type) != (None, None, None)

    @property
    def is_selective(self) -> bool:
        """Whether there is any filter beyond the country."""
        plain = OfferQuery(self.iso_country, self.currency, self.page_size, self.sort, self.after)
        return self != plain


class Offer(NamedTuple):
    """An available number with its prices. `capabilities` is a bit set, `requires` the papers that it is sold with."""

    e164: str
    iso_country: str
    region: str
    locality: str
    number_type: str
    capabilities: int
    prices: Prices
    carrier: str
    requires: tuple[str, ...] = ()


class Found(NamedTuple):
    """An offer with its place in the list and the texts that patterns are held against."""

    offer: Offer
    position: Position
    subjects: Subjects


@dataclass(frozen=True, slots=True)
class OfferPage:
    """Offers in order. `next_token` is None at the end.

    `incomplete` names sources that were not looked through to the end of this page, or did not answer; at
    the end also carriers that may have more.
    """

    offers: tuple[Offer, ...]
    next_token: str | None
    incomplete: tuple[str, ...]


def page_token(query: OfferQuery, position: Position) -> str:
    """The URL-safe token of the page that begins after a position, good for the same filters and order."""
    content = json.dumps([_fingerprint(query), position.key, position.e164], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_page_token(token: str, query: OfferQuery) -> Position:
    """Where a page begins. Raises QueryError for what is no token, or that of another search."""
    position = _decoded(token)
    if position is None or not _is_key(position.key, query.sort):
        raise QueryError("page_token", "is not a token of this list")
    # Written again it must be the same: then its fingerprint is the query's, and there is one token for one place.
    if page_token(query, position) != token:
        raise QueryError("page_token", "belongs to a search with other filters or another order")
    return position


def _decoded(token: str) -> Position | None:
    if len(token) > _LONGEST_TOKEN:
        return None
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        _, key, e164 = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii"))
        return Position(key, parse_e164(e164)) if type(key) is int and isinstance(e164, str) else None
    except (ValueError, TypeError, PhoneError, RecursionError):
        return None


def _is_key(key: int, sort: Sort) -> bool:
    lowest, highest = {Sort.NUMBER: (0, 0), Sort.PRICE: (1, 2 * MAX_PRICE), Sort.MEMORABLE: (0, HIGHEST)}[sort]
    return lowest <= key <= highest


def _fingerprint(query: OfferQuery) -> str:
    """A short hash of what a position depends on: filters and order, not the size of a page."""
    shapes = [[f"{part.match_on}:{part.shape}" for part in parts] for parts in (query.digits.all_of, query.excludes)]
    places = [folded(place or "") for place in (query.region, query.locality)]
    rest = [query.iso_country, query.currency, query.sort, query.number_type, query.area_code]
    text = json.dumps([*rest, *places, *shapes, query.capabilities, query.max_price])
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_LENGTH]
