"""The arithmetic of the judge: months, rates and increments, by the plainest means there are.

Touches: nothing.

Nothing of the product is used here: a mistake there would be one here as well.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class Terms(NamedTuple):
    """How a call is billed: micros a minute, micros once, the increments in seconds, and which way it is rounded."""

    per_minute: int
    connect: int
    minimum: int
    step: int
    rounding: str = "up"


def month_after(instant: int, months: int) -> int:
    """So many months after an instant in microseconds: the same day, or the last one that the month has."""
    begin = _ZERO + timedelta(microseconds=instant)
    year, month = begin.year, begin.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for day in range(begin.day, 27, -1):
        try:
            return _micros(begin.replace(year=year, month=month, day=day))
        except ValueError:
            continue
    return _micros(begin.replace(year=year, month=month))


def cost(seconds: int, terms: Terms) -> int:
    """What a call costs in micros: whole increments, exactly, and a part of a micro as the terms say."""
    if seconds == 0:
        return 0
    billed = terms.minimum
    if seconds > billed:
        billed += math.ceil(Fraction(seconds - billed, terms.step)) * terms.step
    exact = Fraction(terms.per_minute) * Fraction(billed, 60)
    if terms.rounding == "half_up":
        exact += Fraction(1, 2)
    return terms.connect + (math.ceil(exact) if terms.rounding == "up" else math.floor(exact))


def _micros(moment: datetime) -> int:
    return (moment - _ZERO) // timedelta(microseconds=1)
