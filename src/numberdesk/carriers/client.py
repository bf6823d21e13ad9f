"""The client of one account at a carrier: its adapter behind limits, so that a slow or broken one harms nobody else.

Touches: clock.

At most so many requests run at once, and half of these turns are never a search's (beside a single turn one search
runs), three quarters never those of setting where calls go; the others wait a bounded time for their turn. A carrier
that failed several times in a row is left alone for a while: when orders failed, for orders and searches; when searches
failed, for searches alone. What the books need to know of orders that are open is asked all the same. Whatever an
adapter raises ends here, as the word that leaves the most open.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from numberdesk.carriers.call_port import CallPage, ListsCalls
from numberdesk.carriers.contact import Contact, OnFailing, tell_nobody
from numberdesk.carriers.papers import no_papers_asked
from numberdesk.carriers.port import (
    NO_PAPERS,
    AnotherNumber,
    Available,
    AvailablePage,
    Carrier,
    CarrierError,
    Health,
    NotReleased,
    OwnedPage,
    Released,
    Trouble,
    Wanted,
)
from numberdesk.core.breaker import Breaker
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.compliance import Requirement
from numberdesk.core.connection import Connected, NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.number_settings import SettingsAnswer, SettingsNotKept, ShownSettings, WantedSettings
from numberdesk.infra.log import get_log

Result = TypeVar("Result")

AT_ONCE: Final = 20
"""Requests to one account at a carrier that run at once in one process, unless it is set up otherwise."""

_TURN_SECONDS: Final = 2.0
_NO_TURN: Final = "too many requests wait for this carrier"
_LONGEST_TEXT: Final = 300
_ANSWERS: Final = (Trouble.REFUSED, Trouble.CREDENTIALS)

Value = TypeVar("Value", bound=tuple[Any, ...])


class _NoTurnError(Exception):
    """No turn came in time, and nothing was asked."""


NOT_ASKED: Final = "taken up by somebody else meanwhile, or too long ago; it is taken up anew"
"""Said of a release that is not sent any more."""


async def _yes() -> bool:
    return True


_nothing: Final = contextlib.nullcontext[None]


class CarrierClient:
    """A carrier by its name, behind its limits. `seconds` is a clock that only goes forward.

    Unless it is `in_use`, nothing new may be ordered: its account is disabled. `asks_papers` says of a country and a
    type of number whether the operator sells them with papers only.
    """

    def __init__(
        self,
        name: str,
        carrier: Carrier,
        *,
        seconds: Callable[[], float],
        at_once: int = AT_ONCE,
        breaker: Breaker,
        search_breaker: Breaker | None = None,
        contact: Contact | None = None,
        in_use: bool = True,
        asks_papers: Callable[[str, str], bool] = no_papers_asked,
        on_failing: OnFailing = tell_nobody,
    ) -> None:
        self.name = name
        self._asks_papers = asks_papers
        self.in_use = in_use
        self._carrier = carrier
        self._seconds = seconds
        self._turns = asyncio.Semaphore(at_once)
        self._search_turns = asyncio.Semaphore(max(1, at_once // 2))
        self._connect_turns = asyncio.Semaphore(max(1, at_once // 4))
        self._share = at_once > 1
        self.breaker = breaker
        self._on_failing = on_failing
        self.search_breaker = Breaker() if search_breaker is None else search_breaker
        self.contact = Contact() if contact is None else contact

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._carrier.window

    @property
    def paused_seconds(self) -> int:
        """How long it is still left alone, for searches and orders; 0 when it is not."""
        return math.ceil(self.breaker.seconds_left(self._seconds()))

    @property
    def search_paused_seconds(self) -> int:
        """How long it is still left alone for searches."""
        return max(self.paused_seconds, math.ceil(self.search_breaker.seconds_left(self._seconds())))

    @property
    def seconds_failing(self) -> float | None:
        """How long ago the first of the orders was that failed in a row; None where none did."""
        return self.breaker.seconds_failing(self._seconds())

    @property
    def search_seconds_failing(self) -> float | None:
        """How long ago the first of the searches was that failed in a row; None where none did."""
        return self.search_breaker.seconds_failing(self._seconds())

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now. Raises CarrierError and nothing else."""
        self._require_searchable()
        try:
            async with self._turn(self._search_turns), self._turn(self._turns) if self._share else _nothing():
                page = await self._carrier.search(wanted)
        except CarrierError as error:
            self._failed(error.trouble, error.retry_after)
            self.contact.heard(answered=error.trouble in _ANSWERS)
            raise
        except _NoTurnError:
            self.search_breaker.given_up()
            raise CarrierError(Trouble.UNREACHABLE, _NO_TURN) from None
        except asyncio.CancelledError:  # the deadline of whoever asked
            self._fails(self.search_breaker)
            raise
        except Exception as error:
            self._defect("search", error, self.search_breaker)
            raise CarrierError(Trouble.UNREADABLE, type(error).__name__) from error
        self._heard(page)
        self.contact.heard(answered=True)
        return page._replace(numbers=tuple(self._with_papers(wanted.iso_country, one) for one in page.numbers))

    def _with_papers(self, iso_country: str, number: Available) -> Available:
        if number.requires or not self._asks_papers(iso_country, number.number_type):
            return number
        return number._replace(requires=(Requirement.DOCUMENTS.value,))

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS
    ) -> Placed | Pending | Refused | NotSent | Unknown:
        """Order a number. Raises nothing: before the request was begun it is NotSent, after that Unknown."""
        now = self._seconds()
        if not self.breaker.may_ask(now):
            return NotSent(str(Trouble.PAUSED), max(1, round(self.breaker.seconds_left(now))))
        try:
            async with self._turn(self._turns):
                outcome = await self._carrier.order(e164, reference, iso_country, papers)
        except _NoTurnError:
            self.breaker.given_up()
            return NotSent(_NO_TURN, 1)
        except asyncio.CancelledError:  # the process ends
            self.breaker.given_up()
            raise
        except Exception as error:  # noqa: BLE001  an adapter's defect must not lose a purchase
            self._defect("order", error, self.breaker)
            return Unknown(type(error).__name__)
        self._resolve(outcome)
        self.contact.heard(answered=not isinstance(outcome, Unknown | NotSent))
        return _storable(outcome)

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """Look up what became of an order. Raises nothing."""
        outcome = _storable(await self._unguarded("find", lambda: self._carrier.find(e164, reference), Unknown))
        self.contact.heard(answered=not isinstance(outcome, Unknown))
        if (
            isinstance(outcome, Refused) and outcome.reason is Reason.THROTTLED
        ):  # the question was refused, not the order
            return Unknown(outcome.message)
        return outcome

    async def release(
        self, e164: str, number_id: str | None, *, may_ask: Callable[[], Awaitable[bool]] = _yes
    ) -> Released | NotReleased | AnotherNumber:
        """Give a number back, if `may_ask` says so when it has its turn. Raises nothing but what `may_ask` raises."""

        async def tell() -> Released | NotReleased | AnotherNumber:
            return await self._carrier.release(e164, number_id) if await may_ask() else NotReleased(NOT_ASKED)

        return _storable(await self._unguarded("release", tell, NotReleased))

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Have calls to a number go where they are wanted. Raises nothing.

        Of a connection with many numbers one after the other is done: those that wait hold no turns of others.
        """

        async def tell() -> Connected | NotConnected | Unsupported:
            return await self._carrier.connect(e164, number_id, wanted)

        return _storable(await self._seldom("connect", tell))

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for a connection. Raises nothing."""

        async def tell() -> Connected | NotConnected | Unsupported:
            return await self._carrier.forget_connection(connection_id)

        return _storable(await self._seldom("forget_connection", tell))

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:
        """Have a number keep an emergency address and a caller name. Raises nothing."""

        async def tell() -> SettingsAnswer:
            return await self._carrier.set_up(e164, number_id, wanted)

        try:
            async with self._turn(self._connect_turns):
                return _storable(await self._unguarded("set_up", tell, SettingsNotKept))
        except _NoTurnError:
            return SettingsNotKept(_NO_TURN)

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:
        """What of these the carrier has set. Raises CarrierError and nothing else."""

        async def ask() -> ShownSettings:
            return await self._carrier.settings(e164, number_id, wanted)

        return await self._shown("settings", ask)

    async def _shown(self, what: str, ask: Callable[[], Awaitable[Value]]) -> Value:
        try:
            async with self._turn(self._connect_turns), self._turn(self._turns):
                return _storable(await ask())
        except _NoTurnError:
            raise CarrierError(Trouble.UNREACHABLE, _NO_TURN) from None
        except CarrierError:
            raise
        except Exception as error:
            self._defect(what, error, self.breaker)
            raise CarrierError(Trouble.UNREADABLE, type(error).__name__) from error

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the carrier has set for a number. Raises CarrierError and nothing else."""

        async def ask() -> ShownRouting:
            return await self._carrier.routing(e164, number_id, wanted)

        return await self._shown("routing", ask)

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account. Raises CarrierError and nothing else."""
        try:
            page = await self._carrier.owned(cursor)
        except CarrierError:
            raise
        except Exception as error:
            self._defect("owned", error, self.breaker)
            raise CarrierError(Trouble.UNREADABLE, type(error).__name__) from error
        return page._replace(numbers=tuple(map(_storable, page.numbers)))

    @property
    def lists_calls(self) -> bool:
        """Whether this carrier lists finished calls."""
        return isinstance(self._carrier, ListsCalls)

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the calls of a day. Raises CarrierError and nothing else."""
        if not isinstance(self._carrier, ListsCalls):
            raise CarrierError(Trouble.REFUSED, "this carrier lists no calls")
        try:
            return await self._carrier.calls(day, cursor)
        except CarrierError:
            raise
        except Exception as error:
            self._defect("calls", error, self.breaker)
            raise CarrierError(Trouble.UNREADABLE, type(error).__name__) from error

    async def check(self) -> Health:
        """Make one harmless request. Raises nothing."""
        return await self._unguarded(
            "check", self._carrier.check, lambda message: Health(ok=False, message=message, facts={})
        )

    async def _seldom(
        self, what: str, call: Callable[[], Awaitable[Connected | NotConnected | Unsupported]]
    ) -> Connected | NotConnected | Unsupported:
        """What may wait: a quarter of the turns is enough for it."""
        try:
            async with self._turn(self._connect_turns):
                return await self._unguarded(what, call, NotConnected)
        except _NoTurnError:
            return NotConnected(_NO_TURN)

    async def _unguarded(
        self, what: str, call: Callable[[], Awaitable[Result]], unclear: Callable[[str], Result]
    ) -> Result:
        try:
            async with self._turn(self._turns):
                return await call()
        except _NoTurnError:
            return unclear(_NO_TURN)
        except CarrierError as error:
            return unclear(str(error))
        except Exception as error:  # noqa: BLE001  as for orders
            self._defect(what, error, self.breaker)
            return unclear(type(error).__name__)

    @contextlib.asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        """Wait for a turn. Raises _NoTurnError when none comes in time."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await turns.acquire()
        except TimeoutError:
            raise _NoTurnError from None
        try:
            yield
        finally:
            turns.release()

    def _require_searchable(self) -> None:
        """Raise CarrierError while the carrier is left alone: where nothing can be ordered nothing is searched."""
        now = self._seconds()
        if self.breaker.seconds_left(now) > 0 or not self.search_breaker.may_ask(now):
            left = max(1, round(max(self.breaker.seconds_left(now), self.search_breaker.seconds_left(now))))
            raise CarrierError(Trouble.PAUSED, "it failed several times in a row and is left alone for a while", left)

    def _resolve(self, outcome: Placed | Pending | Refused | NotSent | Unknown) -> None:
        """What an order's outcome says of the carrier's health: a no is healthy, silence is not.

        What a search before the order came to says nothing of how orders are taken.
        """
        if isinstance(outcome, Refused | NotSent) and outcome.of_search:
            self.breaker.given_up()
            if isinstance(outcome, NotSent) or outcome.reason is Reason.THROTTLED:
                self._fails(self.search_breaker, float(outcome.retry_after or 0))
        elif isinstance(outcome, Unknown | NotSent):
            self._fails(self.breaker)
        elif isinstance(outcome, Refused) and outcome.reason is Reason.THROTTLED:
            self._fails(self.breaker, float(outcome.retry_after or 0))
        else:
            self.breaker.succeeded()

    def _heard(self, page: AvailablePage) -> None:
        """What an answer to a search says of the carrier's health; nothing of how it takes orders.

        One that lacks a part is no failure: it is up, and to leave it alone would take away the parts that
        work. Nor does it make up for failures in between. It is good enough for
        a try after a rest, without which only one request at a time would ever be made again.
        """
        if page.missed is None or self.search_breaker.trying:
            self.search_breaker.succeeded()

    def _failed(self, trouble: Trouble, retry_after: int | None) -> None:
        """What a search that failed says of the carrier's health."""
        if trouble in _ANSWERS:
            self.search_breaker.succeeded()
        else:
            self._fails(self.search_breaker, float(retry_after or 0))

    def _fails(self, breaker: Breaker, retry_after: float = 0.0) -> None:
        if breaker.failed(self._seconds(), retry_after):
            self._on_failing(self.name, "orders" if breaker is self.breaker else "searches")

    def _defect(self, what: str, error: BaseException, breaker: Breaker) -> None:
        self._fails(breaker)
        get_log().error("carrier adapter failed", carrier=self.name, call=what, exc_info=error)


def _storable(value: Value) -> Value:
    """What was told, in signs that every database keeps and a log shows: a text is not worth an order."""
    return type(value)(*(_printable(part) if type(part) is str else part for part in value))


def _printable(text: str) -> str:
    if text.isprintable() and len(text) <= _LONGEST_TEXT:
        return text
    return "".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST_TEXT])
