"""Accounts share the writer: whoever asks as much as it can leaves room for others, and they take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from numberdesk.core.errors import RateLimited
from numberdesk.infra.db import Tx
from numberdesk.infra.turns import MOST_OF_THE_HOUSE, MOST_PER_BATCH
from numberdesk.infra.writer import Writer
from tests.infra.conftest import Barrier, Notes, ended, queued, reached, run, started


class Wish(NamedTuple):
    """What an account asks for."""

    account_id: str | None
    serial: int


class Batches:
    """A flow that remembers what came together."""

    def __init__(self) -> None:
        self.seen: list[list[Wish]] = []

    def __call__(self, _tx: Tx, wishes: Sequence[Wish]) -> list[int]:
        self.seen.append(list(wishes))
        return [wish.serial for wish in wishes]


def asked(writer: Writer, flow: Batches, account_id: str | None, count: int) -> list[asyncio.Task[int]]:
    return [asyncio.ensure_future(writer.submit(flow, Wish(account_id, serial))) for serial in range(count)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the queue, whatever is behind it
def test_an_account_that_asks_as_much_as_it_can_leaves_room_for_others(notes: Notes) -> None:
    flow, barrier = Batches(), Barrier()

    async def story(writer: Writer) -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        greedy = asked(writer, flow, "greedy", 100)
        await asyncio.sleep(0)
        others = asked(writer, flow, "one", 20) + asked(writer, flow, "two", 9)
        await asyncio.sleep(0)
        barrier.go.set()
        outcomes = [await ended(tasks) for tasks in (greedy, others[:20], others[20:])]
        turned_away = [sum(isinstance(outcome, RateLimited) for outcome in each) for each in outcomes]
        assert turned_away == [50, 0, 0]
        assert await first == "go"
        assert await ended(asked(writer, flow, "greedy", 50)) == list(range(50))

    with started(notes.database, queue_limit=100) as writer:
        run(story(writer))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the queue, whatever is behind it
def test_where_more_waits_than_a_batch_takes_accounts_take_turns_each_in_its_order(notes: Notes) -> None:
    flow, barrier = Batches(), Barrier()

    async def story(writer: Writer) -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        tasks = asked(writer, flow, "greedy", 2 * MOST_PER_BATCH) + asked(writer, flow, "one", 3)
        await asyncio.sleep(0)
        barrier.go.set()
        assert await ended(tasks) == [*range(2 * MOST_PER_BATCH), 0, 1, 2]
        assert await first == "go"

    with started(notes.database) as writer:
        run(story(writer))
    batches = [Counter(wish.account_id for wish in batch) for batch in flow.seen]
    assert batches == [{"greedy": MOST_PER_BATCH - 3, "one": 3}, {"greedy": MOST_PER_BATCH}, {"greedy": 3}]
    mine = [wish.serial for batch in flow.seen for wish in batch if wish.account_id == "greedy"]
    assert mine == sorted(mine)
    assert len(mine) == 2 * MOST_PER_BATCH


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the queue, whatever is behind it
def test_however_much_background_work_waits_whoever_buys_is_in_the_next_transaction(notes: Notes) -> None:
    flow, barrier = Batches(), Barrier()

    async def story(writer: Writer) -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        house = asked(writer, flow, None, 2 * MOST_OF_THE_HOUSE + 1)
        await asyncio.sleep(0)
        buyer = asked(writer, flow, "one", 2)
        await asyncio.sleep(0)
        barrier.go.set()
        assert await ended([first, *house, *buyer]) == ["go", *range(2 * MOST_OF_THE_HOUSE + 1), 0, 1]

    with started(notes.database) as writer:
        run(story(writer))
    batches = [Counter(wish.account_id for wish in batch) for batch in flow.seen]
    assert batches == [{None: MOST_OF_THE_HOUSE, "one": 2}, {None: MOST_OF_THE_HOUSE}, {None: 1}]
    house = [wish.serial for batch in flow.seen for wish in batch if wish.account_id is None]
    assert house == list(range(2 * MOST_OF_THE_HOUSE + 1))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the queue, whatever is behind it
def test_what_waits_behind_a_full_batch_is_done_before_the_writer_ends(notes: Notes) -> None:
    flow, barrier = Batches(), Barrier()

    async def story(writer: Writer) -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        tasks = asked(writer, flow, "greedy", MOST_PER_BATCH + 5)
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(writer.close))
        barrier.go.set()
        await closing
        assert await ended([*tasks]) == list(range(MOST_PER_BATCH + 5))
        assert await first == "go"

    with started(notes.database) as writer:
        run(story(writer))
