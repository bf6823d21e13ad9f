"""Caps on what an account, or one of its keys, may spend on purchases: each, a day, a month of UTC.

Touches: nothing.

What is spent is the first month and the setup price of orders that have not failed. Renewals and calls are no
purchases: no cap ever stops them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from numberdesk.core.errors import SpendLimit
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import add_months, from_datetime, iso_seconds, to_datetime

DAY: Final = 86_400_000_000
"""Microseconds of a day."""


class SpendCaps(NamedTuple):
    """The most that may be spent, in micros; None is without a cap."""

    per_purchase: int | None = None
    per_day: int | None = None
    per_month: int | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing is capped."""
        return self == SpendCaps()

    def looser_than(self, other: SpendCaps) -> str | None:
        """The first cap that lets more be spent than another one does; one that is left out lets that hold."""
        for name, mine, others in zip(self._fields, self, other, strict=True):
            if mine is not None and others is not None and mine > others:
                return name
        return None


class SpentOn(NamedTuple):
    """What was spent with a key of an account on a day, counted from 1970; None for orders without a key."""

    account_id: str
    key_id: str | None
    day: int
    amount: int


def day_of(instant: int) -> int:
    """The day of UTC, counted from 1970."""
    return instant // DAY


def month_begin(instant: int) -> int:
    """When the month of an instant began, in UTC."""
    return from_datetime(to_datetime(instant).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def by_owner(spent: Iterable[SpentOn]) -> dict[str, dict[int, int]]:
    """What each account and each key has spent, by day."""
    found: dict[str, dict[int, int]] = {}
    for one in spent:
        for owner in (one.account_id, one.key_id):
            if owner is not None:
                days = found.setdefault(owner, {})
                days[one.day] = days.get(one.day, 0) + one.amount
    return found


def refused_by(
    caps: SpendCaps, spent: Mapping[int, int], amount: int, currency: str, now: int, *, whose: str
) -> SpendLimit | None:
    """Why a purchase would be over a cap of `whose` (account or key); None where it would not.

    Orders that a clock ahead dated later count, too.
    """
    month = month_begin(now)
    begins = {"per_purchase": None, "per_day": now // DAY * DAY, "per_month": month}
    ends = {"per_day": (day_of(now) + 1) * DAY, "per_month": add_months(month, 1)}
    for name, cap in zip(caps._fields, caps, strict=True):
        begin = begins[name]
        before = 0 if begin is None else sum(part for day, part in spent.items() if day >= day_of(begin))
        if cap is not None and before + amount > cap:
            details: dict[str, object] = {
                "limit": name,
                "of": whose,
                "cap": as_decimal(cap),
                "spent": as_decimal(before),
                "needed": as_decimal(amount),
                "currency": currency,
            }
            if name in ends:
                details["until"] = iso_seconds(ends[name])
            return SpendLimit(details=details)
    return None
