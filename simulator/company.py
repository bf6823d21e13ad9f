"""A carrier as it is by itself: another company, with books of its own, that no crash of ours touches.

Touches: clock.

What it does with an order is drawn from the seed. Whatever it tells us, or does not, its own books
say what became of every order and whose every number is: they are what the invariants are held
against. Its lists lag: they show what was so a while ago.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from numberdesk.carriers.port import VISIBILITY_WINDOW, NotReleased, OwnedNumber, OwnedPage, Released
from numberdesk.core.fulfilment import Absent, Pending, Placed, Reason, Refused, Unknown
from simulator.plan import HOUR, MINUTE, Deed
from simulator.world import MICROSECONDS, World

ORDER_SECONDS: Final = 5
"""How long we wait for an answer to an order, by the option of the account."""

Answer = Placed | Pending | Refused | Unknown
"""What it answers to an order, when it does."""

_PAGE: Final = 2
_WINDOW: Final = VISIBILITY_WINDOW / MICROSECONDS
_MARGIN: Final = 2 * MINUTE
"""What a carrier that keeps its word leaves of the window."""

OURS: Final = "ours"
_SOMEBODYS: Final = "somebody's"

_QUICK: Final = (0.02, 0.6)
_SLOW: Final = (0.6, 0.9 * ORDER_SECONDS)
_TOO_LATE: Final = (ORDER_SECONDS + 0.1, 30.0)
_ANSWERS: Final[dict[Deed, tuple[float, float] | None]] = {
    Deed.BUYS: _QUICK,
    Deed.BUYS_SLOWLY: _SLOW,
    Deed.BUYS_TOO_LATE: _TOO_LATE,
    Deed.BUYS_SILENTLY: None,
    Deed.BUYS_AND_RESETS: _QUICK,
    Deed.BUYS_AND_FAILS: _QUICK,
    Deed.NAMES_ANOTHER: _QUICK,
    Deed.BUYS_ANOTHER: _QUICK,
}
"""How long the answer to an order that is done at once takes, in seconds; None: it never comes."""

_SAID: Final = {
    Deed.BUYS_AND_RESETS: "connection reset",
    Deed.BUYS_AND_FAILS: "HTTP 502",
    Deed.NAMES_ANOTHER: "it answers with another number",
    Deed.BUYS_ANOTHER: "it answers with another number",
}


@dataclass
class Held:
    """A number on our account. Instants are seconds of true time; `until` is None while it is there."""

    e164: str
    number_id: str
    reference: str
    since: float
    until: float | None = None


@dataclass
class Known:
    """An order as the carrier has it: what it was at which instant, and which number it came to."""

    reference: str
    e164: str
    states: list[tuple[float, str]]
    held: Held | None = None


@dataclass
class Market:
    """Who has which number, over all carriers: nobody when it is not there."""

    holders: dict[str, tuple[str, str]] = field(default_factory=dict)


class Company:
    """One carrier.

    `noted` tells how often an order was to be sent by our books, as far as they are on the disk, and `gone` is
    told when a number went back. `keeps_references`: it has our order id with what it sold us, and can be asked by it.
    """

    window = VISIBILITY_WINDOW

    def __init__(self, world: World, name: str, numbers: list[str], market: Market, *, keeps_references: bool) -> None:
        self.name = name
        self.keeps_references = keeps_references
        self.numbers = numbers
        self.noted: Callable[[str], int] = lambda _: 0
        self.gone: Callable[[Held], None] = lambda _: None
        self.bought: Counter[tuple[str, str]] = Counter()
        self.received: Counter[str] = Counter()
        self.orders: dict[str, Known] = {}
        self.undecided: set[str] = set()
        self.held: list[Held] = []
        self.down_until = 0.0
        self.under_way = 0
        self._world = world
        self._market = market
        self._serial = 0

    # What it tells when it is asked.

    @property
    def is_down(self) -> bool:
        """Whether nothing that is sent to it arrives."""
        return self._world.loop.time() < self.down_until

    def offered(self) -> list[str]:
        """The numbers that its catalogue lists: those that can be bought, and now and then one that is gone."""
        return [e164 for e164 in self.numbers if e164 not in self._market.holders or self._world.happens(0.1)]

    def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """By number, and by reference where it keeps them."""
        shown = [held for held in self.listed() if held.e164 == e164]
        if shown:
            last = shown[-1]
            return Placed(last.number_id, last.reference if self.keeps_references else None)
        order = self.orders.get(reference) if self.keeps_references else None
        state = None if order is None else self._shown_state(order)
        if order is None or state is None:
            return Absent()
        if order.e164 != e164 or (order.held is not None and order.held.e164 != e164):
            return Unknown("another number under our reference")
        if state == "pending":
            return Pending("pending")
        if state == "failed" or order.held is None:
            return Refused(Reason.OTHER, "the order failed")
        gone = order.held.until is not None
        return Absent() if gone else Placed(order.held.number_id, reference)

    def listed(self) -> list[Held]:
        """The numbers on our account as its lists show them."""
        then = self._world.loop.time() - self._world.plan.lag
        return [held for held in self.held if held.since <= then and (held.until is None or then < held.until)]

    def page(self, cursor: str | None) -> OwnedPage:
        """A page of what it lists."""
        after = "" if cursor is None else cursor
        listed = sorted((held for held in self.listed() if held.e164 > after), key=lambda held: held.e164)
        shown = [
            OwnedNumber(held.e164, held.number_id, held.reference if self.keeps_references else "")
            for held in listed[:_PAGE]
        ]
        return OwnedPage(tuple(shown), shown[-1].e164 if len(listed) > _PAGE else None)

    def _shown_state(self, order: Known) -> str | None:
        then = self._world.loop.time() - self._world.plan.reference_lag
        return next((state for instant, state in reversed(order.states) if instant <= then), None)

    # What it does.

    def take(self, deed: Deed, e164: str, reference: str) -> asyncio.Future[Answer]:
        """An order is on its way here. What is given may never be answered."""
        heard: asyncio.Future[Answer] = self._world.loop.create_future()
        if deed is not Deed.NEVER_RECEIVES:
            self._later(self._world.between(*_QUICK), lambda: self._receive(deed, e164, reference, heard))
        return heard

    def take_back(self, e164: str, number_id: str | None) -> Released | NotReleased:
        """End our having of a number; one that is not here is no matter."""
        for held in self.held:
            if held.until is None and held.e164 == e164 and number_id in (None, held.number_id):
                held.until = self._world.loop.time()
                self._market.holders.pop(e164, None)
                self._world.note(f"{self.name} takes {e164} back")
                self.gone(held)
        return Released()

    def sell_elsewhere(self, e164: str) -> None:
        """Somebody else buys a number, and gives it back some time."""
        if e164 not in self._market.holders:
            self._market.holders[e164] = self.name, _SOMEBODYS
            self._world.note(f"{self.name} sells {e164} elsewhere")
            back = self._world.between(MINUTE, 30 * HOUR)
            self._world.loop.at(self._world.loop.time() + back, lambda: self._market.holders.pop(e164))

    def decide(self, reference: str, *, buys: bool) -> None:
        """Decide an order that was taken and left undecided."""
        order = self.orders[reference]
        self.undecided.discard(reference)
        if order.states[-1][1] == "pending":
            held = self._buy(order.e164, reference) if buys else None
            order.held = held
            order.states.append((self._world.loop.time(), "failed" if held is None else "placed"))

    async def trade(self) -> None:
        """What goes on here without us: it fails for a while, and others buy."""
        world, plan = self._world, self._world.plan
        while True:
            await asyncio.sleep(world.between(0.05, 20))
            if world.calm:
                return
            if world.happens(plan.outage):
                world.fault("carrier down")
                self.down_until = world.loop.time() + world.between(0.5, 2 * HOUR)
                world.note(f"{self.name} is down until {self.down_until}")
            if world.happens(plan.rivals):
                self.sell_elsewhere(world.one_of(self.numbers))
            if world.happens(plan.slips):
                self._slip()

    def _slip(self) -> None:
        """It loses a number of ours, or puts one on our account that we never ordered."""
        ours = [held for held in self.held if held.until is None]
        free = [e164 for e164 in self.numbers if e164 not in self._market.holders]
        if ours and self._world.happens(0.5):
            held = self._world.one_of(ours)
            self._world.fault("carrier loses a number")
            held.until = self._world.loop.time()
            self._market.holders[held.e164] = self.name, _SOMEBODYS
        elif free:
            self._world.fault("carrier gives a number unasked")
            self._buy(self._world.one_of(free), "unasked")

    def calm(self) -> None:
        """It works again."""
        self.down_until = 0.0

    def has(self, e164: str) -> Held | None:
        """Our having of a number, in truth."""
        return next((held for held in self.held if held.e164 == e164 and held.until is None), None)

    # How it does it.

    def _receive(self, deed: Deed, e164: str, reference: str, heard: asyncio.Future[Answer]) -> None:
        if self.is_down:
            return
        if self.received[reference] and self._world.happens(0.2):
            self.sell_elsewhere(e164)
        self.received[reference] += 1
        self._world.note(f"{self.name} receives {reference} for {e164}: {deed}")
        if self.received[reference] > self.noted(reference):
            self._world.broken("I8", f"{self.name} was sent {reference} {self.received[reference]} times")
        if deed in (Deed.THROTTLES, Deed.REFUSES) or e164 in self._market.holders:
            self._refuse(deed, e164, reference, heard)
        elif deed in (Deed.BUYS_LATER, Deed.FAILS_LATER, Deed.NEVER_DECIDES):
            self._put_off(deed, e164, reference, heard)
        elif deed is Deed.BUYS_LATE:
            self._later(self._latest(), lambda: self._place(e164, e164, reference))
        else:
            self._answer_at_once(deed, e164, reference, heard)

    def _refuse(self, deed: Deed, e164: str, reference: str, heard: asyncio.Future[Answer]) -> None:
        world = self._world
        if deed is Deed.THROTTLES:
            self._answer(heard, Refused(Reason.THROTTLED, "HTTP 429", world.one_of((None, 1, 60))))
        elif deed is Deed.REFUSES and world.happens(0.5):
            self._answer(heard, Refused(Reason.OTHER, "HTTP 400"))
        else:
            if deed is Deed.REFUSES and e164 not in self._market.holders:
                self.sell_elsewhere(e164)
            if _ANSWERS.get(deed, _QUICK) is not None:
                self._answer(heard, Refused(Reason.TAKEN, f"not available under {reference}"))

    def _put_off(self, deed: Deed, e164: str, reference: str, heard: asyncio.Future[Answer]) -> None:
        """The order is taken and decided later, or never."""
        now = self._world.loop.time()
        self.orders[reference] = Known(reference, e164, [(now, "pending")])
        self._answer(heard, Pending("pending"))
        if deed is Deed.NEVER_DECIDES:
            self.undecided.add(reference)
            return
        later = self._world.between(2, 10 * HOUR if self.keeps_references else self._latest())
        self._later(later, lambda: self.decide(reference, buys=deed is Deed.BUYS_LATER))

    def _answer_at_once(self, deed: Deed, e164: str, reference: str, heard: asyncio.Future[Answer]) -> None:
        others = [number for number in self.numbers if number not in self._market.holders and number != e164]
        bought = self._world.one_of(others) if deed is Deed.BUYS_ANOTHER and others else e164
        held = self._place(e164, bought, reference)
        within = _ANSWERS[deed]
        if within is None or held is None:
            return
        word: Answer = Placed(held.number_id, reference if self.keeps_references else None)
        self._answer(heard, Unknown(_SAID[deed]) if deed in _SAID else word, within)

    def _place(self, e164: str, bought: str, reference: str) -> Held | None:
        """An order for a number is done, at once or late; it comes to that number, or by mistake to another."""
        held = self._buy(bought, reference)
        if held is not None:
            self.undecided.discard(reference)
            self.orders[reference] = Known(reference, e164, [(self._world.loop.time(), "placed")], held)
        return held

    def _buy(self, e164: str, reference: str) -> Held | None:
        """The number is ours from now on, unless somebody has it."""
        if e164 in self._market.holders:
            return None
        self._serial += 1
        number_id = f"PN{self._serial:04d}" if self.keeps_references else e164
        held = Held(e164, number_id, reference, self._world.loop.time())
        self.held.append(held)
        self._market.holders[e164] = self.name, OURS
        self.bought[reference, e164] += 1
        self._world.note(f"{self.name} sells us {e164} for {reference}")
        if self.bought[reference, e164] > 1 and reference != "unasked":
            self._world.broken("I8", f"{self.name} did {reference} {self.bought[reference, e164]} times")
        return held

    def _latest(self) -> float:
        """How long an order may lie here unseen: what the window leaves, unless this carrier breaks its word."""
        plan = self._world.plan
        if plan.breaks_window:
            return self._world.between(_WINDOW, 3 * _WINDOW)
        return self._world.between(1, _WINDOW - max(plan.lag, plan.reference_lag) - _MARGIN)

    def _answer(self, heard: asyncio.Future[Answer], word: Answer, within: tuple[float, float] = _QUICK) -> None:
        def tell() -> None:
            if not heard.done() and not self.is_down:
                heard.set_result(word)

        self._later(self._world.between(*within), tell)

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        """It goes on without us, and on time."""
        self.under_way += 1

        def step() -> None:
            self.under_way -= 1
            what()

        self._world.loop.at(self._world.loop.time() + seconds, step)
