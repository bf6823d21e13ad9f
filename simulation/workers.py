"""The background work of one worker process, each kind of it at its own pace.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.flows.carriers.audit_carriers import CARRIER_AUDITS
from numberdesk.flows.carriers.confirm_carrier_releases import CARRIER_RELEASES
from numberdesk.flows.catalog.reprice import Reprice, Repriced
from numberdesk.flows.cleanup import Cleanup, CleanupReport, clean_up
from numberdesk.flows.purchase.follow_carrier_orders import CARRIER_ORDERS
from numberdesk.flows.purchase.hurry_orders import hurry_answered
from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.due_work import DueWorker
from numberdesk.wiring import HOUR
from numberdesk.worker import due_workers
from simulation.books import Books
from simulation.due_work import Due, turn_of
from simulation.plan import DAY
from simulation.process import Process
from simulation.world import MICROSECONDS, World

_NUMBERS_PER_STEP: Final = 3
"""Few, so that pricing anew takes several transactions."""

_LONGEST_REST: Final = DAY / 4


class Worker:
    """The stories of one process. worker.py does the same, each kind every second or minute."""

    def __init__(self, world: World, process: Process, books: Books) -> None:
        self._world = world
        self._process = process
        self._books = books

    def begin(self) -> None:
        """Begin all that there is to do; it ends with the process."""
        books, tend = self._books, self._process.tend
        tend(self._repeat(self._keep_books, 1, 120, lambda: [] if books.repricing is None else [0]))
        if self._world.plan.carriers:
            rows: dict[str, Callable[[], Iterable[Due]]] = {
                CARRIER_ORDERS: books.carrier_orders.values,
                CARRIER_RELEASES: books.releases.values,
                CARRIER_AUDITS: tuple,
            }
            services = self._process.services
            tend(self._repeat(lambda: hurry_answered(services.carriers, services.writer, services.now), 1, 60, list))
            for worker in due_workers(services):
                if worker.work.name in rows:  # the books here know nothing of any other kind yet
                    tend(self._work_off(worker, rows[worker.work.name]))

    def _work_off(self, worker: DueWorker[Any, Any], rows: Callable[[], Iterable[Due]]) -> Coroutine[Any, Any, None]:
        """One kind of due work; audits, which take long, are looked for seldom, and not at the end."""
        seldom = worker.work.name == CARRIER_AUDITS

        async def work() -> None:
            while (not seldom or self._may_audit()) and await worker.run_once():
                pass

        shortest, longest = (60, 1800) if seldom else (0.5, 30)
        return self._repeat(work, shortest, longest, lambda: [turn_of(row) for row in rows()])

    def _may_audit(self) -> bool:
        return not self._world.calm and self._world.happens(0.4)

    async def _repeat(
        self,
        work: Callable[[], Awaitable[None]],
        shortest: float,
        longest: float,
        due: Callable[[], Iterable[int | None]],
    ) -> None:
        while True:
            try:
                await work()
            except (Overloaded, RateLimited, StorageFailedError):
                self._world.note(f"{self._process.name} puts work off")
            rest = self._world.between(shortest, longest)
            await asyncio.sleep(max(rest, self._idle(due())) if self._world.calm else rest)

    def _idle(self, due: Iterable[int | None]) -> float:
        """Seconds until something is due: who has only to wait for the end need not look all the time."""
        now = self._process.now()
        # A time further ahead than a day was set by a clock that is wrong, and is due at once.
        waits = [
            (instant - now) / MICROSECONDS if instant <= now + DAY * MICROSECONDS else 0.0
            for instant in due
            if instant is not None
        ]
        return min([*waits, _LONGEST_REST])

    async def _keep_books(self) -> None:
        if self._world.happens(0.3):
            while (await self._clean_up()).left:
                pass
        elif self._books.repricing is not None or self._world.happens(0.1):
            while (await self._reprice()).left:
                self._world.reached("repriced_in_steps")

    async def _clean_up(self) -> CleanupReport:
        past = await self._process.services.agreed_clock.surely_past()
        command = Cleanup(past, self._world.plan.retention_hours * HOUR)
        return await self._process.services.writer.submit(clean_up, command)

    async def _reprice(self) -> Repriced:
        return await self._process.services.writer.submit(self._process.services.reprice, Reprice(_NUMBERS_PER_STEP))
