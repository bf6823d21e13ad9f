"""The simulator's event loop: nothing runs and no time passes unless its driver says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from simulator.loop import SimulatedLoop


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    loop = SimulatedLoop()  # type: ignore[abstract]  # what it lacks nobody here asks for
    with loop.running():
        yield loop


def drain(loop: SimulatedLoop) -> None:
    while loop.ready:
        loop.run_one(0)


def test_the_driver_chooses_what_runs_next(loop: SimulatedLoop) -> None:
    ran: list[str] = []
    for name in "abc":
        loop.call_soon(ran.append, name)
    loop.run_one(2)
    loop.run_one(0)
    assert ran == ["c", "a"]
    assert loop.ready == 1


def test_a_sleeping_story_wakes_when_its_time_is_reached_and_not_before(loop: SimulatedLoop) -> None:
    task = loop.create_task(asyncio.sleep(5, "slept"))
    drain(loop)
    assert loop.next_timer() == 5
    loop.advance(4.999)
    assert not loop.ready
    loop.advance(5)
    drain(loop)
    assert (task.result(), loop.time()) == ("slept", 5)


def test_a_timeout_ends_a_wait(loop: SimulatedLoop) -> None:
    async def wait() -> None:
        async with asyncio.timeout(1):
            await loop.create_future()

    task = loop.create_task(wait())
    drain(loop)
    loop.advance(1)
    drain(loop)
    assert isinstance(task.exception(), TimeoutError)


def test_a_cancelled_timer_is_passed_over(loop: SimulatedLoop) -> None:
    loop.call_later(1, pytest.fail, "it was cancelled").cancel()
    loop.call_later(2, lambda: None)
    assert loop.next_timer() == 2
    loop.advance(3)
    assert loop.ready == 1


def test_an_executor_runs_its_function_as_a_step_of_its_own(loop: SimulatedLoop) -> None:
    good, bad = loop.run_in_executor(None, divmod, 7, 2), loop.run_in_executor(None, divmod, 7, 0)
    assert not good.done()
    drain(loop)
    assert good.result() == (3, 1)
    assert isinstance(bad.exception(), ZeroDivisionError)


def test_what_a_callback_raises_is_not_lost(loop: SimulatedLoop) -> None:
    loop.call_soon(divmod, 1, 0)
    drain(loop)
    assert [type(failure) for failure in loop.failures] == [ZeroDivisionError]
