"""Send each opened order to its carrier once, and settle it by the answer, also when its client has gone.

Touches: database, clock, threads.

Each order that was opened is carried through by a task of its own, which no client that hangs up
can stop. When the process ends meanwhile, the worker finds the order after its lease and looks it up
(follow_carrier_orders.py). No transaction is open while a carrier is asked: infra/http.py refuses to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.compliance_store import find_profiles
from numberdesk.carriers.port import NO_PAPERS, VISIBILITY_WINDOW
from numberdesk.catalog.store import find_country
from numberdesk.core.carrier_order import (
    SCHEDULE,
    Absent,
    Inquiry,
    NotSent,
    OrderOutcome,
    OutcomeReport,
    Pending,
    Placed,
    Unknown,
)
from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Order
from numberdesk.core.schedule import Schedule
from numberdesk.flows.carriers.note_audits import AskForAudit, ask_for_audits
from numberdesk.flows.purchase.settle_orders import OrderStatus
from numberdesk.infra.clock import ProcessTime
from numberdesk.infra.db import StorageFailedError, Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer, no_failpoint
from numberdesk.orders.store import find_orders

FAILPOINTS: Final = ("sending", "heard", "settled")
"""The points that an order passes: before its carrier is asked, when it has answered, and when that is in the books."""

AGAIN_LEASE: Final = 300 * MICROSECONDS
"""How long sending an order once more may take: longer than any carrier is waited for."""

_POLLS: Final = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 2.0)
"""Seconds between questions to a carrier that takes orders and decides later."""

_SETTLE_RESTS: Final = (0.1, 0.3, 1.0, 2.0, 3.0)
_LOOK_RESTS: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds between looks for an order that another process or a person ends; the last one again and again."""

_OPENING_RESTS: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between looks for an order that may be opened yet: longer than a command waits for the writer."""

Settle = Callable[[Tx, Sequence[OutcomeReport]], Sequence[OrderStatus]]


def spawn_here(story: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run a story in this event loop."""
    return asyncio.get_running_loop().create_task(story)


