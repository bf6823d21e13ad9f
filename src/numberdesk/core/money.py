"""Money as whole micros: exact parsing, printing and bounds.

Touches: nothing.

Every amount is a signed integer of micros, 10**-6 of its currency's unit. Parsing goes
through Decimal and never through float, so 0.0085 is 8500 and nothing is ever rounded:
what does not fit a micro is refused.
"""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from typing import Final

from numberdesk.core.currencies import CURRENCIES

MICROS: Final = 1_000_000
"""Micros in one unit of a currency."""

MAX_AMOUNT: Final = 1_000_000_000 * MICROS
"""Largest amount of one movement or limit, in micros. A JSON reader that uses doubles still sees it exactly."""

MAX_PRICE: Final = 1_000_000 * MICROS
"""Largest price, in micros: what is above it is a mistake, not a price."""

_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST_TEXT: Final = 70
_FEWEST_EXPONENT: Final = -40
CURRENCY_CODE: Final = re.compile(r"[A-Z]{3}", re.ASCII)
"""What a currency looks like."""


_TOO_FINE: Final = "has more digits than a millionth: send it rounded to six decimals"


class MoneyError(ValueError):
    """What was sent is no amount; the text says why, in words for the sender."""


def parse_micros(value: object, *, largest: int = MAX_AMOUNT) -> int:
    """Turn a JSON number (int or Decimal) or a numeric string into micros, exactly.

    `largest` bounds the absolute value, in micros. Raises MoneyError for everything else:
    other types, NaN, infinities, digits finer than a micro, amounts past the bound.
    """
    number = _decimal_of(value)
    if not number.is_finite():
        raise MoneyError("must be a finite number")
    if number == 0:
        return 0
    if number.adjusted() > len(str(largest // MICROS)):
        raise MoneyError(_too_large(largest))
    if len(number.as_tuple().digits) > _LONGEST_TEXT or number.adjusted() < _FEWEST_EXPONENT:
        raise MoneyError(_TOO_FINE)
    # As whole numbers: Decimal's own arithmetic rounds to 28 digits without a word.
    numerator, denominator = number.as_integer_ratio()
    micros, finer = divmod(abs(numerator) * MICROS, denominator)
    if finer:
        nearest = micros + (2 * finer >= denominator)
        raise MoneyError(f"{_TOO_FINE}, like {format_micros(-nearest if numerator < 0 else nearest)}")
    if micros > largest:
        raise MoneyError(_too_large(largest))
    return -micros if numerator < 0 else micros


def parse_price(value: object, *, zero_allowed: bool = False) -> int:
    """Micros of a price: above 0 (or from 0 where a rate may be free), at most MAX_PRICE.

    Raises MoneyError.
    """
    micros = parse_micros(value, largest=MAX_PRICE)
    if micros < 0:
        raise MoneyError("must not be negative")
    if micros == 0 and not zero_allowed:
        raise MoneyError("must be greater than zero")
    return micros


def format_micros(micros: int) -> str:
    """Print micros as a plain decimal with just the digits it needs: 1150000 is "1.15"."""
    sign = "-" if micros < 0 else ""
    whole, fraction = divmod(abs(micros), MICROS)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:06d}".rstrip("0")


def with_two_places(written: str) -> str:
    """A decimal as people read money in columns: with two digits after its point, or as many as it needs."""
    whole, _, part = written.partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"


@functools.lru_cache(maxsize=4096)
def as_decimal(micros: int) -> Decimal:
    """Exact decimal of micros, with just the digits it needs; JSON encoders write it as a number."""
    return Decimal(format_micros(micros))


def parse_currency(value: str) -> str:
    """Check a code of ISO 4217. Raises MoneyError."""
    if not CURRENCY_CODE.fullmatch(value):
        raise MoneyError("must be a currency code of three capital letters, like USD")
    if value not in CURRENCIES:
        raise MoneyError(f"must be a currency of ISO 4217, like USD, not {value!r}")
    return value


def _decimal_of(value: object) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise MoneyError("must be a number")
    if isinstance(value, int):
        if value.bit_length() > 128:  # noqa: PLR2004  far past every bound, and str() of it may be slow
            raise MoneyError("is too large")
        return Decimal(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or not _PLAIN_NUMBER.fullmatch(value):
            raise MoneyError("must be a number, like 1.15")
        return Decimal(value)
    raise MoneyError("must be a number")


def _too_large(largest: int) -> str:
    return f"must be at most {format_micros(largest)}"
