"""The background work: quarantines that end, answers that are forgotten, prices made anew.

Touches: clock, threads.

Several workers may run at once: every step is a transaction of its own that finds its work in
the database, so two of them only share it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from numberdesk.core.errors import Overloaded
from numberdesk.flows.reprice import Reprice, reprice
from numberdesk.flows.tidy import Tidy, tidy
from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.log import get_log
from numberdesk.wiring import HOUR, Services

TIDY_SECONDS: Final = 60.0
"""How often old things are looked for."""

_LOOK_SECONDS: Final = 1.0


async def run(services: Services, stop: asyncio.Event) -> None:
    """Work until `stop` is set. A step that fails is logged and tried again at the next round."""
    rounds = 0
    while not stop.is_set():
        try:
            if rounds % int(TIDY_SECONDS / _LOOK_SECONDS) == 0:
                await _tidy(services, stop)
            while not stop.is_set() and (await services.writer.submit(reprice, Reprice(services.now()))).left:
                pass
        except (Overloaded, StorageFailedError) as error:
            get_log().warning("background work put off", reason=str(error))
        except Exception:  # noqa: BLE001  whatever it was, the next round must come
            get_log().exception("background work failed")
        rounds += 1
        await _rest(stop)


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


async def _rest(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
