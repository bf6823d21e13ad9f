"""An event loop without time and without chance of its own: whoever drives it chooses what runs next.

Touches: nothing.

What is ready waits in a list, and `run_one` runs the one at a given place. Time stands still
until `advance` moves it. Executors run at once, in the same thread, as a step of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context
from typing import Any, TypeVar

Result = TypeVar("Result")


class Step(asyncio.TimerHandle):
    """One callback that is ready or waits for its time."""

    def run(self) -> None:
        """Run it, unless it was cancelled."""
        if not self.cancelled():
            self._run()


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The loop. `failures` are exceptions that left a callback: nobody else would see them."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._ready: list[Step] = []
        self._timers: list[tuple[float, int, Step]] = []
        self._serials = itertools.count()
        self._now = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be the loop that stories and the writer find."""
        asyncio._set_running_loop(self)  # noqa: SLF001  offered to those who write loops
        try:
            yield
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001  the same

    @property
    def ready(self) -> int:
        """How many callbacks could run now."""
        return len(self._ready)

    def run_one(self, place: int) -> None:
        """Run the callback at a place of the ready ones."""
        self._ready.pop(place).run()

    def next_timer(self) -> float | None:
        """When the first timer fires, None when there is none."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, instant: float) -> None:
        """Let time pass until an instant; what waited for it is ready then."""
        self._now = max(self._now, instant)
        while self._timers and self._timers[0][0] <= self._now:
            step = heapq.heappop(self._timers)[2]
            if not step.cancelled():
                self._ready.append(step)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:  # type: ignore[override]  # the TypeVarTuple adds nothing here
        """Make a callback ready."""
        step = Step(self._now, callback, args, self, context)
        self._ready.append(step)
        return step

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        """Make a callback ready at an instant."""
        step = Step(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._serials), step))
        return step

    def call_later(  # type: ignore[override]  # as above
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        """Make a callback ready after a while."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # generators are no coroutines here
        self, coro: Coroutine[Any, Any, Result], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Result]:
        """Start a story."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def run_in_executor(  # type: ignore[override]  # as above
        self, _executor: Any, func: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        """Run a function as a step of its own."""
        future: asyncio.Future[Result] = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001  it belongs to whoever waits
                future.set_exception(error)

        self.call_soon(run)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep an exception that left a callback."""
        error = context.get("exception")
        if error is not None and "never retrieved" not in context["message"]:
            self.failures.append(error)

    def get_debug(self) -> bool:
        """Asked by tasks."""
        return False

    def is_running(self) -> bool:
        """Asked by futures that are waited for."""
        return True

    def is_closed(self) -> bool:
        """Asked by tasks."""
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Told by timers; they are passed over when their time comes."""
