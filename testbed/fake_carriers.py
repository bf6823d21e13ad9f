"""Carriers in memory: what an adapter would say, without HTTP, and every way in which an order can go wrong."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import (
    Available,
    AvailablePage,
    CarrierError,
    Cost,
    Health,
    NotReleased,
    OwnedNumber,
    OwnedPage,
    Released,
    Trouble,
    Wanted,
)
from numberdesk.core.breaker import Breaker
from numberdesk.core.findings import FindingKind
from numberdesk.core.fulfilment import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.periods import MICROSECONDS

_SERIALS = itertools.count(1)


class Does(StrEnum):
    """What a carrier does with one order."""

    BUYS = "buys and answers"
    REFUSES = "refuses"
    FORBIDS = "refuses for a reason of its own"
    THROTTLES = "has too many requests"
    UNPAID = "refuses because of our account there"
    NOT_SENT = "cannot be reached"
    BUYS_SILENTLY = "buys and does not answer"
    RESETS = "buys and resets the connection"
    BREAKS = "buys and answers 500"
    RAISES = "buys, and its adapter has a defect"
    BUYS_ANOTHER = "buys and answers with another number"
    LOSES = "never receives it"
    BUYS_LATER = "takes it and buys later"
    FAILS_LATER = "takes it and refuses later"
    NEVER_ENDS = "takes it and never decides"
    BUYS_LATE = "does not answer, and buys later still"


SURE = (Does.BUYS, Does.REFUSES, Does.FORBIDS, Does.THROTTLES, Does.NOT_SENT)
"""What leaves no doubt."""

_SAID: Final = {Does.BUYS_SILENTLY: "no answer", Does.RESETS: "connection reset", Does.BREAKS: "HTTP 500"}
_REFUSALS: Final = {
    Does.REFUSES: Refused(Reason.TAKEN, "not available"),
    Does.FORBIDS: Refused(Reason.OTHER, "an address is needed"),
    Does.THROTTLES: Refused(Reason.THROTTLED, "HTTP 429", 7),
    Does.UNPAID: Refused(Reason.ACCOUNT, "HTTP 402: trial accounts have one number (21404)"),
}
_UNDECIDED: Final = (Does.BUYS_LATER, Does.FAILS_LATER, Does.NEVER_ENDS, Does.BUYS_LATE)


class Mine(NamedTuple):
    """A number on our account: the carrier's id for it, the reference it was bought under, and since when."""

    number_id: str
    reference: str
    since: int


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
        self.lag = lag
        self.keeps_references = keeps_references
        self.for_sale: dict[str, Available] = {}
        self.ours: dict[str, Mine] = {}
        self.gone: dict[str, FindingKind] = {}
        self.taken: set[str] = set()
        self.orders: list[tuple[str, str]] = []
        self.executed: list[tuple[str, str]] = []
        self.pending: dict[str, tuple[str, Does, int]] = {}
        self.decides_after: int | None = None
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
        self._listed: list[str] | None = None

    def offer(
        self,
        e164: str,
        *,
        monthly: int | None = 1_000_000,
        currency: str = "USD",
        setup: int | None = None,
        number_type: str = "local",
        region: str = "TX",
        locality: str = "Corpus Christi",
        capabilities: tuple[str, ...] = ("voice", "sms"),
    ) -> str:
        """Have a number for sale."""
        cost = None if monthly is None else Cost(currency, monthly, 5_000, 50_000, setup)
        self.for_sale[e164] = Available(e164, number_type, region, locality, capabilities, cost)
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
        return AvailablePage(tuple(self.for_sale.values())[: wanted.limit], self.missed, self.more)

    async def order(self, e164: str, reference: str) -> Placed | Pending | Refused | NotSent | Unknown:
        """By script. A number that is taken, or on our account already, is refused."""
        await asyncio.sleep(self.order_seconds)
        what = self.does[e164].popleft() if self.does[e164] else Does.BUYS
        if what is Does.NOT_SENT:
            return NotSent("connection refused")
        self.orders.append((e164, reference))
        if what in _REFUSALS:
            return _REFUSALS[what]
        if what is Does.LOSES:
            return Unknown("no answer")
        if what in _UNDECIDED:
            self.pending[reference] = e164, what, self.now()
            return Unknown("no answer") if what is Does.BUYS_LATE else Pending("pending")
        return self._sell(what, e164, reference)

    def _sell(self, what: Does, e164: str, reference: str) -> Placed | Refused | Unknown:
        if what is Does.BUYS_ANOTHER:
            self.buy(f"{e164[:-1]}{(int(e164[-1]) + 5) % 10}", reference)
            return Unknown("another number in the answer")
        if e164 in self.taken or e164 in self.ours:
            return _REFUSALS[Does.REFUSES]
        placed = self.buy(e164, reference)
        if what is Does.RAISES:
            raise LookupError(e164)
        return Unknown(_SAID[what]) if what in _SAID else placed

    def buy(self, e164: str, reference: str) -> Placed:
        """The number is on our account."""
        assert e164 not in self.ours, f"{e164} was bought twice"
        number_id = f"PN{next(_SERIALS):032x}"
        self.ours[e164] = Mine(number_id, reference, self.now())
        self.executed.append((e164, reference))
        self.for_sale.pop(e164, None)
        self._listed = None
        return Placed(number_id, reference if self.keeps_references else None)

    def own(self, e164s: Iterable[str], reference: str = "") -> None:
        """Numbers that are on our account since long ago."""
        self.ours |= {e164: Mine(f"PN{next(_SERIALS):032x}", reference, 0) for e164 in e164s}
        self._listed = None

    def lose(self, e164: str, gone: FindingKind | None = None) -> None:
        """A number is no longer ours; `gone` when lists go on to say so."""
        if gone is None:
            del self.ours[e164]
        else:
            self.gone[e164] = gone
        self._listed = None

    def settle_pending(self) -> None:
        """Decide what was taken and not decided."""
        for reference, (e164, what, _) in list(self.pending.items()):
            if what in (Does.BUYS_LATER, Does.BUYS_LATE):
                del self.pending[reference]
                if e164 not in self.ours:
                    self.buy(e164, reference)
            elif what is Does.FAILS_LATER:
                self.pending[reference] = e164, what, 0

    def _decide(self) -> None:
        begun = [since for _, _, since in self.pending.values() if since]
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
        mine = self.ours.get(e164)
        if mine is not None and self._shows(mine) and e164 not in self.gone:
            return Placed(mine.number_id, mine.reference if self.keeps_references else None)
        waiting = self.pending.get(reference)
        if waiting is None or waiting[1] is Does.BUYS_LATE:
            return Absent()
        return Refused(Reason.TAKEN, "failed") if waiting[2] == 0 else Pending("pending")

    def _shows(self, mine: Mine) -> bool:
        return not self.lag or self.now() >= mine.since + self.lag

    async def owned(self, cursor: str | None) -> OwnedPage:
        """By number, so many at a time."""
        self.pages += 1
        if self.down:
            raise CarrierError(Trouble.UNREACHABLE, "down")
        listed = self._list()
        start = int(cursor or 0)
        part = listed[start : start + self.page_size]
        numbers = tuple(
            OwnedNumber(e164, self.ours[e164].number_id, self.ours[e164].reference, self.gone.get(e164))
            for e164 in part
        )
        following = 0 if self.list_loops else start + self.page_size
        return OwnedPage(numbers, str(following) if following < len(listed) else None)

    def _list(self) -> list[str]:
        """In order; made once for as long as nothing changes, as a carrier has an index."""
        if self._listed is None or self.lag:
            self._listed = sorted(e164 for e164, mine in self.ours.items() if self._shows(mine))
        return self._listed[: self.cut_list_at]

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased:
        """Take a number back."""
        self.asked += 1
        await asyncio.sleep(self.release_seconds)
        if self.down or self.releases_fail:
            self.releases_fail -= self.releases_fail > 0
            return NotReleased("no answer")
        mine = self.ours.get(e164)
        if mine is not None and (number_id in (None, mine.number_id) or not self.keeps_references):
            del self.ours[e164]
            self._listed = None
        self.released[e164] += 1
        if self.releases_unheard:
            self.releases_unheard -= 1
            return NotReleased("no answer")
        return Released()

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
        self._seconds = seconds
        self._lines: dict[str, CarrierClient] = {}

    async def client(self, name: str) -> CarrierClient | None:
        """The line to a carrier."""
        if name not in self.carriers:
            return None
        if name not in self._lines:
            breaker = self.breakers.setdefault(name, Breaker())
            self._lines[name] = CarrierClient(name, self.carriers[name], seconds=self._seconds, breaker=breaker)
        self._lines[name].in_use = name not in self.disabled
        return self._lines[name]

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
