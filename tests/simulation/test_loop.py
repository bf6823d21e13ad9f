"""The simulation's event loop: nothing runs and no time passes unless its driver says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from simulation.loop import Owner, SimulatedLoop


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


def test_what_asyncio_does_between_two_steps_is_no_step(loop: SimulatedLoop) -> None:
    slept = loop.create_task(asyncio.sleep(5, "slept"))
    waiting = loop.create_task(asyncio.wait({slept}))
    drain(loop)
    loop.advance(5)
    assert loop.ready == 1  # the sleeper itself: what wakes it has been done
    loop.run_one(0)
    assert loop.ready == 1  # whoever waits for it
    loop.run_one(0)
    assert waiting.done()


def test_when_an_owner_is_gone_nothing_of_his_goes_on(loop: SimulatedLoop) -> None:
    owner, seen = Owner(), list[str]()

    async def story() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            seen.append("finally")

    async def parent() -> None:
        await asyncio.gather(story(), story())

    loop.create_task(parent(), context=owner.context())
    other = loop.create_task(story())
    drain(loop)
    loop.leave(owner)
    loop.advance(2)
    drain(loop)
    assert other.done()
    assert seen == ["finally"]
    loop.end()


def test_at_the_end_everything_is_ended(loop: SimulatedLoop) -> None:
    owner = Owner()
    stories = [
        loop.create_task(asyncio.sleep(1), context=owner.context()),
        loop.create_task(asyncio.sleep(1)),
        loop.create_task(asyncio.sleep(0), context=owner.context()),
    ]
    loop.run_one(0)
    loop.leave(owner)
    loop.end()
    assert all(story.cancelled() for story in stories)


def test_others_are_on_time_however_late_everybody_here_is(loop: SimulatedLoop) -> None:
    told: list[float] = []
    loop.at(3, lambda: told.append(loop.time()))
    loop.at(3.5, lambda: loop.at(4, lambda: told.append(loop.time())))
    assert loop.next_timer() == 3
    loop.advance(1000)
    assert (told, loop.time()) == ([3, 4], 1000)
