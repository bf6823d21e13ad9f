"""What two clocks must agree on, by docs/decisions/0014-clocks.md: what has elapsed, and the time of day that fits it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.flows.agree_on_time import TimeReading
from simulation.books import Books, require
from simulation.plan import DAY, MINUTE
from simulation.world import MICROSECONDS

_FITS: Final = 5 * MICROSECONDS
_RESTART: Final = 5 * MINUTE * MICROSECONDS
_BELIEVED: Final = DAY * MICROSECONDS


def agree(books: Books, reading: TimeReading, given: Any) -> list[str]:
    """The time of day is taken where it fits what has elapsed, or when it has not fitted for a day."""
    goals = [_agreed(books, reading)]
    require(books.agreed, tuple(given), "agreed time")
    return goals


def _agreed(books: Books, reading: TimeReading) -> str:
    if books.agreed is None:
        books.agreed = reading.now, 0
        return "time_agreed"
    before, disputed = books.agreed
    elapsed = 0 if reading.expected is None else max(0, reading.expected - before)
    off, fits = abs(reading.now - before - elapsed), _RESTART if reading.expected is None else _FITS
    if off <= fits:
        books.agreed = max(before, reading.now), 0
        return "time_agreed"
    if disputed + elapsed >= _BELIEVED:
        books.agreed = reading.now, 0
        return "time_believed_at_last"
    books.agreed = before + elapsed, disputed + elapsed
    return "time_disputed"
