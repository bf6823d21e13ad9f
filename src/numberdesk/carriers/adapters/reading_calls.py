"""Reads what carriers write of calls, in the forms that several of them share.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.http_api import Shape, each
from numberdesk.carriers.call_port import CallCost, CallPage, CarrierCall
from numberdesk.core.money import MAX_PRICE, MICROS, MoneyError, parse_currency
from numberdesk.core.periods import MICROSECONDS

DAY: Final = 86_400 * MICROSECONDS
"""Microseconds of a day."""

_LONGEST_PRICE: Final = 30


def day_text(day: int) -> str:
    """A day of UTC as 2026-03-20."""
    return datetime.fromtimestamp(day // MICROSECONDS, UTC).strftime("%Y-%m-%d")


def instant_text(day: int) -> str:
    """The beginning of a day of UTC as 2026-03-20T00:00:00Z."""
    return f"{day_text(day)}T00:00:00Z"


def iso_of(written: str | None) -> str | None:
    """A time of RFC 2822 in ISO 8601; what is none stays as it was, and is refused as no time."""
    if not written:
        return None
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, OverflowError):
        return written
    return moment.replace(tzinfo=moment.tzinfo or UTC).isoformat()


def cost_of(amount: Any, currency: Any) -> CallCost | None:
    """A cost as it is kept: without its sign, to the nearest micro; None where the carrier has not told it."""
    text = str(amount).strip()
    if amount is None or not isinstance(currency, str) or len(text) > _LONGEST_PRICE:
        return None
    try:
        named, told = parse_currency(currency.upper()), abs(Decimal(text))
    except (MoneyError, InvalidOperation, ValueError):
        return None
    if not told.is_finite() or told > MAX_PRICE // MICROS:
        return None
    return CallCost(named, int((told * MICROS).to_integral_value(ROUND_HALF_UP)))


def page_of(
    listed: Sequence[msgspec.Raw],
    shape: type[Shape],
    read: Callable[[Shape], CarrierCall | None],
    cursor: str | None,
    *,
    rest: float = 0.0,
) -> CallPage:
    """A page of what a carrier listed; `read` gives None for a call that has not ended."""
    items = each(listed, shape)
    calls = [read(item) for item in items if item is not None]
    return CallPage(
        tuple(call for call in calls if call is not None), cursor, rest, sum(item is None for item in items)
    )
