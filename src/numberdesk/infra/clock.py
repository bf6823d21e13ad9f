"""The time and new ids, asked for at the entry points only; everything below gets them as arguments.

Touches: clock, randomness.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import uuid_utils

from numberdesk.core.periods import MICROSECONDS


def now() -> int:
    """Microseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1000


class ProcessTime(NamedTuple):
    """The clock of one process that only goes forward, whatever becomes of the time of day.

    `process` is its name: what this clock shows can be compared only with what it showed in the same process.
    """

    process: str
    seconds: Callable[[], float]

    def elapsed(self) -> int:
        """Microseconds since a moment that nobody else knows."""
        return round(self.seconds() * MICROSECONDS)


def new_id(kind: str) -> str:
    """A new id that sorts by time: `kind`, an underscore, 32 hexadecimal digits (UUID version 7)."""
    return f"{kind}_{uuid_utils.uuid7().hex}"


def random_bytes(count: int) -> bytes:
    """Bytes nobody can guess, for keys."""
    return secrets.token_bytes(count)
