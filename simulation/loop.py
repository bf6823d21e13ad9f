"""An event loop without time and without chance of its own: whoever drives it chooses what runs next.

Touches: nothing.

What is ready waits in a list, and `run_one` runs the one at a given place. Time stands still
until `advance` moves it. Executors run at once, in the same thread, as a step of their own.

What asyncio does between two steps of stories, such as waking who waits for a future, is no step of its own:
it is done at once, in the order in which asyncio does it.

Steps belong to whoever began them: a story that was begun for an owner, and all that comes of it. When
the owner is gone none of them is run any more, not even what a `finally` holds: so does a process die.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar
from typing import Any, Final, TypeVar

Result = TypeVar("Result")


class Owner:
    """Whoever steps belong to. `gone`: they are not run any more."""

    __slots__ = ("gone",)

    def __init__(self) -> None:
        self.gone = False

    def context(self) -> Context:
        """A context for a story of this owner."""
        context = Context()
        context.run(_OWNER.set, self)
        return context


_MOST_LAST_STEPS: Final = 10_000
_OWNER: Final[ContextVar[Owner | None]] = ContextVar("owner", default=None)


class Step(asyncio.TimerHandle):
    """One callback that is ready or waits for its time."""

    _callback: Callable[..., object]
    _context: Context

    @property
    def is_asyncios(self) -> bool:
        """Whether this is asyncio's own work, and no part of a story."""
        callback = self._callback
        own = getattr(callback, "__self__", None)
        return not isinstance(own, asyncio.Task) and str(getattr(callback, "__module__", "")).startswith("asyncio.")

    @property
    def is_nobodys(self) -> bool:
        """Whether its owner is gone."""
        owner = self._context.get(_OWNER)
        return owner is not None and owner.gone

    def run(self) -> None:
        """Run it, unless it was cancelled."""
        if not self.cancelled():
            self._run()


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The loop. `failures` are exceptions that left a callback: nobody else would see them."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._ready: list[Step] = []
        self._between: deque[Step] = deque()
        self._left: list[Step] = []
        self._made: list[asyncio.Task[Any]] = []
        self._ended = False
        self._timers: list[tuple[float, int, Step]] = []
        self._elsewhere: list[tuple[float, int, Callable[[], object]]] = []
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
        """Run the callback at a place of the ready ones, and what asyncio does then."""
        self._ready.pop(place).run()
        self._do_asyncios()

    def leave(self, owner: Owner) -> None:
        """The owner is gone, and nothing of what it began goes on."""
        owner.gone = True
        ready, self._ready = [*self._between, *self._ready], []
        self._between.clear()
        for step in ready:
            self._enqueue(step)

    def end(self) -> None:
        """Cancel everything that has not ended, the stories of those who are gone too, and let it end."""
        self._ended = True
        left, self._left = self._left, []
        self._ready += left
        for task in self._made:
            task.cancel()
        self._do_asyncios()
        for _ in range(_MOST_LAST_STEPS):
            if not self._ready:
                break
            self.run_one(0)

    def next_timer(self) -> float | None:
        """When the first timer fires, None when there is none."""
        while self._timers and (self._timers[0][2].cancelled() or self._timers[0][2].is_nobodys):
            heapq.heappop(self._timers)
        return min((first[0][0] for first in (self._timers, self._elsewhere) if first), default=None)

    def at(self, instant: float, what: Callable[[], object]) -> None:
        """Have something done at an instant, by somebody who is never late, however long all others are held up."""
        heapq.heappush(self._elsewhere, (instant, next(self._serials), what))

    def advance(self, instant: float) -> None:
        """Let time pass until an instant; what waited for it is ready then."""
        while self._elsewhere and self._elsewhere[0][0] <= instant:
            due, _, what = heapq.heappop(self._elsewhere)
            self._now = max(self._now, due)
            what()
        self._now = max(self._now, instant)
        while self._timers and self._timers[0][0] <= self._now:
            step = heapq.heappop(self._timers)[2]
            if not step.cancelled():
                self._enqueue(step)
        self._do_asyncios()

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:  # type: ignore[override]  # the TypeVarTuple adds nothing here
        """Make a callback ready."""
        step = Step(self._now, callback, args, self, context)
        self._enqueue(step)
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
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._made.append(task)
        return task

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

    def _enqueue(self, step: Step) -> None:
        if step.is_nobodys and not self._ended:
            self._left.append(step)
        else:
            (self._between if step.is_asyncios else self._ready).append(step)

    def _do_asyncios(self) -> None:
        while self._between:
            self._between.popleft().run()

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
