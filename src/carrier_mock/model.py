"""What the simulated carriers deal in: places, numbers that are held, orders, attempts to order.

Touches: nothing.

Instants are microseconds, money is whole micros, numbers are E.164 with their plus.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final, NamedTuple

TOKEN_LENGTH: Final = 32
"""Hexadecimal digits of a token, from which the ids of one request are made."""


class Api(StrEnum):
    """Whose API a request speaks."""

    TWILIO = "twilio"
    TELNYX = "telnyx"


class Operation(StrEnum):
    """What a request is for; faults are armed by it."""

    SEARCH = "search"  # numbers for sale
    ORDER = "order"
    FIND = "find"  # a look-up by number, reference or id
    LIST = "list"  # everything on the account, page by page
    RELEASE = "release"
    CONNECT = "connect"  # where calls go: numbers, trunks, connections, applications
    PRICING = "pricing"
    CHECK = "check"  # account and balance
    CALLS = "calls"  # finished calls, page by page


class Kind(StrEnum):
    """Types of numbers."""

    LOCAL = "local"
    MOBILE = "mobile"
    NATIONAL = "national"
    TOLL_FREE = "toll_free"


class Account(NamedTuple):
    """An account at a carrier. `name` is an AccountSid, or a word made from an API key, never the key."""

    api: Api
    name: str


class Place(NamedTuple):
    """What many numbers have in common. `address` is what a buyer has to show: none, any, local or foreign.

    `hidden` numbers are found only by searches that name their digits; `simulated` ones are outside the
    ranges that are set aside for fiction, and say so.
    """

    country: str
    calling_code: str
    kind: Kind
    area_code: str
    region: str = ""
    locality: str = ""
    postal_code: str = ""
    latitude: float | None = None
    longitude: float | None = None
    capabilities: tuple[str, ...] = ("voice", "sms", "mms")
    address: str = "none"
    hidden: bool = False
    simulated: bool = False


class HoldingState(StrEnum):
    """How it is with a number that somebody ordered."""

    PENDING = "pending"
    ACTIVE = "active"
    RELEASED = "released"
    FAILED = "failed"  # its order was not completed
    PORTED = "ported"  # to another carrier
    TAKEN_AWAY = "taken_away"  # the carrier lost or withdrew it


class Holding(NamedTuple):
    """A number that is or was on an account. `number` counts holdings, and orders them in time.

    `reference` is what the buyer called it, "" without one; `order_id` is "" where it was not bought by
    an order of ours. `cost` is what it was charged at once.
    """

    number: int
    api: Api
    account: str
    e164: str
    number_id: str
    reference: str
    order_id: str
    at: int
    cost: int
    standing: HoldingState
    ended_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether the number is with this account, or about to be."""
        return self.standing in (HoldingState.PENDING, HoldingState.ACTIVE)


class End(StrEnum):
    """How an order ends that was taken and is not done."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEVER = "never"


class Line(NamedTuple):
    """A number of an order. `line_id` names this line only; the number on the account has another id."""

    e164: str
    line_id: str
    number_id: str


class Order(NamedTuple):
    """An order at Telnyx. `status` is pending, success, failure, or deleted once all its numbers were given back.

    `end` is what becomes of it while it is pending.
    """

    number: int
    order_id: str
    account: str
    reference: str
    lines: tuple[Line, ...]
    at: int
    updated_at: int
    status: str
    end: End
    papers_missing: bool = False


class Outcome(StrEnum):
    """What became of a request to order, at the carrier; its client may have heard something else."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"  # never received


class Attempt(NamedTuple):
    """A request to order. `said` is the carrier's code for a refusal, `fault` what was done to it."""

    api: Api
    account: str
    numbers: tuple[str, ...]
    reference: str
    at: int
    outcome: Outcome
    said: str
    fault: str


class MadeCall(NamedTuple):
    """A call to or from a number.

    `number` counts calls; `at` is when it began, `told_after` how long after its end its cost is told.
    """

    number: int
    api: Api
    account: str
    e164: str
    other: str
    direction: str
    at: int
    seconds: int
    cost: int
    told_after: int
    token: str

    @property
    def ended_at(self) -> int:
        """When it ends."""
        return self.at + self.seconds * 1_000_000


class Deal(NamedTuple):
    """What is known of one number: whether it can be bought, who has it, and how often it was ordered."""

    for_sale: bool
    holding: Holding | None
    ordered: int
    bought: int


def derived(token: str, name: str) -> str:
    """Another token, which follows from one: a request makes several ids of the one it was given."""
    return hashlib.sha256(f"{token} {name}".encode()).hexdigest()[:TOKEN_LENGTH]


def as_uuid(token: str) -> str:
    """A token in the form of a UUID, version 4."""
    variant = "89ab"[int(token[16], 16) % 4]
    return f"{token[:8]}-{token[8:12]}-4{token[13:16]}-{variant}{token[17:20]}-{token[20:32]}"


def as_digits(token: str) -> str:
    """A token as a number of 19 digits, which is what Telnyx calls the numbers on an account."""
    return str(10**18 + int(token, 16) % (9 * 10**18))
