"""What must hold of keys: nothing of a key is stored but its hash and its beginning.

Touches: api_keys.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, or_, select

from numberdesk.tables import api_keys
from numberdesk.verify.engine import rule

_HASH_LENGTH: Final = 64
_LONGEST_SHOWN: Final = 12

_hash_length, _shown_length = func.length(api_keys.c.hash), func.length(api_keys.c.shown)
_not_hexadecimal = func.ltrim(api_keys.c.hash, "0123456789abcdef") != ""
_TELLING: Final = select(api_keys.c.id, _hash_length.label("hash_length"), _shown_length.label("shown_length")).where(
    or_(_hash_length != _HASH_LENGTH, _not_hexadecimal, _shown_length > _LONGEST_SHOWN)
)


def _says_telling(row: Any) -> str:
    """Lengths only: what is stored may be a secret."""
    if row.shown_length > _LONGEST_SHOWN:
        return f"shown has {row.shown_length} characters of the key, {_LONGEST_SHOWN} is the most"
    return f"hash, of {row.hash_length} characters, is not a SHA-256 in {_HASH_LENGTH} hexadecimal digits"


CHECKS: Final = (
    rule("I15", "of every key only a hash and the beginning are stored", api_keys, _TELLING, _says_telling),
)
