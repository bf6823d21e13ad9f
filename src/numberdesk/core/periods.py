"""Rental periods: each is counted from the anchor, so the 31st does not drift.

Touches: nothing.

Instants are integers: microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import calendar
import functools
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

MICROSECONDS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class PeriodUnit(StrEnum):
    """What a rental's periods are counted in. A year is twelve months."""

    MONTH = "month"
    DAY = "day"


class Term(NamedTuple):
    """How long a period is: so many months or days."""

    unit: PeriodUnit
    every: int


MONTHLY: Final = Term(PeriodUnit.MONTH, 1)


def begin_of(anchor: int, term: Term, period: int) -> int:
    """When a period begins: the anchor and so many terms, computed from the anchor and never from the one before."""
    if term.unit is PeriodUnit.MONTH:
        return add_months(anchor, period * term.every)
    return anchor + period * term.every * 86_400 * MICROSECONDS


def add_months(anchor: int, months: int) -> int:
    """The instant `months` after `anchor`: same day of the month and time, or the month's last day."""
    start = to_datetime(anchor)
    year, month0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month0 + 1)[1])
    return from_datetime(start.replace(year=year, month=month0 + 1, day=day))


def to_datetime(instant: int) -> datetime:
    """UTC datetime of an instant, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> int:
    """Instant of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def iso_seconds(instant: int) -> str:
    """ISO 8601 in UTC, whole seconds, with Z: 2026-03-20T14:30:00Z."""
    return _iso(instant // MICROSECONDS)


def iso_or_none(instant: int | None) -> str | None:
    """The same for an instant that there may not be."""
    return None if instant is None else iso_seconds(instant)


@functools.lru_cache(maxsize=1024)
def _iso(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
