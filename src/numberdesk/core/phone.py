"""E.164 numbers as text: the one form in which a number travels through the system.

Touches: nothing.

The rule is ITU-T E.164: a plus sign, a country code that does not start with 0, at most
15 digits. Whether a number can exist in its country is numbering data's question and is
asked where numbers enter (the inventory import), not at every request.
"""

from __future__ import annotations

from typing import Final

_FEWEST_DIGITS: Final = 7
_MOST_DIGITS: Final = 15
E164_PATTERN: Final = f"^\\+[1-9][0-9]{{{_FEWEST_DIGITS - 1},{_MOST_DIGITS - 1}}}$"
"""The same rule as parse_e164 as a regular expression, for documents."""

_DIGITS: Final = frozenset("0123456789")


class PhoneError(ValueError):
    """What was sent is no E.164 number; the text says why."""


def parse_e164(value: str) -> str:
    """Return `value` when it is an E.164 number with its plus sign. Raises PhoneError."""
    digits = value[1:]
    if not value:
        raise PhoneError("must not be empty")
    if value[0] != "+":
        raise PhoneError("must start with + and the country code, like +13612738809")
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
        raise PhoneError(f"must have {_FEWEST_DIGITS} to {_MOST_DIGITS} digits after the +")
    if not _DIGITS.issuperset(digits):
        raise PhoneError("must have only the digits 0-9 after the +")
    if digits[0] == "0":
        raise PhoneError("must not have a country code that starts with 0")
    return value
