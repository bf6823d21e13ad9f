"""The background work: quarantines that end, prices made anew, orders chased, numbers given back, audits.

Touches: clock, threads.

Several workers may run at once: every step is a transaction of its own that finds its work in
the database, so two of them only share it. What asks carriers runs beside what does not, so that a
carrier that takes its time keeps no quarantine from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from numberdesk.core.errors import Overloaded
from numberdesk.flows.chase_orders import chase_orders
from numberdesk.flows.confirm_releases import confirm_releases
from numberdesk.flows.reprice import Reprice, reprice
from numberdesk.flows.tidy import Tidy, tidy
from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.log import get_log
from numberdesk.wiring import HOUR, Services

TIDY_SECONDS: Final = 60.0
"""How often old things are looked for."""

_LOOK_SECONDS: Final = 1.0
_AUDIT_LOOK_SECONDS: Final = 30.0
_LAST_SECONDS: Final = 5.0
"""How long work that asks carriers may go on after it is told to stop."""


async def run(services: Services, stop: asyncio.Event) -> None:
    """Work until `stop` is set. A step that fails is logged and tried again at the next round."""
    work = (
        _repeat(stop, _LOOK_SECONDS, lambda: _keep_books(services, stop)),
        _repeat(stop, _LOOK_SECONDS, lambda: _chase(services, stop)),
        _repeat(stop, _LOOK_SECONDS, lambda: _give_back(services, stop)),
        _repeat(stop, _AUDIT_LOOK_SECONDS, services.audit.run_due),
        _repeat(stop, TIDY_SECONDS, lambda: _tidy(services, stop)),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in late:  # a carrier that takes its time; whoever comes next asks again
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await services.carriers.close()


async def _repeat(stop: asyncio.Event, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while not stop.is_set():
        try:
            await work()
        except (Overloaded, StorageFailedError) as error:
            get_log().warning("background work put off", reason=str(error))
        except Exception:  # noqa: BLE001  whatever it was, the next round must come
            get_log().exception("background work failed")
        await _rest(stop, seconds)


async def _keep_books(services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set() and (await services.writer.submit(reprice, Reprice(services.now()))).left:
        pass


async def _chase(services: Services, stop: asyncio.Event) -> None:
    more = True
    while more and not stop.is_set():
        more = await chase_orders(
            services.writer,
            services.reader,
            services.carriers,
            services.placement,
            now=services.now,
            reach=services.reach,
        )


async def _give_back(services: Services, stop: asyncio.Event) -> None:
    more = True
    while more and not stop.is_set():
        more = await confirm_releases(
            services.writer, services.reader, services.carriers, now=services.now, reach=services.reach
        )


async def _tidy(services: Services, stop: asyncio.Event) -> None:
    """Rounds until nothing is left, each in a transaction of its own."""
    retention = services.settings.key_retention_hours * HOUR
    while not stop.is_set() and (await services.writer.submit(tidy, Tidy(services.now(), retention))).left:
        pass


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
