"""Work in other processes: in order, bounded, and done here when they are gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from numberdesk.infra.side_processes import in_order


def squared(number: int) -> int:
    """Some work."""
    if number < 0:
        raise ValueError("negative")
    return number * number


def whose(_: int) -> int:
    """Which process does the work."""
    return os.getpid()


def ended_by(first: tuple[int, int]) -> int:
    """The process ends itself, unless it is the one that is named."""
    here, number = first
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def heeds_ctrl_c(_: int) -> bool:
    """Whether the process that does the work would be ended by Ctrl-C."""
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    assert list(in_order(squared, range(40), processes=processes)) == [(n, n * n) for n in range(40)]


def test_the_work_is_done_beside_this_process_and_few_tasks_are_taken_ahead() -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(whose, tasks(), processes=2)
    assert next(results)[1] != os.getpid()
    assert len(taken) < 20
    results.close()
    assert len(taken) < 20
    assert multiprocessing.active_children() == []


def test_what_the_work_raises_is_raised_and_no_process_is_left() -> None:
    with pytest.raises(ValueError, match="negative"):
        list(in_order(squared, [1, -1, 2], processes=2))
    assert multiprocessing.active_children() == []


def test_the_tasks_of_processes_that_are_killed_are_done_here() -> None:
    tasks = [(os.getpid(), number) for number in range(30)]
    assert [result for _, result in in_order(ended_by, tasks, processes=2)] == list(range(30))


def test_the_processes_leave_ctrl_c_to_this_one() -> None:
    assert [heeds for _, heeds in in_order(heeds_ctrl_c, range(3), processes=2)] == [False] * 3
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_it_is_done_also_where_other_threads_hold_locks() -> None:
    lock = threading.Lock()
    with lock:
        assert list(in_order(squared, [3], processes=2)) == [(3, 9)]