class Placement:
    """The orders of one process that are on their way.

    `now` gives microseconds, `time` is this process's clock that only goes forward; `failpoint` is told the points
    that an order passes; `spawn` runs a story beside the one that asks; `schedule` is when open orders are looked up.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        carriers: CarrierClients,
        settle: Settle,
        *,
        now: Callable[[], int],
        time: ProcessTime,
        failpoint: Callable[[str], None] = no_failpoint,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = spawn_here,
        schedule: Schedule = SCHEDULE,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._carriers = carriers
        self._settle = settle
        self._now = now
        self.time = time
        self._failpoint = failpoint
        self._spawn = spawn
        self._schedule = schedule
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiters: dict[str, list[asyncio.Future[Order]]] = {}

    @property
    def under_way(self) -> int:
        """How many orders this process is sending."""
        return len(self._tasks)

    def begin(self, order: Order) -> None:
        """Carry a freshly opened order through."""
        self._keep(order.id, self._carry(order))

    def look_after(self, order_id: str) -> None:
        """Carry an order through if it is opened: whoever asked for it has gone before he was told."""
        self._keep(order_id, self._carry_once_opened(order_id))

    def _keep(self, order_id: str, story: Coroutine[Any, Any, None]) -> None:
        """Run a story, which nobody else holds on to."""
        task = self._tasks[order_id] = self._spawn(story)
        task.add_done_callback(lambda _: self._tasks.pop(order_id, None))

    async def outcome(self, order: Order, seconds: float) -> Order:
        """The order as it stands when it has ended, or when so many seconds are over.

        An order that this process ends wakes those who wait for it. One that another process has is looked up.
        """
        ended: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(order.id, [])
        waiters.append(ended)
        try:
            return await self._outcome(order, ended, seconds)
        finally:
            waiters.remove(ended)
            if not waiters:
                self._waiters.pop(order.id, None)

    async def _outcome(self, order: Order, ended: asyncio.Future[Order], seconds: float) -> Order:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        task = self._tasks.get(order.id)
        if task is not None:
            either: set[asyncio.Future[Any]] = {task, ended}
            await asyncio.wait(either, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done() and not task.done():
                return order
        for rest in chain(_LOOK_RESTS, repeat(_LOOK_RESTS[-1])):
            if ended.done():
                break
            found = await self._found(order.id) or order
            left = end - loop.time()
            if found.state is not OrderState.ORDERING or left <= 0:
                return found
            await asyncio.wait({ended}, timeout=min(rest, left))
        return ended.result()

    def _wake(self, order: Order) -> None:
        """Tell those who wait for an order that it has ended; they may wait in another thread's event loop."""
        for ended in tuple(self._waiters.get(order.id, ())):
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                ended.get_loop().call_soon_threadsafe(_tell, ended, order)

    async def _found(self, order_id: str) -> Order | None:
        """An order as it stands; None when there is none, or the books cannot be read. It may go on all the same."""
        try:
            return (await self._reader.look_up(lambda tx: find_orders(tx, [order_id]))).get(order_id)
        except StorageFailedError as error:
            get_log().warning("order not looked up", order_id=order_id, reason=str(error))
            return None

    async def close(self, seconds: float) -> None:
        """Wait for orders on their way; those that take longer are left to the worker."""
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=seconds)
        for task in list(self._tasks.values()):
            task.cancel()

    async def send_again(self, client: CarrierClient, order: Order, attempt: int) -> None:
        """Send an order once more, after proof that the attempt before came to nothing."""
        await self._send(client, order, attempt)

    async def record(
        self,
        order_id: str,
        attempt: int,
        outcome: OrderOutcome,
        window: int,
        *,
        looked_up: bool = False,
        may_send: bool = True,
        leased_until: int | None = None,
        asked: int | None = None,
    ) -> OrderStatus | None:
        """Write down what was heard just now. None when the books could not be written; the order then stays due.

        `asked` is what this process's clock that only goes forward showed when the carrier was asked; None: shows.
        """
        heard = self.time.elapsed()
        inquiry = Inquiry(self.time.process, heard if asked is None else asked, heard)
        report = OutcomeReport(
            order_id, attempt, outcome, window, AGAIN_LEASE, self._now(), inquiry, looked_up, may_send, leased_until,
            self._schedule,
        )  # fmt: skip
        for rest in (*_SETTLE_RESTS, None):
            try:
                status = await self._writer.submit(self._settle, report)
            except (Overloaded, RateLimited, StorageFailedError) as error:
                if rest is None:
                    get_log().warning("order not settled yet", order_id=order_id, reason=str(error))
                    return None
                await asyncio.sleep(rest)
            else:
                self._failpoint("settled")
                if status.order.state is not OrderState.ORDERING:
                    self._wake(status.order)
                _log_news(status)
                if status.unexplained:
                    await self._have_audited(status.order)
                return status
        return None

    async def _have_audited(self, order: Order) -> None:
        """Have the carrier's list compared with the books soon: it has a number for us that nobody bought for sure."""
        get_log().warning(
            "number is on the account after its order failed, and stays for a person to judge", order_id=order.id,
            carrier=order.carrier, number=order.e164,
        )  # fmt: skip
        try:
            await self._writer.submit(ask_for_audits, AskForAudit(order.carrier, self._now()))
        except (Overloaded, RateLimited, StorageFailedError) as error:  # the next audit shows it anyway
            get_log().warning("audit not asked for", carrier=order.carrier, reason=str(error))

    async def _carry_once_opened(self, order_id: str) -> None:
        for rest in _OPENING_RESTS:
            await asyncio.sleep(rest)
            order = await self._found(order_id)
            if order is not None:
                if order.state is OrderState.ORDERING:
                    await self._carry(order)
                return

    async def _carry(self, order: Order) -> None:
        try:
            client = await self._client(order)
            if client is None:
                outcome = NotSent("this carrier is not connected")
                log_outcome(order.carrier, order.id, 1, outcome)
                await self.record(order.id, 1, outcome, VISIBILITY_WINDOW)
                return
            await self._send(client, order, 1)
        except Exception:  # noqa: BLE001  nothing was sent, which is worth more than why
            get_log().exception("order not carried through", order_id=order.id)

    async def _client(self, order: Order) -> CarrierClient | None:
        """The client of an order's carrier; None where there is none, or none that can be found now."""
        try:
            return await self._carriers.client(order.carrier)
        except Exception:  # noqa: BLE001  nothing was sent, which is worth more than why
            get_log().exception("carrier not found", order_id=order.id, carrier=order.carrier)
            return None

    async def _papers(self, order: Order) -> Mapping[str, str] | None:
        """The papers that an order was opened with, also when they were removed since; None: they cannot be read."""
        if order.profile_id is None:
            return NO_PAPERS
        try:
            found = await self._reader.look_up(lambda tx: find_profiles(tx, [order.profile_id or ""]))
        except StorageFailedError as error:
            get_log().warning("papers of an order not looked up", order_id=order.id, reason=str(error))
            return None
        return found[order.profile_id].of_orders

    async def _country(self, e164: str) -> str:
        """What the offer called the country of a number; "" when the books cannot be read."""
        try:
            return await self._reader.look_up(lambda tx: find_country(tx, e164))
        except StorageFailedError as error:
            get_log().warning("country of a number not looked up", number=e164, reason=str(error))
            return ""

    async def _send(self, client: CarrierClient, order: Order, attempt: int) -> None:
        country = await self._country(order.e164)
        papers = await self._papers(order)
        self._failpoint("sending")
        asked = self.time.elapsed()
        outcome: OrderOutcome = (
            NotSent("its papers cannot be read")
            if papers is None
            else await client.order(order.e164, order.id, country, papers)
        )
        self._failpoint("heard")
        log_outcome(client.name, order.id, attempt, outcome)
        looked_up = False
        for rest in _POLLS:
            if not isinstance(outcome, Pending):
                break
            await asyncio.sleep(rest)
            asked = self.time.elapsed()
            found = await client.find(order.e164, order.id)
            if not isinstance(found, Absent | Unknown):  # it took the order: absence proves nothing
                outcome, looked_up = found, True
                log_outcome(client.name, order.id, attempt, outcome)
        await self.record(order.id, attempt, outcome, client.window, looked_up=looked_up, asked=asked)


def _tell(ended: asyncio.Future[Order], order: Order) -> None:
    if not ended.done():
        ended.set_result(order)


def log_outcome(carrier: str, order_id: str, attempt: int, outcome: OrderOutcome) -> None:
    """Log what was heard of an order, where that is neither a yes nor that it is pending."""
    if isinstance(outcome, Placed | Pending):
        return
    unclear = isinstance(outcome, Unknown)
    get_log().warning(
        "carrier gave no clear answer to an order" if unclear else "carrier did not place an order",
        carrier=carrier, order_id=order_id, attempt=attempt, outcome=type(outcome).__name__.lower(),
        said="" if isinstance(outcome, Absent) else outcome.message,
    )  # fmt: skip


def _log_news(status: OrderStatus) -> None:
    """Log what a person has to know of: an order that waits for one, a number that the operator pays for in vain."""
    parked, late, order_id = status.parked, status.too_late, status.order.id
    if parked is not None:
        get_log().error("order parked for a person", order_id=order_id, carrier=parked.carrier, said=parked.message)
    if late is not None:
        get_log().warning(
            "number came too late and is given back", order_id=order_id, carrier=late.carrier, number=late.e164,
            number_id=late.carrier_reference,
        )  # fmt: skip
