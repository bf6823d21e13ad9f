"""Months and days of UTC, as people name them.

Touches: nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import add_months, from_datetime, to_datetime

_LIKE: Final = "must be like 2026-03"


def month_bounds(named: str | None, now: int) -> tuple[int, int]:
    """The beginning of a month like 2026-03, and that of the next; this month where none is named.

    Raises InvalidRequest.
    """
    if named is None:
        first = to_datetime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    else:
        try:
            first = datetime.strptime(named, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            raise InvalidRequest("month", _LIKE) from None
    began = from_datetime(first)
    try:
        return began, add_months(began, 1)
    except ValueError:  # the last one that there is
        raise InvalidRequest("month", _LIKE) from None


def day_bounds(field: str, named: str) -> tuple[int, int]:
    """The beginning of a day like 2026-03-20, and that of the next. Raises InvalidRequest."""
    try:
        began = datetime.strptime(named, "%Y-%m-%d").replace(tzinfo=UTC)
        return from_datetime(began), from_datetime(began + timedelta(days=1))
    except (ValueError, OverflowError):  # the last day has no next one
        raise InvalidRequest(field, "must be a day like 2026-03-20") from None
