"""Requests per second and key: a token bucket for each key that was seen lately.

Touches: clock.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from numberdesk.core.errors import RateLimited

_MOST_KEYS: Final = 10_000
_WHOLE: Final = 1 - 1e-6
"""A request's worth: whoever waited as long as told must not be refused over the last digit of a float."""


class RateLimit:
    """Allows `per_second` requests of a key, and that many at once after a rest; 0 allows everything."""

    def __init__(self, per_second: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second)
        self._seconds = seconds
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, key_id: str) -> None:
        """Count a request. Raises RateLimited saying when the next one may come."""
        if not self._rate:
            return
        now = self._seconds()
        left, since = self._buckets.pop(key_id, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= _WHOLE
        self._buckets[key_id] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(details={"retry_after": math.ceil((1 - left) / self._rate)})
