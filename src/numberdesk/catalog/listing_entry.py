"""One line of an inventory file, checked and completed from numbering data to a listing.

Touches: nothing.

Lines of a file repeat each other's prices, capabilities and places, so those are checked once
for each different text; the caches are bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from numberdesk.catalog.inventory_file import Entry
from numberdesk.catalog.model import FROM_FILE, FROM_RULE, NUMBER_TYPES, Listing, capability_bits
from numberdesk.core.memorability import memorability
from numberdesk.core.money import MoneyError, parse_currency, parse_price
from numberdesk.core.phone import PhoneError
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.numbering import describe

LONGEST_PLACE: Final = 100
"""Most characters of a region or locality."""

_BETWEEN_CAPABILITIES: Final = re.compile(r"[ ,;|]+")
_NO_CAPABILITY_SAID: Final = "voice"


class EntryError(ValueError):
    """A line cannot be imported; the text names the column and says why."""


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


def listing_of(entry: Entry) -> Listing:
    """Check a line and fill in what it leaves out. Raises EntryError.

    Silent columns: number_type and region come from numbering data, capabilities mean voice,
    cost_currency is the currency. Without monthly_price the number is priced by price rules, and
    then it may not have rates or a setup price of its own.
    """
    try:
        numbering = describe(entry.phone_number, with_region=not entry.region)
    except PhoneError as error:
        raise EntryError(f"phone_number {error}") from None
    number_type = entry.number_type or numbering.number_type
    if not number_type:
        raise EntryError("number_type must be given: numbering data has none for this number")
    if number_type not in NUMBER_TYPES:
        raise EntryError(f"number_type must be one of {', '.join(NUMBER_TYPES)}")
    money = _money(entry[_MONEY])
    return Listing(
        entry.phone_number,
        numbering.iso_country,
        number_type,
        _place("region", entry.region) or numbering.region,
        _place("locality", entry.locality),
        numbering.area_code,
        numbering.national,
        _capabilities(entry.capabilities),
        memorability(numbering.national),
        FROM_RULE if money.price is None else FROM_FILE,
        *money,
    )


_MONEY: Final = slice(Entry._fields.index("monthly_price"), None)


@lru_cache(maxsize=4096)
def _money(cells: tuple[str, ...]) -> _Money:
    monthly, inbound, outbound, setup, currency, *costs, cost_currency = cells
    offer = _Money(
        _currency("currency", currency),
        _amount("monthly_price", monthly, zero_allowed=False),
        _amount("per_minute_price_inbound", inbound),
        _amount("per_minute_price_outbound", outbound),
        _amount("setup_price", setup) or 0,
        _currency("cost_currency", cost_currency) or _currency("currency", currency),
        *(
            _amount(name, cost)
            for name, cost in zip(("cost_monthly", "cost_inbound", "cost_outbound", "cost_setup"), costs, strict=True)
        ),
    )
    if offer.price is None and (inbound or outbound or setup):
        raise EntryError("monthly_price must be given where a rate or setup_price is")
    if offer.price is not None and offer.currency is None:
        raise EntryError("currency must be given where monthly_price is")
    if any(costs) and offer.cost_currency is None:
        raise EntryError("cost_currency or currency must be given where a cost is")
    return offer._replace(
        currency=offer.currency if monthly else None, cost_currency=offer.cost_currency if any(costs) else None
    )


def _amount(column: str, text: str, *, zero_allowed: bool = True) -> int | None:
    if not text:
        return None
    try:
        return parse_price(text, zero_allowed=zero_allowed)
    except MoneyError as error:
        raise EntryError(f"{column} {error}") from None


def _currency(column: str, text: str) -> str | None:
    if not text:
        return None
    try:
        return parse_currency(text)
    except MoneyError as error:
        raise EntryError(f"{column} {error}") from None


@lru_cache(maxsize=4096)
def _place(column: str, text: str) -> str:
    try:
        return parse_text(text, longest=LONGEST_PLACE, empty_allowed=True)
    except TextError as error:
        raise EntryError(f"{column} {error}") from None


@lru_cache(maxsize=256)
def _capabilities(text: str) -> int:
    names = [name for name in _BETWEEN_CAPABILITIES.split(text or _NO_CAPABILITY_SAID) if name]
    try:
        bits = capability_bits(names)
    except ValueError:
        raise EntryError("capabilities must be of voice, sms, mms, fax") from None
    if not bits:
        raise EntryError("capabilities must name at least one")
    return bits
