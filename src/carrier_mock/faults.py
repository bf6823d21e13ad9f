"""What can go wrong with a request: kinds of faults, magic numbers that bring them, and faults that are armed.

Touches: nothing.

A fault says whether the carrier does what it was asked, what it answers in place of the truth, and how the
answer reaches its client. Faults are armed for the next so many requests that fit; when none is armed, an
order for a magic number has that number's fault.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from carrier_mock.model import Api, End, Operation


class Fault(StrEnum):
    """Kinds of faults. "Done" is: the carrier did what it was asked, whatever its client hears."""

    SILENCE = "silence"  # done, and the answer never comes
    LOST = "lost"  # never received, and no answer comes
    RESET = "reset"  # done, and the connection is reset
    LOST_RESET = "lost_reset"  # never received, and the connection is reset
    ERROR = "error"  # done, and 500
    LOST_ERROR = "lost_error"  # not done, and 500
    TAKEN = "taken"  # not done: the number is not available
    INVALID = "invalid"  # not done: this is no number
    REFUSED = "refused"  # not done: a definite refusal for another reason
    UNAUTHORIZED = "unauthorized"  # not done: 401
    THROTTLED = "throttled"  # not done: 429 with Retry-After
    SLOW = "slow"  # done, and answered after a while
    OTHER_NUMBER = "other_number"  # done, and the answer names another number
    HTML = "html"  # done, and the answer is a web page with 200
    CUT_JSON = "cut_json"  # done, and the answer's JSON stops in the middle
    CUT_OFF = "cut_off"  # done, and the connection is closed in the middle of the answer
    DRIP = "drip"  # done, and the answer comes one byte at a time
    HUGE = "huge"  # done, and the answer has 100 MB
    BOMB = "bomb"  # done, and the answer is packed with gzip, 256 MB unpacked
    PENDING = "pending"  # Telnyx: the order stays pending; elsewhere done as usual
    PENDING_FAILED = "pending_failed"  # Telnyx: the order is pending, then fails; elsewhere done as usual
    OTHER_PRICE = "other_price"  # done, at ten times the price


class Delivery(StrEnum):
    """How an answer is sent."""

    WHOLE = "whole"
    NEVER = "never"
    RESET = "reset"
    CUT_OFF = "cut_off"
    DRIP = "drip"
    HUGE = "huge"
    BOMB = "bomb"


class Twist(NamedTuple):
    """How a request is done otherwise than usual. `end` is how an order at Telnyx will end."""

    price_times: int = 1
    end: End = End.SUCCESS


class Effect(NamedTuple):
    """What a fault does. `seconds` is its usual time: before the answer, between bytes, or until a retry."""

    happens: bool = True
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0
    twist: Twist = Twist()


EFFECTS: Final[Mapping[Fault, Effect]] = {
    Fault.SILENCE: Effect(delivery=Delivery.NEVER),
    Fault.LOST: Effect(happens=False, delivery=Delivery.NEVER),
    Fault.RESET: Effect(delivery=Delivery.RESET),
    Fault.LOST_RESET: Effect(happens=False, delivery=Delivery.RESET),
    Fault.ERROR: Effect(),
    Fault.LOST_ERROR: Effect(happens=False),
    Fault.TAKEN: Effect(happens=False),
    Fault.INVALID: Effect(happens=False),
    Fault.REFUSED: Effect(happens=False),
    Fault.UNAUTHORIZED: Effect(happens=False),
    Fault.THROTTLED: Effect(happens=False, seconds=5),
    Fault.SLOW: Effect(seconds=5),
    Fault.OTHER_NUMBER: Effect(),
    Fault.HTML: Effect(),
    Fault.CUT_JSON: Effect(),
    Fault.CUT_OFF: Effect(delivery=Delivery.CUT_OFF),
    Fault.DRIP: Effect(delivery=Delivery.DRIP, seconds=1),
    Fault.HUGE: Effect(delivery=Delivery.HUGE),
    Fault.BOMB: Effect(delivery=Delivery.BOMB),
    Fault.PENDING: Effect(twist=Twist(end=End.NEVER)),
    Fault.PENDING_FAILED: Effect(twist=Twist(end=End.FAILURE)),
    Fault.OTHER_PRICE: Effect(twist=Twist(price_times=10)),
}

NOT_RECEIVED: Final = frozenset({Fault.LOST, Fault.LOST_RESET, Fault.LOST_ERROR})
"""Faults in which the carrier knows of no request."""

SUCCEEDS: Final = "+15005550006"

MAGIC_NUMBERS: Final[Mapping[str, Fault | None]] = {
    "+15005550000": Fault.TAKEN,
    "+15005550001": Fault.INVALID,
    SUCCEEDS: None,
    "+15005550100": Fault.SILENCE,
    "+15005550101": Fault.LOST,
    "+15005550102": Fault.RESET,
    "+15005550103": Fault.LOST_RESET,
    "+15005550104": Fault.ERROR,
    "+15005550105": Fault.LOST_ERROR,
    "+15005550106": Fault.REFUSED,
    "+15005550107": Fault.SLOW,
    "+15005550108": Fault.THROTTLED,
    "+15005550109": Fault.OTHER_NUMBER,
    "+15005550110": Fault.HTML,
    "+15005550111": Fault.CUT_JSON,
    "+15005550112": Fault.CUT_OFF,
    "+15005550113": Fault.DRIP,
    "+15005550114": Fault.HUGE,
    "+15005550115": Fault.BOMB,
    "+15005550116": Fault.PENDING,
    "+15005550117": Fault.PENDING_FAILED,
    "+15005550118": Fault.OTHER_PRICE,
    "+15005550119": Fault.UNAUTHORIZED,
}
"""Numbers that do this when they are ordered. The first three are Twilio's (https://www.twilio.com/docs/iam/test-credentials)."""


class Armed(NamedTuple):
    """A fault that waits for requests: None fits all. `times` is how many it still strikes.

    `seconds` is None for the usual time of the fault.
    """

    fault: Fault
    api: Api | None = None
    operation: Operation | None = None
    e164: str | None = None
    times: int = 1
    seconds: float | None = None

    def fits(self, api: Api, operation: Operation, numbers: Collection[str]) -> bool:
        """Whether it strikes a request for these numbers."""
        return (
            self.api in (None, api)
            and self.operation in (None, operation)
            and (self.e164 is None or self.e164 in numbers)
        )

    @property
    def time(self) -> float:
        """Its seconds, or the usual ones."""
        return EFFECTS[self.fault].seconds if self.seconds is None else self.seconds


class Faults:
    """The faults that are armed, oldest first, and how often each kind has struck."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.struck: dict[Fault, int] = {}

    def arm(self, armed: Armed) -> None:
        """Let it strike the next requests that fit."""
        self.armed.append(armed)

    def clear(self) -> None:
        """Disarm everything."""
        self.armed.clear()

    def take(self, api: Api, operation: Operation, numbers: Collection[str]) -> Armed | None:
        """The fault of a request, used up by it; None for a request that is done as it should be."""
        for place, armed in enumerate(self.armed):
            if armed.fits(api, operation, numbers):
                if armed.times > 1:
                    self.armed[place] = armed._replace(times=armed.times - 1)
                else:
                    del self.armed[place]
                return self._strike(armed)
        if operation is Operation.ORDER:
            for e164 in numbers:
                fault = MAGIC_NUMBERS.get(e164)
                if fault is not None:
                    return self._strike(Armed(fault, e164=e164))
        return None

    def _strike(self, armed: Armed) -> Armed:
        self.struck[armed.fault] = self.struck.get(armed.fault, 0) + 1
        return armed
