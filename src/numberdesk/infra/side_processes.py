"""Work that needs only its arguments, done in other processes beside this one: results in order, memory bounded.

Touches: environment, threads.

The processes are started anew, not forked: this one may have threads, whose locks a fork would copy as they are held.
They leave Ctrl-C to this one, which ends them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_AHEAD: Final = 3
"""Tasks that each process has before it, so that none waits for the reader."""


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, processes: int
) -> Generator[tuple[Task, Result]]:
    """Each task with what `work` makes of it, in the order of the tasks.

    With fewer than two processes all is done here. `work` and the tasks must be such as can be pickled; what `work`
    raises is raised here. Processes that are killed are done without: their tasks are done here. Close it when it is
    not read to its end.
    """
    if processes < 2:  # noqa: PLR2004  this one
        for task in tasks:
            yield task, work(task)
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    waiting: deque[tuple[Task, Future[Result] | None]] = deque()
    try:
        for task in tasks:
            waiting.append((task, _submitted(pool, work, task)))
            if len(waiting) > processes * _AHEAD:
                yield _first(waiting, work)
        while waiting:
            yield _first(waiting, work)
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, work: Callable[[Task], Result], task: Task) -> Future[Result] | None:
    # The processes that this may start keep the mask: Ctrl-C at a terminal is sent to them, too.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work, task)
    except BrokenProcessPool:
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _first(waiting: deque[tuple[Task, Future[Result] | None]], work: Callable[[Task], Result]) -> tuple[Task, Result]:
    task, future = waiting.popleft()
    try:
        return task, work(task) if future is None else future.result()
    except BrokenProcessPool:
        return task, work(task)
