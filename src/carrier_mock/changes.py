"""Everything that can change about the simulated carriers' books, as values that a file can keep.

Touches: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from carrier_mock.inventory import Found
from carrier_mock.model import Attempt, Holding, HoldingState, MadeCall, Order
from carrier_mock.voice import Thing


@dataclass(frozen=True, slots=True)
class Stocked:
    """Numbers were added to what is for sale."""

    numbers: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A number is for sale no more."""

    e164: str


@dataclass(frozen=True, slots=True)
class Held:
    """A number came to an account."""

    holding: Holding


@dataclass(frozen=True, slots=True)
class Turned:
    """A number's standing with its account changed. `for_sale`: it can be bought again."""

    number_id: str
    standing: HoldingState
    at: int
    for_sale: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order was taken."""

    order: Order


@dataclass(frozen=True, slots=True)
class Settled:
    """An order's status changed: success, failure or deleted."""

    order_id: str
    status: str
    at: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """A request to order came, or would have come."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Wired:
    """Where calls to a number go was changed; what is left out stays."""

    number_id: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Put:
    """An object of an account was made or changed."""

    thing: Thing


@dataclass(frozen=True, slots=True)
class Dropped:
    """An object of an account was removed, with what belonged to it."""

    thing_id: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call was made."""

    call: MadeCall


Change: TypeAlias = Stocked | Withdrawn | Held | Turned | Ordered | Settled | Attempted | Wired | Put | Dropped | Called

_KINDS: Final[dict[str, type]] = {
    kind.__name__.lower(): kind
    for kind in (Stocked, Withdrawn, Held, Turned, Ordered, Settled, Attempted, Wired, Put, Dropped, Called)
}


class UnreadableChangeError(ValueError):
    """A line is no change, or not all of it."""


def to_line(change: Change) -> bytes:
    """A change as a line of JSON, with its end."""
    return msgspec.json.encode([type(change).__name__.lower(), change]) + b"\n"


def from_line(line: bytes) -> Change:
    """The change of a line. Raises UnreadableChangeError."""
    try:
        name, content = msgspec.json.decode(line, type=tuple[str, msgspec.Raw])
        change: Change = msgspec.json.decode(content, type=_KINDS[name])
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError) as error:
        raise UnreadableChangeError(str(error)) from None
    return change
