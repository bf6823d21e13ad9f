"""What can be set while the simulated carriers run: whether they work, and how late things show.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from carrier_mock.model import Api
from numberdesk.core.periods import MICROSECONDS

LONGEST_SECONDS: Final = 365 * 86_400


class State(StrEnum):
    """Whether a carrier answers."""

    UP = "up"
    HANGING = "hanging"  # takes requests, does nothing, never answers
    DOWN = "down"  # refuses connections on its own port, resets them on a shared one


class Way(NamedTuple):
    """How one carrier is. `lag_seconds` is how long its lists and look-ups hide what was bought."""

    state: State = State.UP
    lag_seconds: float = 0.0
    answer_seconds: float = 0.0


class Settings(NamedTuple):
    """How both are. At Telnyx an order is done after `order_seconds`, for numbers that were searched for of late."""

    twilio: Way = Way()
    telnyx: Way = Way()
    order_seconds: float = 1.0
    searched_seconds: float = 900.0

    def way(self, api: Api) -> Way:
        """How this carrier is."""
        return self.twilio if api is Api.TWILIO else self.telnyx

    def lag(self, api: Api) -> int:
        """The lag of its lists, in microseconds."""
        return microseconds(self.way(api).lag_seconds)


def microseconds(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * MICROSECONDS)
