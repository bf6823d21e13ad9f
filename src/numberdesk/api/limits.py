"""Requests per second: a token bucket for each key, and one for each account, that was seen lately.

Touches: clock.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from numberdesk.core.errors import RateLimited

KEYS_OF_AN_ACCOUNT: Final = 10
"""An account gets what so many keys get, however many it has: keys cost nothing, and a new one's bucket is full."""

_MOST_KEYS: Final = 10_000
_WHOLE: Final = 1 - 1e-6
"""A request's worth: whoever waited as long as told must not be refused over the last digit of a float."""


class RateLimits:
    """Allows `per_second` requests of a key, KEYS_OF_AN_ACCOUNT times as many of an account; 0 allows everything."""

    def __init__(self, per_second: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._keys = RateLimit(per_second, seconds)
        self._accounts = RateLimit(per_second, seconds, times=KEYS_OF_AN_ACCOUNT)

    def spend(self, account_id: str, key_id: str) -> None:
        """Count a request. Raises RateLimited; what a key asks for over its own limit takes nothing from the others."""
        self._keys.spend(key_id)
        self._accounts.spend(account_id)


class RateLimit:
    """Allows `times` `per_second` requests of somebody, and that many at once after a rest; 0 allows everything."""

    def __init__(self, per_second: float, seconds: Callable[[], float] = time.monotonic, *, times: int = 1) -> None:
        self._rate = per_second * times
        self._burst = max(1.0, per_second) * times
        self._seconds = seconds
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, name: str) -> None:
        """Count a request. Raises RateLimited saying when the next one may come."""
        if not self._rate:
            return
        now = self._seconds()
        left, since = self._buckets.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= _WHOLE
        self._buckets[name] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(details={"retry_after": math.ceil((1 - left) / self._rate)})

    def give_back(self, name: str) -> None:
        """Let a request that was counted count no more."""
        if name in self._buckets:
            left, since = self._buckets[name]
            self._buckets[name] = (min(self._burst, left + 1), since)
