"""Stories told in a time of their own: one thread, no waiting, and a clock that moves when nobody can go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.writer import Writer
from simulation.loop import SimulatedLoop

Result = TypeVar("Result")

_MOST_STEPS: Final = 3_000_000


class OwnTime:
    """One event loop for all stories of a test. `passed` is told the microseconds that pass.

    Writers commit when everybody else waits; reads run at once. So what happens is the same each time.
    """

    def __init__(self, passed: Callable[[int], None] = lambda _: None) -> None:
        self.loop = SimulatedLoop()  # type: ignore[abstract]  # what no story asks for is left out
        self._passed = passed

    def seconds(self) -> float:
        """The clock that only goes forward."""
        return self.loop.time()

    def tell(self, story: Coroutine[Any, Any, Result], *writers: Writer) -> Result:
        """Run a story to its end, and beside it whatever goes on. Raises what it raises."""
        with self.loop.running():
            task: asyncio.Task[Result] = self.loop.create_task(story)
            for _ in range(_MOST_STEPS):
                if task.done():
                    break
                self._step(writers)
        assert self.loop.failures == []
        return task.result()

    def pass_by(self, seconds: float, *writers: Writer) -> None:
        """Let time pass, and whatever goes on go on."""
        self.tell(asyncio.sleep(seconds), *writers)

    def _step(self, writers: tuple[Writer, ...]) -> None:
        if self.loop.ready:
            self.loop.run_one(0)
            return
        for writer in writers:
            if writer.waiting:
                writer.turn()
                return
        timer = self.loop.next_timer()
        assert timer is not None, "everybody waits for somebody else"
        before = self.loop.time()
        self.loop.advance(timer)
        self._passed(round((self.loop.time() - before) * MICROSECONDS))
