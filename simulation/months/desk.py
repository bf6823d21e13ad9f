"""Where requests go: to any process that is up, and again until one answers, as whoever counts on an answer does.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from numberdesk.core.errors import NumberdeskError, Overloaded, RateLimited
from numberdesk.infra.db import StorageFailedError
from numberdesk.wiring import Services
from simulation.process import Process
from simulation.world import World

Story = Callable[[Services, int], Coroutine[Any, Any, Any]]


class Desk:
    """The processes, seen from outside."""

    def __init__(self, world: World, processes: Sequence[Process]) -> None:
        self._world = world
        self._processes = processes

    async def ask(self, story: Story) -> Any:
        """What a story comes to in a process that lives long enough; it is given the services and that process's time.

        A refusal is an answer as well. It may have been done before, by one that did not live to tell.
        """
        while True:
            up = [process for process in self._processes if process.up and not process.closing]
            if up:
                process = self._world.one_of(up)
                try:
                    return await process.run(story(process.services, process.now()))
                except (ConnectionResetError, Overloaded, RateLimited, StorageFailedError):
                    self._world.reached("asked_again")
                except NumberdeskError as refusal:
                    return refusal
            await asyncio.sleep(self._world.between(1, 600))

    async def submit(self, flow: Callable[[Services], Any], command: Callable[..., Any], *given: Any) -> Any:
        """What a write flow answers to a command, which is made anew of what is given for each try."""

        async def story(services: Services, now: int) -> Any:
            return await services.writer.submit(flow(services), command(services, now, *given))

        return await self.ask(story)


def plain(flow: Any) -> Callable[[Services], Any]:
    """A flow that is the same in every process."""
    return lambda _: flow
