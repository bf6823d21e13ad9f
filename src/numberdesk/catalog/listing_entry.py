"""One line of an inventory file, checked and completed from numbering data to a listing.

Touches: nothing.

Lines of a file repeat each other's prices, capabilities and places, so those are checked once
for each different text; the caches are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from numberdesk.catalog.inventory_file import Entry
from numberdesk.catalog.model import FROM_FILE, FROM_RULE, NUMBER_TYPES, Listing, capability_bits
from numberdesk.core.billing import kept_billing, kept_term, parse_billing, parse_count, parse_term
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.memorability import memorability
from numberdesk.core.money import MoneyError, parse_currency, parse_price
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.numbering import (
    Numbering,
    area_codes,
    describe,
    describe_as,
    e164_of,
    has_area_code,
    is_country,
    main_country,
    region_of,
)

LONGEST_PLACE: Final = 100
"""Most characters of a region or locality."""

_LONGEST_SHOWN: Final = 40
_COSTS: Final = ("cost_monthly", "cost_inbound", "cost_outbound", "cost_setup")
_BETWEEN_CAPABILITIES: Final = re.compile(r"[ ,;|/]+")
_NO_CAPABILITY_SAID: Final = "voice"
_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_WRITTEN: Final = re.compile(r"\+?[\d\s().\-/\u00a0\u2010-\u2015]+")
_SHORTENED: Final = re.compile(r"\+?\d+([.,]\d+)?[eE]\+?\d+")
_DECIMAL_COMMA: Final = re.compile(r"\d+,(\d{1,2}|\d{4,})")
_COMMA: Final = re.compile(r"\d+,\d{3}")


class EntryTerms(NamedTuple):
    """How lines are read. `country`: whose numbers those without country code are; "" takes none such.

    `accept_unknown` takes numbers that numbering data does not know, from ranges newer than it.
    """

    country: str = ""
    accept_unknown: bool = False


AS_GIVEN: Final = EntryTerms()
"""Only numbers with their country code, and only those that numbering data knows."""


class EntryError(ValueError):
    """A line, or a part of it, cannot be imported; each reason names its column and shows what is there."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class _Money(NamedTuple):
    """The money of one line in micros, in the order of the listing's fields."""

    currency: str | None
    price: int | None
    inbound: int | None
    outbound: int | None
    setup: int
    cost_currency: str | None
    cost_monthly: int | None
    cost_inbound: int | None
    cost_outbound: int | None
    cost_setup: int | None
    term: str
    billing: str


