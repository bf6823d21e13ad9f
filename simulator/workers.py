"""The background work of one worker process, at its own pace: tidying and pricing anew.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from typing import Final

from numberdesk.core.errors import Overloaded
from numberdesk.flows.reprice import Reprice, Repriced, reprice
from numberdesk.flows.tidy import Tidied, Tidy, tidy
from numberdesk.infra.db import StorageFailedError
from numberdesk.wiring import HOUR
from simulator.process import Process
from simulator.world import World

_NUMBERS_PER_STEP: Final = 3
"""Few, so that pricing anew takes several transactions."""


async def work(world: World, process: Process) -> None:
    """Rounds of one or the other, until the process dies. worker.py does both in each round, which is only slower."""
    while True:
        try:
            if world.happens(0.5):
                while (await _tidy(world, process)).left:
                    pass
            else:
                while (await _reprice(process)).left:
                    world.reached("repriced_in_steps")
        except (Overloaded, StorageFailedError):
            world.note(f"{process.name} puts work off")
        await asyncio.sleep(world.between(0.5, 60))


async def _tidy(world: World, process: Process) -> Tidied:
    command = Tidy(process.now(), world.plan.retention_hours * HOUR)
    return await process.services.writer.submit(tidy, command)


async def _reprice(process: Process) -> Repriced:
    return await process.services.writer.submit(reprice, Reprice(process.now(), _NUMBERS_PER_STEP))
