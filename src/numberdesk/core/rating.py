"""What a call costs: increments, one multiplication, one division, one rounding.

Touches: nothing.

Rates are micros per minute. A call of more than 0 seconds is billed for its minimum, and beyond that in whole steps;
what it costs is rounded to a micro once, up unless its price rule said otherwise. A call of 0 seconds costs nothing,
and no connect fee either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

_MINUTE: Final = 60
INCREMENTS: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)
"""What increments look like: minimum and step in seconds, like 30/6."""


class RatingError(ValueError):
    """What was sent are no increments; the text says why, in words for the sender."""


class Increments(NamedTuple):
    """How seconds are billed: at least `minimum`, and what is beyond it in whole steps."""

    minimum: int
    step: int

    def __str__(self) -> str:
        return f"{self.minimum}/{self.step}"


BY_THE_MINUTE: Final = Increments(60, 60)
"""What holds where nobody said otherwise."""


class Rounding(StrEnum):
    """Which way a charge is rounded to a micro; the first is meant where nobody said it."""

    UP = "up"
    HALF_UP = "half_up"
    DOWN = "down"

    @property
    def rank(self) -> int:
        """What compares roundings, the better ones for a customer first."""
        return _ADDED[self]


_ADDED: Final = {Rounding.UP: _MINUTE - 1, Rounding.HALF_UP: _MINUTE // 2, Rounding.DOWN: 0}
"""What a sum in sixtieths of a micro gets, before it is cut to whole ones."""


class CallRate(NamedTuple):
    """What calls in one direction cost: micros per minute, micros once per answered call, increments and rounding."""

    per_minute: int
    connect: int = 0
    increments: Increments = BY_THE_MINUTE
    rounding: Rounding = Rounding.UP


def parse_increments(text: str) -> Increments:
    """Increments as people write them. Raises RatingError."""
    written = INCREMENTS.fullmatch(text)
    if written is None:
        raise RatingError("must be a minimum and a step in seconds, like 60/60 or 30/6")
    return Increments(int(written[1]), int(written[2]))


def parse_rounding(text: str) -> Rounding:
    """A rounding as people write it. Raises RatingError."""
    try:
        return Rounding(text)
    except ValueError:
        raise RatingError(f"must be one of {', '.join(Rounding)}") from None


def kept_rounding(rounding: Rounding) -> str | None:
    """A rounding as it is kept beside a charge: None for up, which nearly all are."""
    return None if rounding is Rounding.UP else rounding.value


def rounding_of(kept: str | None) -> Rounding:
    """The rounding that `kept_rounding` made this of."""
    return Rounding.UP if kept is None else Rounding(kept)


def billed_seconds(seconds: int, increments: Increments) -> int:
    """The seconds that a call of so many is billed for."""
    if seconds <= 0:
        return 0
    beyond = max(0, seconds - increments.minimum)
    return increments.minimum + -(-beyond // increments.step) * increments.step


def charge_of(seconds: int, rate: CallRate) -> int:
    """What a call of so many seconds costs, in micros."""
    return charge_for(billed_seconds(seconds, rate.increments), rate)


def charge_for(billed: int, rate: CallRate) -> int:
    """What so many billed seconds cost, in micros."""
    return rate.connect + (billed * rate.per_minute + _ADDED[rate.rounding]) // _MINUTE if billed else 0


def longest_affordable(available: int, rate: CallRate, wanted: int) -> int:
    """The most seconds, up to `wanted`, whose charge `available` micros cover; 0 where they cover none."""
    return longest_of_legs(available, (rate,), wanted)


def longest_of_legs(available: int, rates: Sequence[CallRate], wanted: int) -> int:
    """The same for a call of several legs, each of which is charged."""
    least, most = 0, wanted
    while least < most:
        middle = (least + most + 1) // 2
        if sum(charge_of(middle, rate) for rate in rates) <= available:
            least = middle
        else:
            most = middle - 1
    return least


def deck_rate(deck: Mapping[str, CallRate], e164: str) -> CallRate | None:
    """The rate of the longest prefix that a number begins with, prefixes without the plus sign; None for no match."""
    digits = e164.removeprefix("+")
    for length in range(len(digits), 0, -1):
        rate = deck.get(digits[:length])
        if rate is not None:
            return rate
    return None
