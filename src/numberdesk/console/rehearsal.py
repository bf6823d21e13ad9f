"""What the demo's simulated carriers can be made to do wrong, and what is remembered of each time that they were.

Touches: nothing.

A rehearsal arms a mishap at the carriers for one number and buys that number as the demo's customer, by the endpoint
that everybody buys by. From then on nothing is done for it: the order is looked for as any other is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from numberdesk.api.endpoint import ApiResponse
from numberdesk.core.errors import NotFound
from numberdesk.views.verify import VerifyView


class Mishap(StrEnum):
    """What a simulated carrier does with an order."""

    HANG = "hang"
    LATE = "late"
    ANSWER_LOST = "answer_lost"
    ORDER_LOST = "order_lost"
    ERROR = "error"
    SOLD = "sold"


class MishapText(NamedTuple):
    """A mishap as people read it: what it is called, what the carrier does, and what is to be seen then."""

    title: str
    does: str
    follows: str


MISHAPS: Final = {
    Mishap.HANG: MishapText(
        "Hang",
        "Takes every request, does nothing and never answers, not to look-ups either.",
        "Nobody can know, so the order is parked for you. Let the carriers answer again, then look again: it is not "
        "there, which is proof after some seconds, and the order is sent once more. Or void it.",
    ),
    Mishap.LATE: MishapText(
        "Answer late",
        "Sells the number and answers after five seconds, when nobody listens any more.",
        "The customer is told that the order is pending. The carrier is asked, has the number for us, and the order is "
        "adopted and charged.",
    ),
    Mishap.ANSWER_LOST: MishapText(
        "Lose the answer",
        "Sells the number, and the connection breaks before it says so.",
        "The order is looked for within seconds, found under its id and adopted: charged once, bought once.",
    ),
    Mishap.ORDER_LOST: MishapText(
        "Lose the order",
        "Never receives it, and not the next one either; the connection breaks.",
        "The number is looked for until its absence is proof, the order is sent once more, lost again, looked for "
        "again and voided: nothing is charged.",
    ),
    Mishap.ERROR: MishapText(
        "Answer 500",
        "Sells the number and answers that something went wrong.",
        "An error is no proof of anything. The order is looked for, found and adopted.",
    ),
    Mishap.SOLD: MishapText(
        "Sell it elsewhere",
        "Sells the number to somebody else a moment before the order comes.",
        "A plain refusal: the order fails at once, what was held is free again, nothing is charged.",
    ),
}
"""All of them, in the order in which they are offered."""

_MOST: Final = 20
"""Rehearsals that are remembered."""


class CarrierSide(NamedTuple):
    """What the simulated carriers know of a number. `ours` is None where nobody has it, else whether we do."""

    received: int
    bought: int
    for_sale: bool
    ours: bool | None


class Money(NamedTuple):
    """What a wallet had: its balance, and what of it was held."""

    posted: Decimal
    held: Decimal


class Rehearsed(NamedTuple):
    """One rehearsal: its form's key, what went wrong, the order and number, and the customer's wallet before it."""

    form_key: str
    mishap: Mishap
    order_id: str
    e164: str
    at: int
    before: Money
    price: Decimal


class RungCall(NamedTuple):
    """A call to a number: where it went, and how long it is on the carrier's list of calls."""

    went: str
    seconds: int


class Stage(Protocol):
    """The simulated carriers of a demo, and the checks of its books."""

    @property
    def account_id(self) -> str:
        """The demo's customer."""

    @property
    def is_open(self) -> bool:
        """Whether the carriers run."""

    @property
    def hanging(self) -> bool:
        """Whether they were made to hang and do so still."""

    async def open(self) -> None:
        """Let them run, connected and priced. Raises CarrierUnavailable."""

    async def arm(self, mishap: Mishap, e164: str) -> None:
        """Let it strike the orders for a number."""

    async def calm(self) -> None:
        """Let everything answer as it should."""

    async def carrier_side(self, e164: str) -> CarrierSide:
        """What the carriers know of a number."""

    async def call(self, e164: str, seconds: int) -> RungCall:
        """Have a number called for so long: where that goes is what its carrier has set. Raises CarrierUnavailable."""

    async def check_books(self) -> VerifyView:
        """What `numberdesk verify` finds now."""


class Rehearsal:
    """The rehearsals of a demo. One is begun at a time."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.begins = asyncio.Lock()
        self._done: deque[Rehearsed] = deque(maxlen=_MOST)
        self._rung: dict[str, RungCall] = {}
        self._under_way: set[asyncio.Task[ApiResponse]] = set()

    def keep(self, purchase: asyncio.Task[ApiResponse]) -> asyncio.Task[ApiResponse]:
        """Hold on to a purchase that nobody waits for to its end; what it is refused with, its order tells."""
        self._under_way.add(purchase)
        purchase.add_done_callback(self._ended)
        return purchase

    def _ended(self, purchase: asyncio.Task[ApiResponse]) -> None:
        self._under_way.discard(purchase)
        if not purchase.cancelled():
            purchase.exception()

    def remember(self, rehearsed: Rehearsed) -> None:
        """Keep it, and forget the oldest of many."""
        self._done.appendleft(rehearsed)

    def ring(self, order_id: str, call: RungCall) -> None:
        """Keep what became of the latest call to the number of an order."""
        known = {each.order_id for each in self._done}
        self._rung = {one: rung for one, rung in self._rung.items() if one in known} | {order_id: call}

    def rung(self, order_id: str) -> RungCall | None:
        """What became of the latest call to the number of an order."""
        return self._rung.get(order_id)

    def latest(self) -> list[Rehearsed]:
        """The latest, newest first."""
        return list(self._done)

    def begun_by(self, form_key: str) -> Rehearsed | None:
        """The one that a form began already."""
        return next((each for each in self._done if form_key and each.form_key == form_key), None)

    def of_order(self, order_id: str) -> Rehearsed:
        """The one that placed an order. Raises NotFound."""
        found = next((each for each in self._done if each.order_id == order_id), None)
        if found is None:
            raise NotFound("There is no rehearsal of this order: they are remembered until the demo ends.")
        return found
