"""The writer when all goes well: natural batches, durable outcomes, a bounded queue, a clean end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import assert_type

import pytest

from numberdesk.core.errors import NotFound, Overloaded
from numberdesk.infra.db import Tx
from numberdesk.infra.turns import MOST_OF_THE_HOUSE, MOST_PER_BATCH
from numberdesk.infra.writer import Writer, WriterFigures
from tests.infra.conftest import (
    PATIENCE,
    Barrier,
    Notes,
    Recorder,
    begun_to_close,
    ended,
    keep,
    queued,
    reached,
    run,
    started,
)


def test_a_lone_command_is_a_batch_of_one_and_durable_when_it_returns(notes: Notes, writer: Writer) -> None:
    recorder = Recorder()

    async def story() -> None:
        assert await writer.submit(recorder, "first") == "FIRST"
        assert notes.kept == ["first"]
        assert await writer.submit(recorder, "second") == "SECOND"
        assert notes.kept == ["first", "second"]

    run(story())
    assert recorder.batches == [["first"], ["second"]]
    assert writer.figures == WriterFigures(commands=2, batches=2, isolated=0, failed_commits=0, retries=0)


def test_nobody_is_answered_before_the_commit(notes: Notes, writer: Writer) -> None:
    async def story() -> None:
        notes.database.open_gate.clear()
        (task,) = await queued(writer.submit(keep, "word"))
        await reached(notes.database.at_gate)
        await asyncio.sleep(0)
        assert not task.done()
        assert notes.kept == []
        notes.database.open_gate.set()
        assert await task == "WORD"
        assert notes.kept == ["word"]

    run(story())


def test_commands_that_wait_are_committed_together_in_their_order(notes: Notes, writer: Writer) -> None:
    recorder, barrier = Recorder(), Barrier()
    words = [f"word {number}" for number in range(10)]

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(recorder, word) for word in words))
        assert writer.waiting == 11
        barrier.go.set()
        assert await ended([first, *rest]) == ["go", *(word.upper() for word in words)]

    run(story())
    assert recorder.batches == [words]
    assert notes.kept == words
    assert writer.figures == WriterFigures(commands=11, batches=2, isolated=0, failed_commits=0, retries=0)
    assert writer.waiting == 0


def test_each_flow_gets_its_own_commands_and_each_caller_its_own_outcome(writer: Writer) -> None:
    barrier = Barrier()
    seen: list[list[int]] = []

    def doubled(_tx: Tx, numbers: Sequence[int]) -> list[int]:
        seen.append(list(numbers))
        return [2 * number for number in numbers]

    def negated(_tx: Tx, numbers: Sequence[int]) -> list[int]:
        seen.append(list(numbers))
        return [-number for number in numbers]

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        flows = (doubled, negated, doubled, negated, doubled)
        rest = await queued(*(writer.submit(flow, number) for number, flow in enumerate(flows, 1)))
        barrier.go.set()
        assert await ended([*rest]) == [2, -2, 6, -4, 10]
        await first

    run(story())
    assert seen == [[1, 3, 5], [2, 4]]


def test_a_transaction_takes_no_more_of_no_account_than_its_bound(notes: Notes, writer: Writer) -> None:
    recorder, barrier = Recorder(), Barrier()
    words = [f"{number:04}" for number in range(MOST_OF_THE_HOUSE + 10)]

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(recorder, word) for word in words))
        barrier.go.set()
        await ended([first, *rest])

    run(story())
    assert [len(batch) for batch in recorder.batches] == [MOST_OF_THE_HOUSE, 10]
    assert notes.kept == words


def test_an_outcome_that_is_an_exception_is_raised_to_its_own_caller_and_the_rest_stands(
    notes: Notes, writer: Writer
) -> None:
    barrier = Barrier()

    def picky(tx: Tx, words: Sequence[str]) -> list[str | Exception]:
        keep(tx, words)
        return [NotFound() if word == "b" else word for word in words]

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(picky, word) for word in "abc"))
        barrier.go.set()
        await first
        assert await ended(rest) == ["a", NotFound(), "c"]
        assert_type(await writer.submit(picky, "d"), str)  # `make check` reads this: no caller has to ask for refusals

    run(story())
    assert notes.kept == ["a", "b", "c", "d"]
    assert writer.figures.isolated == 0


def test_a_full_queue_turns_commands_away_unbegun_and_takes_them_again_when_it_has_room(notes: Notes) -> None:
    barrier = Barrier()

    async def story(writer: Writer) -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        accepted = await queued(writer.submit(keep, "a"), writer.submit(keep, "b"))
        for _ in range(2):
            with pytest.raises(Overloaded):
                await writer.submit(keep, "too many")
        assert writer.waiting == 3
        barrier.go.set()
        assert await ended([first, *accepted]) == ["go", "A", "B"]
        assert await writer.submit(keep, "c") == "C"

    with started(notes.database, queue_limit=3) as writer:
        run(story(writer))
    assert notes.kept == ["a", "b", "c"]
    assert writer.figures.commands == 4


def test_a_command_that_waited_too_long_is_turned_away_unbegun(notes: Notes, writer: Writer) -> None:
    recorder, barrier = Recorder(), Barrier()

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        fresh = await queued(writer.submit(recorder, "a"))
        writer._patience = -1.0  # its deadline is over before it is queued
        late = await queued(writer.submit(recorder, "late"))
        writer._patience = PATIENCE
        fresh += await queued(writer.submit(recorder, "b"))
        barrier.go.set()
        assert await ended([first, *fresh]) == ["go", "A", "B"]
        (outcome,) = await ended(late)
        assert isinstance(outcome, Overloaded)

    run(story())
    assert recorder.batches == [["a", "b"]]
    assert notes.kept == ["a", "b"]


def test_a_batch_of_late_commands_only_needs_no_transaction(notes: Notes) -> None:
    with started(notes.database, patience_seconds=-1.0) as writer, pytest.raises(Overloaded):
        run(writer.submit(keep, "late"))
    assert writer.figures == WriterFigures(commands=1, batches=0, isolated=0, failed_commits=0, retries=0)
    assert notes.kept == []


def test_a_caller_that_goes_away_does_not_take_its_command_along(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        gone, stays = await queued(writer.submit(keep, "gone"), writer.submit(keep, "stays"))
        gone.cancel()
        assert isinstance((await ended([gone]))[0], asyncio.CancelledError)
        barrier.go.set()
        assert await ended([first, stays]) == ["go", "STAYS"]

    run(story())
    assert notes.kept == ["gone", "stays"]
    assert writer.waiting == 0


def test_several_event_loops_share_one_writer(notes: Notes, writer: Writer) -> None:
    outcomes: dict[int, list[str]] = {}

    async def many(loop: int) -> list[str]:
        return list(await asyncio.gather(*(writer.submit(keep, f"{loop} {number}") for number in range(50))))

    threads = [threading.Thread(target=lambda loop=loop: outcomes.update({loop: run(many(loop))})) for loop in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert outcomes == {loop: [f"{loop} {number}" for number in range(50)] for loop in range(4)}
    assert len(notes.kept) == 200
    assert writer.waiting == 0


def test_a_loop_that_is_closed_meanwhile_harms_nobody_else(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()

    async def leave() -> None:
        await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        await queued(writer.submit(keep, "left behind"))

    run(leave())  # cancels what still waits and closes the loop
    barrier.go.set()
    assert run(writer.submit(keep, "after")) == "AFTER"
    assert notes.kept == ["after", "left behind"]


def test_closing_applies_all_that_was_accepted_and_nothing_after(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()
    words = [f"{number:04}" for number in range(MOST_PER_BATCH + 100)]

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(keep, word) for word in words))
        closing = await begun_to_close(writer)
        with pytest.raises(Overloaded):
            await writer.submit(keep, "after the end")
        assert not closing.done()
        barrier.go.set()
        assert await ended([first, *rest]) == ["go", *words]
        await closing

    run(story())
    assert notes.kept == words
    assert writer.waiting == 0
    assert writer._thread is not None
    assert not writer._thread.is_alive()


def test_commands_accepted_before_the_start_are_applied_by_it(notes: Notes) -> None:
    writer = Writer(notes.database, patience_seconds=PATIENCE)

    async def story() -> None:
        tasks = await queued(writer.submit(keep, "early"))
        writer.start()
        assert await ended(tasks) == ["EARLY"]

    run(story())
    writer.close()


def test_a_closed_writer_takes_nothing(notes: Notes, writer: Writer) -> None:
    accepting = [writer.accepting]
    writer.close()
    assert [*accepting, writer.accepting] == [True, False]
    with pytest.raises(Overloaded):
        run(writer.submit(keep, "late"))
    assert notes.kept == []


def test_closing_twice_is_closing_once_from_whatever_thread(notes: Notes, writer: Writer) -> None:
    never_started = Writer(notes.database)
    never_started.close()
    never_started.close()
    threads = [threading.Thread(target=writer.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    writer.close()
