"""Text that people write: names, labels, references.

Touches: nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

VISIBLE_ASCII: Final = "^[!-~]+$"
"""The same rule as parse_token as a regular expression, for documents."""

_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it, or shows in another order; ends of lines and tabs are none of it."""


class TextError(ValueError):
    """The text cannot be stored; the reason says why, in words for the sender."""


def parse_text(value: str, *, longest: int, empty_allowed: bool = False) -> str:
    """Return `value` when it is text that every engine stores and every reader shows.

    No control characters, no lone surrogates, at most `longest` characters. Raises TextError.
    """
    if not value and not empty_allowed:
        raise TextError("must not be empty")
    if len(value) > longest:
        raise TextError(f"must have at most {longest} characters")
    if value.isascii() and value.isprintable():
        return value
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise TextError("must not have control characters, line breaks or half characters")
    return value


def folded(name: str) -> str:
    """A name in the form in which names are compared: without case, in one Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def parse_token(value: str, *, longest: int) -> str:
    """Return `value` when it is 1 to `longest` visible ASCII characters. Raises TextError."""
    if not 1 <= len(value) <= longest:
        raise TextError(f"must have 1 to {longest} characters")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise TextError("must have visible ASCII characters only")
    return value


def harmless(text: str) -> str:
    """A text that somebody else wrote, as a terminal may be given it: what would steer it is written out."""
    return _STEERING.sub(lambda found: repr(found[0])[1:-1], text)
