"""What each simulation of a seed is made of: it is set up, goes through a storm and comes to rest; then all is closed.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from simulation.faults import Faults
from simulation.process import Process
from simulation.world import World


class SeedRun(ABC):
    """One seed. `run` raises Violation, or what a defect of the simulation raised."""

    _world: World
    _processes: list[Process]
    _faults: Faults

    def run(self) -> None:
        """The whole seed."""
        with self._world.loop.running():
            try:
                self._set_up()
                self._storm()
                self._come_to_rest()
            finally:
                self._close()

    @abstractmethod
    def _set_up(self) -> None:
        """In peace."""

    @abstractmethod
    def _storm(self) -> None:
        """Faults strike."""

    @abstractmethod
    def _come_to_rest(self) -> None:
        """They are over; what was begun ends."""

    @abstractmethod
    def _work(self, process: Process) -> None:
        """Let a process do its background work."""

    @abstractmethod
    def _look_no_more(self) -> None:
        """Close what has looked into the books."""

    def _failpoint(self, process: Process, point: str) -> None:
        self._faults.failpoint(process, point)

    def _start(self, process: Process) -> None:
        process.start()
        self._work(process)

    def _client(self, story: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._world.loop.create_task(story)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.loop.failures.append(error)

    def _raise_violation(self) -> None:
        if self._world.violation is not None:
            raise self._world.violation
        for failure in self._world.loop.failures:
            raise failure

    def _close(self) -> None:
        self._world.over = self._world.calm = True
        self._world.loop.end()
        self._look_no_more()
        for process in self._processes:
            process.die()
            process.database.close()
