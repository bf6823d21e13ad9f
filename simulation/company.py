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
from typing import Final

from numberdesk.carriers.port import VISIBILITY_WINDOW, NotReleased, OwnedPage, Released
from numberdesk.core.carrier_order import Reason, Refused
from numberdesk.core.connection import Connected, NotConnected, Unsupported, WantedConnection
from simulation.plan import HOUR, MINUTE
from simulation.world import MICROSECONDS, World
from testbed.carrier_books import UNDECIDED, Answer, CarrierBooks, Does, Held, Market
from testbed.switchboard import Switchboard

ORDER_SECONDS: Final = 5
"""How long we wait for an answer to an order, by the option of the account."""

_WINDOW: Final = VISIBILITY_WINDOW / MICROSECONDS
_MARGIN: Final = 2 * MINUTE
"""What a carrier that keeps its word leaves of the window."""

_QUICK: Final = (0.02, 0.6)
_TAKES: Final = {
    Does.BUYS_SLOWLY: (0.6, 0.9 * ORDER_SECONDS),
    Does.BUYS_TOO_LATE: (ORDER_SECONDS + 0.1, 30.0),
}
"""How long an answer takes that is not quick, in seconds."""


class Company(CarrierBooks):
    """One carrier.

    `noted` tells how often an order was to be sent by our books, as far as they are on the disk, and `gone` is
    told when a number went back. `keeps_references`: it has our order id with what it sold us, and can be asked by it.
    """

    window = VISIBILITY_WINDOW
    page_size = 2

    def __init__(self, world: World, name: str, numbers: list[str], market: Market, *, keeps_references: bool) -> None:
        super().__init__(
            world.loop.time,
            lambda e164: f"PN{len(self.sold) + 1:04d}" if keeps_references else e164,
            market,
            keeps_references=keeps_references,
            lag=world.plan.lag,
            reference_lag=world.plan.reference_lag,
        )
        self.name = name
        self.numbers = numbers
        self.noted: Callable[[str], int] = lambda _: 0
        self.gone: Callable[[Held], None] = lambda _: None
        self.bought: Counter[tuple[str, str]] = Counter()
        self.received: Counter[str] = Counter()
        self.switchboard = Switchboard()
        self.down_until = 0.0
        self.under_way = 0
        self._world = world

    # What it tells when it is asked.

    @property
    def is_down(self) -> bool:
        """Whether nothing that is sent to it arrives."""
        return self._world.loop.time() < self.down_until

    def offered(self) -> list[str]:
        """The numbers that its catalogue lists: those that can be bought, and now and then one that is gone."""
        return [e164 for e164 in self.numbers if not self.market.is_sold(e164) or self._world.happens(0.1)]

    def page(self, cursor: str | None) -> OwnedPage:
        """A page of what it lists."""
        after = "" if cursor is None else cursor
        listed = sorted((held for held in self.listed() if held.e164 > after), key=lambda held: held.e164)
        shown = listed[: self.page_size]
        return OwnedPage(tuple(map(self.owned, shown)), shown[-1].e164 if len(listed) > self.page_size else None)

    def has(self, e164: str) -> Held | None:
        """Our having of a number, in truth."""
        return self.ours.get(e164)

    @property
    def undecided(self) -> set[str]:
        """The orders that it took and will never decide by itself."""
        return {name for name, order in self.orders.items() if order.is_pending and order.does is Does.NEVER_ENDS}

    # What it does.

    def take(self, does: Does, e164: str, reference: str) -> asyncio.Future[Answer]:
        """An order is on its way here. What is given may never be answered."""
        heard: asyncio.Future[Answer] = self._world.loop.create_future()
        if does is not Does.LOSES:
            self._later(self._world.between(*_QUICK), lambda: self._arrived(does, e164, reference, heard))
        return heard

    def give_back(self, e164: str, number_id: str | None) -> Released | NotReleased:
        """End our having of a number; one that is not here is no matter."""
        held = self.take_back(e164, number_id)
        if held is not None:
            self._world.note(f"{self.name} takes {e164} back")
            self.switchboard.set.pop(e164, None)
            self.gone(held)
        return Released()

    def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Set where calls to a number of ours go."""
        held = self.has(e164)
        if held is None or number_id not in (None, held.number_id):
            return NotConnected("no such number on the account")
        return self.switchboard.connect(e164, wanted)

    def sell_elsewhere(self, e164: str) -> None:
        """Somebody else buys a number, and gives it back some time."""
        if not self.market.is_sold(e164):
            self.market.elsewhere.add(e164)
            self._world.note(f"{self.name} sells {e164} elsewhere")
            back = self._world.between(MINUTE, 30 * HOUR)
            self._world.loop.at(self._world.loop.time() + back, lambda: self.market.elsewhere.discard(e164))

    def buy(self, e164: str, reference: str) -> Held | None:
        """The number is ours from now on, unless somebody has it. Nobody may buy twice for one order."""
        held = super().buy(e164, reference)
        if held is not None:
            self.bought[reference, e164] += 1
            self._world.note(f"{self.name} sells us {e164} for {reference}")
            if self.bought[reference, e164] > 1 and reference != "unasked":
                self._world.broken("I8", f"{self.name} did {reference} {self.bought[reference, e164]} times")
        return held

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
        free = self._free()
        if self.ours and self._world.happens(0.5):
            held = self.remove(self._world.one_of(list(self.ours.values())))
            self._world.fault("carrier loses a number")
            self.market.elsewhere.add(held.e164)
        elif free:
            self._world.fault("carrier gives a number unasked")
            self.buy(self._world.one_of(free), "unasked")

    def calm(self) -> None:
        """It works again."""
        self.down_until = 0.0

    # How it does it.

    def _free(self) -> list[str]:
        return [e164 for e164 in self.numbers if not self.market.is_sold(e164)]

    def _reason(self, e164: str) -> Does:
        """Why it refuses: for a reason of its own, or because it has just sold the number to somebody else."""
        if self._world.happens(0.5):
            return Does.FORBIDS
        self.sell_elsewhere(e164)
        return Does.REFUSES

    def _another(self, e164: str) -> str | None:
        """A number that it may take for the one that was ordered."""
        others = [number for number in self._free() if number != e164]
        return self._world.one_of(others) if others else None

    def _arrived(self, does: Does, e164: str, reference: str, heard: asyncio.Future[Answer]) -> None:
        world = self._world
        if self.is_down:
            return
        if self.received[reference] and world.happens(0.2):
            self.sell_elsewhere(e164)
        self.received[reference] += 1
        world.note(f"{self.name} receives {reference} for {e164}: {does}")
        if self.received[reference] > self.noted(reference):
            world.broken("I8", f"{self.name} was sent {reference} {self.received[reference]} times")
        if does is Does.REFUSES:
            does = self._reason(e164)
        is_sold = self.market.is_sold(e164)
        another = self._another(e164) if does is Does.BUYS_ANOTHER and not is_sold else None
        word = self.receive(does, e164, reference, another)
        if isinstance(word, Refused) and word.reason is Reason.THROTTLED:
            word = word._replace(retry_after=world.one_of((None, 1, 60)))
        if word is not None:
            self._answer(heard, word, _TAKES.get(does, _QUICK))
        if not is_sold:
            self._go_on(does, e164, reference)

    def _go_on(self, does: Does, e164: str, reference: str) -> None:
        """What is left to do of an order is done later, or never."""
        if does is Does.BUYS_LATE:
            self._later(self._latest(), lambda: self.place(e164, reference))
        elif does in UNDECIDED and does is not Does.NEVER_ENDS:
            later = self._world.between(2, 10 * HOUR if self.keeps_references else self._latest())
            self._later(later, lambda: self.decide(reference, buys=does is Does.BUYS_LATER))

    def _latest(self) -> float:
        """How long an order may lie here unseen: what the window leaves, unless this carrier breaks its word."""
        plan = self._world.plan
        if plan.breaks_window:
            return self._world.between(_WINDOW, 3 * _WINDOW)
        return self._world.between(1, _WINDOW - max(plan.lag, plan.reference_lag) - _MARGIN)

    def _answer(self, heard: asyncio.Future[Answer], word: Answer, within: tuple[float, float]) -> None:
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
