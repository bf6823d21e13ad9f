"""Carriers in memory: what an adapter would say, without HTTP, and every way in which an order can go wrong."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import (
    NO_PAPERS,
    AnotherNumber,
    Available,
    AvailablePage,
    CarrierError,
    Cost,
    Health,
    NotReleased,
    OwnedPage,
    Released,
    Trouble,
    Wanted,
)
from numberdesk.core.breaker import Breaker
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.connection import Connected, NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.findings import FindingKind
from numberdesk.core.number_settings import NOTHING, SettingsAnswer, SettingsKept, ShownSettings, WantedSettings
from numberdesk.core.periods import MICROSECONDS
from testbed.carrier_books import CarrierBooks, Does, Held, Known, Market
from testbed.samples import available
from testbed.switchboard import Switchboard

__all__ = ["SURE", "Does", "FakeCarrier", "FakeCarriers"]

_SERIALS = itertools.count(1)

SURE = (Does.BUYS, Does.REFUSES, Does.FORBIDS, Does.THROTTLES, Does.NOT_SENT)
"""What leaves no doubt."""

_NO_ANSWER: Final = Unknown("no answer")


class FakeCarrier:
    """One account at a carrier. `does` scripts orders by number, in order; what is not scripted is bought.

    `lag` is how long lists hide what was bought, `decides_after` how long an order that was taken is
    undecided, both in microseconds of `now`. A number is sold once, whoever asks for it.
    """

    def __init__(
        self,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        window: int = 900 * MICROSECONDS,
        keeps_references: bool = True,
        lag: int = 0,
    ) -> None:
        self.window = window
        self.now = now
        self.books = CarrierBooks(
            lambda: self.now(),  # noqa: PLW0108  a test may set another clock
            lambda _: f"PN{next(_SERIALS):032x}",
            Market(),
            keeps_references=keeps_references,
            failed=Refused(Reason.TAKEN, "failed"),
        )
        self.lag = lag
        self.for_sale: dict[str, Available] = {}
        self.gone: dict[str, FindingKind] = {}
        self.orders: list[tuple[str, str]] = []
        self.countries: list[str] = []
        self.papers: list[dict[str, str]] = []
        self.set_ups: list[tuple[str, WantedSettings]] = []
        self.settings_of: dict[str, WantedSettings] = {}
        self.settles: deque[SettingsAnswer] = deque()
        self.decides_after: int | None = None
        self._late: dict[str, tuple[str, int]] = {}
        self.released: Counter[str] = Counter()
        self.does: defaultdict[str, deque[Does]] = defaultdict(deque)
        self.order_seconds = 0.0
        self.search_seconds = 0.0
        self.find_seconds = 0.0
        self.release_seconds = 0.0
        self.asked = 0
        self.searches: list[Wanted] = []
        self.search_fails: Exception | None = None
        self.missed: CarrierError | None = None
        self.more = False
        self.down = False
        self.page_size = 100
        self.pages = 0
        self.looked_up: list[str] = []
        self.cut_list_at: int | None = None
        self.list_loops = False
        self.releases_fail = 0
        self.releases_unheard = 0
        self.switchboard = Switchboard()
        self.connect_seconds = 0.0
        self.connects_fail = 0
        self.connects_unheard = 0
        self.connects_lie = 0
        self.connects_raise: Exception | None = None
        self._listed: list[Held] | None = None

    @property
    def lag(self) -> float:
        """How long lists and orders hide what is new."""
        return self.books.lag

    @lag.setter
    def lag(self, lag: float) -> None:
        self.books.lag = self.books.reference_lag = lag

    @property
    def keeps_references(self) -> bool:
        """Whether it has our order id with what it sold us."""
        return self.books.keeps_references

    @keeps_references.setter
    def keeps_references(self, keeps: bool) -> None:
        self.books.keeps_references = keeps

    @property
    def ours(self) -> dict[str, Held]:
        """The numbers on our account."""
        return self.books.ours

    @ours.setter
    def ours(self, ours: dict[str, Held]) -> None:
        self.books.ours = ours

    @property
    def executed(self) -> list[tuple[str, str]]:
        """The numbers that it sold us, in order, with the references that they were bought under."""
        return [(held.e164, held.reference) for held in self.books.sold]

    @property
    def pending(self) -> dict[str, Known]:
        """The orders that it knows by their references."""
        return self.books.orders

    def offer(
        self,
        e164: str,
        *,
        monthly: int | None = 1_000_000,
        currency: str = "USD",
        setup: int | None = 0,
        **changes: Any,
    ) -> str:
        """Have a number for sale."""
        cost = None if monthly is None else Cost(currency, monthly, 5_000, 50_000, setup)
        self.for_sale[e164] = available(e164, cost, **changes)
        return e164

    def script(self, e164: str, *what: Does) -> None:
        """What happens to the next orders of a number."""
        self.does[e164].extend(what)

    async def search(self, wanted: Wanted) -> AvailablePage:
        """All numbers for sale, whatever is wanted."""
        self.searches.append(wanted)
        await asyncio.sleep(self.search_seconds)
        if self.search_fails is not None:
            raise self.search_fails
        if self.down:
            raise CarrierError(Trouble.UNREACHABLE, "down")
        sold = {held.e164 for held in self.books.sold}
        left = [one for e164, one in self.for_sale.items() if e164 not in sold]
        return AvailablePage(tuple(left[: wanted.limit]), self.missed, self.more)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS
    ) -> Placed | Pending | Refused | NotSent | Unknown:
        """By script. A number that is taken, or on our account already, is refused."""
        self.countries.append(iso_country)
        self.papers.append(dict(papers))
        await asyncio.sleep(self.order_seconds)
        what = self.does[e164].popleft() if self.does[e164] else Does.BUYS
        if what is Does.NOT_SENT:
            return NotSent("connection refused")
        self.orders.append((e164, reference))
        if what is Does.BUYS_LATE:
            self._late[reference] = e164, self.now()
        another = f"{e164[:-1]}{(int(e164[-1]) + 5) % 10}" if what is Does.BUYS_ANOTHER else None
        word = self.books.receive(what, e164, reference, another)
        if another is not None:
            self.books.orders.pop(reference, None)  # what it bought by mistake it does not know by our reference
        self._listed = None
        if what is Does.RAISES and isinstance(word, Placed):
            raise LookupError(e164)
        return _NO_ANSWER if word is None else word

    def buy(self, e164: str, reference: str) -> Placed:
        """The number is on our account."""
        held = self.books.place(e164, reference)
        assert held is not None, f"{e164} was bought twice"
        self._listed = None
        return self.books.placed(held)

    def own(self, e164s: Iterable[str], reference: str = "") -> None:
        """Numbers that are on our account since long ago."""
        self.ours |= {e164: Held(e164, f"PN{next(_SERIALS):032x}", reference, 0) for e164 in e164s}
        self._listed = None

    def lose(self, e164: str, gone: FindingKind | None = None) -> None:
        """A number is no longer ours; `gone` when lists go on to say so."""
        if gone is None:
            self.books.remove(self.ours[e164])
        else:
            self.gone[e164] = gone
        self._listed = None

    def settle_pending(self) -> None:
        """Decide what was taken and not decided, and buy what is bought late."""
        for reference, order in list(self.books.orders.items()):
            if order.is_pending and order.does is not Does.NEVER_ENDS:
                self.books.decide(reference, buys=order.does is Does.BUYS_LATER)
        self._listed = None
        late, self._late = self._late, {}
        for reference, (e164, _) in late.items():
            if e164 not in self.ours:
                self.buy(e164, reference)

    def _decide(self) -> None:
        begun = [since for _, since in self._late.values()]
        begun += [int(order.states[0][0]) for order in self.books.orders.values() if order.is_pending]
        if self.decides_after is not None and begun and self.now() >= min(begun) + self.decides_after:
            self.settle_pending()

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """By number and by reference."""
        self.asked += 1
        self.looked_up.append(e164)
        await asyncio.sleep(self.find_seconds)
        if self.down:
            return Unknown("down")
        self._decide()
        return Absent() if e164 in self.gone else self.books.find(e164, reference)

    async def owned(self, cursor: str | None) -> OwnedPage:
        """By number, so many at a time."""
        self.pages += 1
        if self.down:
            raise CarrierError(Trouble.UNREACHABLE, "down")
        listed = self._list()
        start = int(cursor or 0)
        part = listed[start : start + self.page_size]
        numbers = tuple(self.books.owned(held)._replace(gone=self.gone.get(held.e164)) for held in part)
        following = 0 if self.list_loops else start + self.page_size
        return OwnedPage(numbers, str(following) if following < len(listed) else None)

    def _list(self) -> list[Held]:
        """In order; made once for as long as nothing changes, as a carrier has an index."""
        if self._listed is None or self.lag:
            self._listed = sorted(self.books.listed(), key=lambda held: held.e164)
        return self._listed[: self.cut_list_at]

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Take a number back."""
        self.asked += 1
        await asyncio.sleep(self.release_seconds)
        if self.down or self.releases_fail:
            self.releases_fail -= self.releases_fail > 0
            return NotReleased("no answer")
        if self.keeps_references and (other := self.books.named(number_id)) not in (None, e164):
            return AnotherNumber(other)
        self.books.take_back(e164, number_id)
        self.switchboard.set.pop(e164, None)
        self._listed = None
        self.released[e164] += 1
        if self.releases_unheard:
            self.releases_unheard -= 1
            return NotReleased("no answer")
        return Released()

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Set where calls go.

        So many fail (`connects_fail`), are done and not answered (`connects_unheard`), or answered and not done
        (`connects_lie`); an answer takes `connect_seconds`, after it is done.
        """
        self.asked += 1
        if self.connects_raise is not None:
            raise self.connects_raise
        if self.down or self.connects_fail:
            self.connects_fail -= self.connects_fail > 0
            return NotConnected("no answer")
        held = self.ours.get(e164)
        if held is None or (self.keeps_references and number_id not in (None, held.number_id)):
            return NotConnected("no such number on the account")
        lies = self.connects_lie > 0
        self.connects_lie -= lies
        word = Connected() if lies else self.switchboard.connect(e164, wanted)
        await asyncio.sleep(self.connect_seconds)
        if self.connects_unheard:
            self.connects_unheard -= 1
            return NotConnected("no answer")
        return word

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  the port's signature
        """What is set, really; `switchboard.drift` sets something else."""
        self.asked += 1
        if self.down:
            raise CarrierError(Trouble.UNREACHABLE, "down")
        if e164 not in self.ours:
            raise CarrierError(Trouble.REFUSED, "no such number on the account")
        return self.switchboard.shown(e164, wanted)

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for it."""
        self.asked += 1
        return NotConnected("no answer") if self.down else self.switchboard.forget(connection_id)

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:  # noqa: ARG002  the port
        """By what `settles` says, else at once."""
        self.set_ups.append((e164, wanted))
        answer = self.settles.popleft() if self.settles else SettingsKept()
        if isinstance(answer, SettingsKept):
            self.settings_of[e164] = wanted
        return answer

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:  # noqa: ARG002  the port
        """What was set last."""
        return ShownSettings("settings", self.settings_of.get(e164, NOTHING) == wanted)

    async def check(self) -> Health:
        """All is well."""
        return Health(ok=not self.down, message="down" if self.down else "ready", facts={})