class _Reasons:
    """All that is wrong with a line."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def read(self, check: Callable[..., Any], *given: Any) -> Any:
        """What a check makes of a value; None, and its reasons noted, when it raises EntryError."""
        try:
            return check(*given)
        except EntryError as error:
            self.found += error.reasons
            return None

    def end(self) -> None:
        """Raise EntryError when anything was wrong."""
        if self.found:
            raise EntryError(*self.found)


def listing_of(entry: Entry, terms: EntryTerms = AS_GIVEN) -> Listing:
    """Check a line and fill in what it leaves out. Raises EntryError with all that is wrong.

    Silent columns: country, area code, number_type and region come from numbering data, capabilities
    mean voice, cost_currency is the currency. Without monthly_price the number is priced by price
    rules, and then it may not have rates, a setup price or terms of its own.
    """
    try:
        return _listing(entry, terms)
    except EntryError:
        reasons = _Reasons()
        reasons.read(_number, entry, terms)
        reasons.read(_number_type, entry.number_type, "local")
        reasons.read(_place, "region", entry.region)
        reasons.read(_place, "locality", entry.locality)
        reasons.read(_capabilities, entry.capabilities)
        reasons.read(_money, entry[_MONEY])
        reasons.end()
        raise


def _listing(entry: Entry, terms: EntryTerms) -> Listing:
    e164, numbering = _number(entry, terms)
    money = _money(entry[_MONEY])
    return Listing(
        e164,
        numbering.iso_country,
        _number_type(entry.number_type, numbering.number_type),
        region_of(numbering.iso_country, _place("region", entry.region)) or numbering.region,
        _place("locality", entry.locality),
        numbering.area_code,
        numbering.national,
        _capabilities(entry.capabilities),
        memorability(numbering.national),
        FROM_RULE if money.price is None else FROM_FILE,
        *money,
    )


_MONEY: Final = slice(Entry._fields.index("monthly_price"), None)
_TERMS: Final = Entry._fields.index("period_unit") - Entry._fields.index("monthly_price")
"""Where in the money of a line its terms begin."""


def _number(entry: Entry, terms: EntryTerms) -> tuple[str, Numbering]:
    """The number in its one form, and what is known of it."""
    told = entry.iso_country.upper()
    if told and not is_country(told):
        raise EntryError(f"iso_country must be the two-letter code of a country, like US{_not(entry.iso_country)}")
    try:
        e164 = _e164(entry.phone_number, told or terms.country)
        numbering = _numbering(e164, told, terms, with_region=not entry.region)
    except PhoneError as error:
        raise EntryError(f"phone_number {error}{_not(entry.phone_number)}") from None
    if not entry.area_code:
        return e164, numbering
    area_code = area_codes(numbering.iso_country, entry.area_code)[0]
    if not area_code.isdecimal() or not has_area_code(numbering, area_code):
        raise EntryError(f"area_code must be how the national number {numbering.national} begins{_not(area_code)}")
    return e164, numbering._replace(area_code=area_code)


def _e164(text: str, country: str) -> str:
    """A number as E.164; without its country code when the country is known. Raises PhoneError."""
    if _E164.fullmatch(text):
        return text
    # A spreadsheet is kept from counting a number by an apostrophe or a formula.
    plain = text.removeprefix("=").strip("\"'")
    if _SHORTENED.fullmatch(plain):
        raise PhoneError("was shortened by a spreadsheet: format the column as text and enter the digits again")
    if not _WRITTEN.fullmatch(plain) or not (country or plain.startswith("+")):
        parse_e164(plain)
        return plain
    try:
        return e164_of(plain, country)
    except PhoneError:
        parse_e164(plain)
        raise


def _numbering(e164: str, told: str, terms: EntryTerms, *, with_region: bool) -> Numbering:
    try:
        return describe_as(e164, told, with_region=with_region, known_only=True) if told else describe(
            e164, with_region=with_region
        )  # fmt: skip
    except PhoneError as error:
        try:
            found = describe_as(e164, told or main_country(e164), with_region=False)
        except PhoneError:
            raise error from None
        if not terms.accept_unknown:
            raise PhoneError(f"{error}; if its range is new, import with --accept-unknown") from None
        return found


def _number_type(text: str, known: str) -> str:
    if not text:
        if not known:
            raise EntryError("number_type must be given: numbering data has none for this number")
        return known
    if text in NUMBER_TYPES:
        return text
    name = text.lower().replace("-", "_").replace(" ", "_").replace("tollfree", "toll_free")
    if name not in NUMBER_TYPES:
        raise EntryError(f"number_type must be one of {', '.join(NUMBER_TYPES)}{_not(text)}")
    return name


@lru_cache(maxsize=4096)
def _money(cells: tuple[str, ...]) -> _Money:
    monthly, inbound, outbound, setup, currency, *costs, cost_currency = cells[:_TERMS]
    unit, every, increments, connect, rounding = cells[_TERMS:]
    reasons = _Reasons()
    read = reasons.read
    offer = _Money(
        read(_currency, "currency", currency),
        read(_amount, "monthly_price", monthly, False),  # noqa: FBT003  zero_allowed
        read(_amount, "per_minute_price_inbound", inbound),
        read(_amount, "per_minute_price_outbound", outbound),
        read(_amount, "setup_price", setup) or 0,
        read(_currency, "cost_currency", cost_currency) or read(_currency, "currency", currency),
        *_costs(read, costs),
        read(_term, every, unit) or "",
        read(_billing, increments, read(_amount, "connect_fee", connect), rounding) or "",
    )
    reasons.found = list(dict.fromkeys(reasons.found))
    if not monthly and (offer.inbound or offer.outbound or offer.setup):
        reasons.found.append("monthly_price must be given where a rate or setup_price is")
    if not monthly and any(cells[_TERMS:]):
        reasons.found.append("monthly_price must be given where a period, increments, connect_fee or rounding are")
    if monthly and not currency:
        reasons.found.append("currency must be given where monthly_price is")
    if any(costs) and not (cost_currency or currency):
        reasons.found.append("cost_currency or currency must be given where a cost is")
    reasons.end()
    return offer._replace(
        currency=offer.currency if monthly else None, cost_currency=offer.cost_currency if any(costs) else None
    )


def _costs(read: Callable[..., Any], costs: Sequence[str]) -> tuple[int | None, int | None, int | None, int | None]:
    monthly, inbound, outbound, setup = (read(_amount, *pair) for pair in zip(_COSTS, costs, strict=True))
    return monthly, inbound, outbound, setup


def _term(every: str, unit: str) -> str:
    try:
        return kept_term(parse_term(parse_count(every), unit.lower() or None))
    except InvalidRequest as error:
        raise EntryError(f"{error.message}{_not(every)}") from None


def _billing(increments: str, connect: int | None, rounding: str) -> str:
    try:
        return kept_billing(parse_billing(increments or None, connect, rounding.lower() or None))
    except InvalidRequest as error:
        wrong = rounding if error.details["field"] == "rounding" else increments
        raise EntryError(f"{error.message}{_not(wrong)}") from None


def _amount(column: str, text: str, zero_allowed: bool = True) -> int | None:  # noqa: FBT001, FBT002  by place above
    if not text:
        return None
    if _COMMA.fullmatch(text):
        raise EntryError(f"{column} could be {text.replace(',', '')} or {text.replace(',', '.')}: write one of them")
    plain = text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text
    try:
        return parse_price(plain, zero_allowed=zero_allowed)
    except MoneyError as error:
        raise EntryError(f"{column} {error}{_not(text)}") from None


def _currency(column: str, text: str) -> str | None:
    if not text:
        return None
    try:
        return parse_currency(text.upper())
    except MoneyError as error:
        said = str(error)
        raise EntryError(f"{column} {said}{'' if ', not ' in said else _not(text)}") from None


@lru_cache(maxsize=4096)
def _place(column: str, text: str) -> str:
    try:
        return parse_text(text, longest=LONGEST_PLACE, empty_allowed=True)
    except TextError as error:
        raise EntryError(f"{column} {error}{_not(text)}") from None


@lru_cache(maxsize=256)
def _capabilities(text: str) -> int:
    names = [name for name in _BETWEEN_CAPABILITIES.split((text or _NO_CAPABILITY_SAID).lower()) if name]
    try:
        bits = capability_bits(names)
    except ValueError:
        raise EntryError(f"capabilities must be of voice, sms, mms, fax{_not(text)}") from None
    if not bits:
        raise EntryError("capabilities must name at least one")
    return bits


def _not(value: str) -> str:
    """What is there instead, shortened; "" where nothing is."""
    if not value:
        return ""
    return f", not {value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + '...'!r}"
