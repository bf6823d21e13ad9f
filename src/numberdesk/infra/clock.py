"""The time and new ids, asked for at the entry points only; everything below gets them as arguments.

Touches: clock, randomness.
"""

from __future__ import annotations

import secrets
import time

import uuid_utils


def now() -> int:
    """Microseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1000


def new_id(kind: str) -> str:
    """A new id that sorts by time: `kind`, an underscore, 32 hexadecimal digits (UUID version 7)."""
    return f"{kind}_{uuid_utils.uuid7().hex}"


def random_bytes(count: int) -> bytes:
    """Bytes nobody can guess, for keys."""
    return secrets.token_bytes(count)
