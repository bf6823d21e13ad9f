"""The background work: rentals renewed, quarantines ended, prices made anew, the search index filled, carriers asked.

Touches: clock, threads.

Several workers may run at once: every step is a transaction of its own that finds its work in
the database, so two of them only share it. What asks carriers runs beside what does not, so that a
carrier that takes its time keeps no quarantine from ending.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from numberdesk.flows.carriers.confirm_carrier_releases import confirm_carrier_releases
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, fill_trigrams
from numberdesk.flows.catalog.reprice import Reprice
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.purchase.follow_carrier_orders import follow_carrier_orders
from numberdesk.flows.purchase.hurry_orders import hurry_answered
from numberdesk.flows.rentals.renew_rentals import renewals
from numberdesk.infra.due_work import DueWork, DueWorker, put_off
from numberdesk.infra.log import get_log
from numberdesk.wiring import HOUR, Services

CLEANUP_SECONDS: Final = 60.0
"""How often old things are looked for."""

_LOOK_SECONDS: Final = 1.0
_STEPS_PER_REPORT: Final = 100
_LAST_SECONDS: Final = 5.0
"""How long work that asks carriers may go on after it is told to stop."""


def due_workers(services: Services) -> tuple[DueWorker[Any, Any], ...]:
    """Every kind of due work. A new kind is named here."""
    kinds: tuple[DueWork[Any, Any], ...] = (
        follow_carrier_orders(services.carriers, services.placement),
        confirm_carrier_releases(
            services.writer, services.reader, services.carriers, services.now, began=services.now()
        ),
        services.audit.due_work,
        renewals(services.writer, services.renew_rentals, services.now, services.agreed_clock.lately_past),
    )
    return tuple(
        DueWorker(
            work,
            services.writer,
            services.reader,
            now=services.now,
            process=services.time.process,
            elapsed=services.time.elapsed,
            failpoint=services.failpoint,
        )
        for work in kinds
    )


async def run(services: Services, stop: asyncio.Event) -> None:
    """Work until `stop` is set. A step that fails is logged and tried again at the next round."""
    workers = due_workers(services)
    tasks = [asyncio.create_task(_repeat(stop, _LOOK_SECONDS, worker.begin, stop.is_set)) for worker in workers]
    tasks += [
        asyncio.create_task(_repeat(stop, _LOOK_SECONDS, _keep_books, services, stop)),
        asyncio.create_task(
            _repeat(stop, _LOOK_SECONDS, hurry_answered, services.carriers, services.writer, services.now)
        ),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, clean_up_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, fill_index, services, stop.is_set)),
    ]
    try:
        await stop.wait()
        tasks += [task for worker in workers for task in worker.running.values()]
        _, late = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in late:  # a carrier that takes its time; whoever comes next asks again
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await services.carriers.close()


async def _repeat(stop: asyncio.Event, seconds: float, work: Callable[..., Awaitable[None]], *given: Any) -> None:
    while not stop.is_set():
        await put_off(lambda: work(*given))
        await _rest(stop, seconds)


async def _keep_books(services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set() and (await services.writer.submit(services.reprice, Reprice())).left:
        pass


async def clean_up_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Rounds until nothing is left, each in a transaction of its own; what is over must be so by two clocks."""
    retention = services.settings.key_retention_hours * HOUR
    past = await services.agreed_clock.surely_past()
    while not stopping() and (await services.writer.submit(clean_up, Cleanup(past, retention))).left:
        pass


async def fill_index(services: Services, stopping: Callable[[], bool]) -> None:
    """Put numbers that were there before the index of trigrams into it, and tell how far that has come."""
    for steps in itertools.count(1):
        if stopping():
            return
        step = await services.writer.submit(fill_trigrams, FillTrigrams())
        if step.filled is not None and not step.left:
            get_log().info("search index filled", numbers=step.filled)
        elif step.left and steps % _STEPS_PER_REPORT == 0:
            get_log().info("search index filling", numbers=step.filled)
        if not step.left:
            return


def start(services: Services) -> Callable[[], None]:
    """Work in a thread of its own; the returned function stops it and waits."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run(services, stop))

    thread = threading.Thread(target=work, name="numberdesk-worker")
    thread.start()

    def end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join()

    return end


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
