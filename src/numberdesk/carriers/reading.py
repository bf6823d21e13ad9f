"""Reads what carriers write of numbers and of prices, in the forms that several of them share.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from numberdesk.carriers.wire import Shape, decoded
from numberdesk.core.money import parse_price
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.infra.http import HttpAnswer

_OK: Final = 200
_NOTHING: Final = (b"", b"null")


def item_of(item: msgspec.Raw, shape: type[Shape]) -> Shape:
    """One item of a list as a shape. Raises CarrierError."""
    return decoded(HttpAnswer(_OK, {}, bytes(item)), shape)


def price_of(raw: msgspec.Raw) -> int | None:
    """Micros of a text or a number, exactly; None where nothing is told. Raises MoneyError or MsgspecError."""
    written = bytes(raw)
    if written in _NOTHING:
        return None
    value: object = msgspec.json.decode(written, type=str if written.startswith(b'"') else Decimal)
    return parse_price(value, zero_allowed=True)


def e164_of(number: str | int) -> str | None:
    """A number written with the plus sign or without; None for one outside E.164."""
    try:
        return parse_e164(f"+{digits_of(number)}")
    except PhoneError:
        return None


def digits_of(number: str | int) -> str:
    """A number without its plus sign."""
    return str(number).removeprefix("+")


def is_e164(text: str) -> bool:
    """Whether a text is a number exactly as we write them."""
    return e164_of(text) == text