class FakeCarriers:
    """The connected carriers, by name. `disabled` ones are not searched; `seconds` is a clock that goes forward."""

    def __init__(
        self, carriers: dict[str, FakeCarrier] | None = None, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.carriers = carriers or {}
        self.disabled: set[str] = set()
        self.breakers: dict[str, Breaker] = {}
        self.search_breakers: dict[str, Breaker] = {}
        self._seconds = seconds
        self._lines: dict[str, CarrierClient] = {}

    async def client(self, name: str) -> CarrierClient | None:
        """The line to a carrier."""
        if name not in self.carriers:
            return None
        if name not in self._lines:
            self._lines[name] = CarrierClient(
                name,
                self.carriers[name],
                seconds=self._seconds,
                breaker=self.breakers.setdefault(name, Breaker()),
                search_breaker=self.search_breakers.setdefault(name, Breaker()),
            )
        self._lines[name].in_use = name not in self.disabled
        return self._lines[name]

    def paused(self) -> dict[tuple[str, ...], float]:
        """For how long orders wait."""
        return {(name, "orders"): one.seconds_left(self._seconds()) for name, one in self.breakers.items()}

    async def clients(self, *, active_only: bool) -> list[CarrierClient]:
        """The lines to all."""
        names: Iterable[str] = sorted(self.carriers)
        found = [await self.client(name) for name in names if name not in self.disabled or not active_only]
        return [line for line in found if line is not None]

    def forget(self) -> None:
        """Nothing is remembered."""

    async def close(self) -> None:
        """Lines belong to an event loop: the next one makes its own."""
        self._lines.clear()
