"""The time that two clocks agree on: what cannot be undone waits for it, however the time of day is set.

Touches: nothing.

The time of day can be set, a clock that only goes forward cannot, but tells nothing by itself. Together they do: since
the time that was agreed on last, as much time of day must have passed as has elapsed. Where more has, somebody set the
clock, and agreed time goes on by the other clock alone, until the time of day has disagreed for a day: then it is
believed. A process that begins knows nothing of what elapsed before: a short while is taken for a restart, more is a
disagreement as well. Instants and spans are microseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS

TOLERANCE: Final = 5 * MICROSECONDS
"""How far the time of day may be from what has elapsed, in one process."""

RESTART: Final = 300 * MICROSECONDS
"""How long a restart may take: less than any number rests."""

BELIEVED_AFTER: Final = 86_400 * MICROSECONDS
"""How long the time of day must have disagreed until it is believed."""


class AgreedTime(NamedTuple):
    """How far time has come by both clocks; `disputed_for` is how long the time of day has disagreed by now."""

    agreed_at: int
    disputed_for: int = 0


def agree(known: AgreedTime, now: int, expected: int | None) -> AgreedTime:
    """What is agreed on when the time of day is `now`.

    `known` is what all processes agreed on last. `expected` is what this process noted last and what has elapsed
    since by its clock that only goes forward; None when it has not noted anything yet.
    """
    by_elapsed = known.agreed_at if expected is None else max(known.agreed_at, expected)
    if abs(now - by_elapsed) <= (RESTART if expected is None else TOLERANCE):
        return AgreedTime(max(known.agreed_at, now))
    disputed_for = known.disputed_for + by_elapsed - known.agreed_at
    return AgreedTime(now) if disputed_for >= BELIEVED_AFTER else AgreedTime(by_elapsed, disputed_for)


def surely_past(agreed: AgreedTime, now: int) -> int:
    """The instant that has passed by both clocks, whichever is right."""
    return min(agreed.agreed_at, now)
