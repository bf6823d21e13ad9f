"""The part of the port that lists finished calls, which not every carrier does, and the values that pass it.

Touches: nothing.

What a carrier says of a call is given by the names of `core/call_record.FIELDS`, as it was written, and read by the
rules that hold for every source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable


class CallCost(NamedTuple):
    """What a call costs the operator, in micros of a currency."""

    currency: str
    amount: int


class CarrierCall(NamedTuple):
    """A finished call on our account; its cost is None as long as the carrier does not tell it."""

    values: Mapping[str, Any]
    cost: CallCost | None


class CallPage(NamedTuple):
    """A part of the calls of a day. `cursor` asks for the next one, after `rest` seconds; None at the end.

    `unread`: calls in it that cannot be read.
    """

    calls: tuple[CarrierCall, ...]
    cursor: str | None
    rest: float = 0.0
    unread: int = 0


@runtime_checkable
class ListsCalls(Protocol):
    """A carrier that lists finished calls."""

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the calls of a day of UTC that have ended, from a cursor of the page before. Raises CarrierError.

        Calls of the days beside it may be among them.
        """
        ...
