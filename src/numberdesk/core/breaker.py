"""A circuit breaker: who fails again and again is left alone for a while, then tried with one request.

Touches: nothing.

Written here because it is asked with a time: libraries for it look at a clock of their own, which
nobody could simulate. Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
"""Failures one after the other that open it."""

REST_SECONDS: Final = 10.0
"""How long it stays open the first time."""

LONGEST_REST_SECONDS: Final = 120.0


@dataclass(slots=True)
class Breaker:
    """Closed until it has failed so often; then open; after each rest one request may try.

    `failing_from` is when the first of its failures in a row was; None without one.
    """

    failures: int = 0
    open_until: float | None = None
    rest: float = REST_SECONDS
    trying: bool = False
    failing_from: float | None = None

    def may_ask(self, now: float) -> bool:
        """Whether a request may be made now; the first one after a rest is the one that tries."""
        if self.open_until is None:
            return True
        if now < self.open_until or self.trying:
            return False
        self.trying = True
        return True

    def seconds_left(self, now: float) -> float:
        """How long it stays open yet."""
        return 0.0 if self.open_until is None else max(0.0, self.open_until - now)

    def seconds_failing(self, now: float) -> float | None:
        """How long ago the first of its failures in a row was; None without one."""
        return None if self.failing_from is None else now - self.failing_from

    def succeeded(self) -> None:
        """A request was answered."""
        self.failures, self.open_until, self.rest, self.trying = 0, None, REST_SECONDS, False
        self.failing_from = None

    def failed(self, now: float, retry_after: float = 0.0) -> bool:
        """A request was not. `retry_after` is how long the other side wants to be left alone.

        Return whether it opens for its failures, which it does once until a request is answered.
        """
        self.failures += 1
        self.failing_from = now if self.failing_from is None else self.failing_from
        if self.trying:
            self.rest = min(self.rest * 2, LONGEST_REST_SECONDS)
        self.trying = False
        if self.failures >= FAILURES or retry_after > 0:
            self.open_until = now + max(self.rest, min(retry_after, LONGEST_REST_SECONDS))
        return self.failures == FAILURES

    def given_up(self) -> None:
        """A request ended without telling anything, for instance because nobody waited for it any more."""
        self.trying = False
