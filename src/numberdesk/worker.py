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
from functools import partial
from typing import Final

from numberdesk.core.errors import Overloaded
from numberdesk.flows.chase_orders import carriers_to_ask, chase_orders
from numberdesk.flows.confirm_releases import carriers_to_tell, confirm_releases
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
    chases = _ByCarrier(
        stop,
        lambda: carriers_to_ask(services.reader, services.now()),
        lambda name: chase_orders(
            services.writer, services.reader, services.carriers, services.placement,
            now=services.now, carrier=name, reach=services.reach,
        ),
    )  # fmt: skip
    releases = _ByCarrier(
        stop,
        lambda: carriers_to_tell(services.reader, services.now()),
        lambda name: confirm_releases(
            services.writer, services.reader, services.carriers, now=services.now, carrier=name, reach=services.reach
        ),
    )
    work = (
        _repeat(stop, _LOOK_SECONDS, lambda: _keep_books(services, stop)),
        _repeat(stop, _LOOK_SECONDS, chases.begin),
        _repeat(stop, _LOOK_SECONDS, releases.begin),
        _repeat(stop, _AUDIT_LOOK_SECONDS, services.audit.run_due),
        _repeat(stop, TIDY_SECONDS, lambda: _tidy(services, stop)),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await stop.wait()
        tasks += [*chases.running.values(), *releases.running.values()]
        _, late = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in late:  # a carrier that takes its time; whoever comes next asks again
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await services.carriers.close()


async def _repeat(stop: asyncio.Event, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while not stop.is_set():
        await _try(work)
        await _rest(stop, seconds)


async def _try(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except (Overloaded, StorageFailedError) as error:
        get_log().warning("background work put off", reason=str(error))
    except Exception:  # noqa: BLE001  whatever it was, the next round must come
        get_log().exception("background work failed")


class _ByCarrier:
    """Work that asks carriers, for each of them by itself: one that takes its time keeps no other one waiting.

    `due` names the carriers that there is work for; `work` does a round of it for one and says whether
    there may be more.
    """

    def __init__(
        self,
        stop: asyncio.Event,
        due: Callable[[], Awaitable[list[str]]],
        work: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._stop = stop
        self._due = due
        self._work = work
        self.running: dict[str, asyncio.Task[None]] = {}

    async def begin(self) -> None:
        """Begin with the carriers that are due and not being asked."""
        for name in await self._due():
            if name not in self.running and not self._stop.is_set():
                task = self.running[name] = asyncio.create_task(_try(partial(self._all_of, name)))
                task.add_done_callback(partial(self._ended, name))

    async def _all_of(self, name: str) -> None:
        while await self._work(name) and not self._stop.is_set():
            pass

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:  # noqa: ARG002  what asyncio calls
        del self.running[name]


async def _keep_books(services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set() and (await services.writer.submit(reprice, Reprice(services.now()))).left:
        pass


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
