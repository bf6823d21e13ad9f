"""Reads: accounts take turns, what is over a share is refused, look-ups wait for nobody, and every read has an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.infra.db import Database, StorageFailedError, Tx
from numberdesk.infra.reader import Reader, ReadLimits

LONG = 30.0
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


class Held:
    """A read that goes on until it is let go."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _tx: Tx) -> str:
        self.began.set()
        assert self.may_end.wait(LONG)
        return "held"


def one(tx: Tx) -> int:
    return int(tx.fetch("SELECT 1", [])[0][0])


@contextmanager
def reading(database: Database, **limits: Any) -> Iterator[Reader]:
    reader = Reader(database, ReadLimits(**limits))
    yield reader
    reader.close()


async def held(reader: Reader, account: str | None) -> tuple[Held, asyncio.Task[str]]:
    """A read of an account that is under way."""
    question = Held()
    task = asyncio.ensure_future(reader.read(question, for_account=account))
    assert await asyncio.to_thread(question.began.wait, LONG)
    return question, task


async def waiting(reader: Reader, account: str | None) -> asyncio.Task[int]:
    """A read of an account that waits for its turn."""
    before = reader.figures.waiting
    task = asyncio.ensure_future(reader.read(one, for_account=account))
    await asyncio.sleep(0)
    assert reader.figures.waiting == before + 1
    return task


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONG))


def test_what_is_over_an_accounts_share_waits_and_delays_nobody_else(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        more = [await waiting(reader, "mad") for _ in range(3)]
        assert await reader.read(one, for_account="calm") == 1
        assert reader.figures[:2] == (1, 3)
        slow.may_end.set()
        assert await first == "held"
        assert await asyncio.gather(*more) == [1, 1, 1]
        assert reader.figures == (0, 0, 0)

    with reading(database, threads=2, account_reads=1) as reader:
        run(story(reader))


def test_when_more_of_an_account_wait_than_may_it_is_told_to_come_again(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        second = await waiting(reader, "mad")
        for ask in (reader.read(one, for_account="mad"), asyncio.to_thread(reader.require_room, "mad")):
            with pytest.raises(RateLimited) as refused:
                await ask
            assert refused.value.details == {"retry_after": 1}
        reader.require_room("calm")
        assert reader.figures.refused == 2
        slow.may_end.set()
        await asyncio.gather(first, second)
        reader.require_room("mad")
        assert await reader.read(one, for_account="mad") == 1

    with reading(database, threads=2, account_reads=1, account_waiting=1) as reader:
        run(story(reader))


def test_one_that_waits_too_long_is_told_whose_fault_it_is(database: Database) -> None:
    """Its own account's other reads: 429. Other accounts': 503."""

    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        with pytest.raises(RateLimited):
            await reader.read(one, for_account="mad")
        with pytest.raises(Overloaded):
            await reader.read(one, for_account="calm")
        assert reader.figures.waiting == 0
        slow.may_end.set()
        await first

    with reading(database, threads=1, account_reads=1, wait_seconds=0.01) as reader:
        run(story(reader))


def test_the_services_own_reads_take_turns_but_are_never_refused_nor_given_up(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        more = [await waiting(reader, None) for _ in range(20)]
        await asyncio.sleep(0.05)
        assert reader.figures.waiting == 20
        slow.may_end.set()
        await first
        assert await asyncio.gather(*more) == [1] * 20

    with reading(database, threads=1, account_reads=1, account_waiting=0, wait_seconds=0.01) as reader:
        run(story(reader))


def test_look_ups_for_an_account_leave_half_of_the_threads_to_all_others(database: Database) -> None:
    async def story(reader: Reader) -> None:
        question = Held()
        first = asyncio.ensure_future(reader.look_up(question, for_account="a"))
        assert await asyncio.to_thread(question.began.wait, LONG)
        others = Held()
        more = [asyncio.ensure_future(reader.look_up(others, for_account="a")) for _ in range(20)]
        assert await reader.look_up(one) == 1
        assert await reader.look_up(one, for_account="b") == 1
        assert not others.began.is_set()
        for each in (question, others):
            each.may_end.set()
        assert await asyncio.gather(first, *more) == ["held"] * 21

    with reading(database) as reader:
        asyncio.run(asyncio.wait_for(story(reader), LONG))


def test_look_ups_wait_for_no_list(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow = [await held(reader, account) for account in ("mad", "madder")]
        later = await waiting(reader, "calm")
        assert await reader.look_up(one) == 1
        for question, _ in slow:
            question.may_end.set()
        await asyncio.gather(later, *(task for _, task in slow))

    with reading(database, threads=2, account_reads=1) as reader:
        run(story(reader))


def test_one_who_goes_while_it_waits_makes_room_and_takes_no_turn(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        gone = await waiting(reader, "mad")
        stays = await waiting(reader, "mad")
        gone.cancel()
        await asyncio.wait([gone])
        assert (gone.cancelled(), reader.figures.waiting) == (True, 1)
        slow.may_end.set()
        await first
        assert await stays == 1
        assert reader.figures.running == 0

    with reading(database, threads=1, account_reads=1) as reader:
        run(story(reader))


def test_one_who_goes_as_its_turn_comes_passes_it_on(database: Database) -> None:
    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        gone = await waiting(reader, "mad")
        stays = await waiting(reader, "calm")
        slow.may_end.set()
        first.add_done_callback(lambda _: gone.cancel())
        await asyncio.wait([first, gone])
        assert await stays == 1
        assert await reader.read(one, for_account="mad") == 1

    with reading(database, threads=1, account_reads=1) as reader:
        run(story(reader))


def test_the_turn_of_one_who_goes_while_it_is_read_is_over_when_the_read_is(database: Database) -> None:
    """Else whoever hangs up again and again would have more reads running than its share."""

    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        first.cancel()
        await asyncio.wait([first])
        later = await waiting(reader, "mad")
        slow.may_end.set()
        assert await later == 1

    with reading(database, threads=2, account_reads=1) as reader:
        run(story(reader))


def test_a_read_that_fails_gives_its_turn_back(database: Database) -> None:
    async def story(reader: Reader) -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await reader.read(lambda _: 1 // 0, for_account="mad")
        assert reader.figures.running == 0

    with reading(database, threads=1, account_reads=1) as reader:
        run(story(reader))


def test_those_who_wait_in_another_event_loop_are_woken_there(database: Database) -> None:
    """A process has two: that of requests, and that of its background work."""

    async def story(reader: Reader) -> None:
        slow, first = await held(reader, "mad")
        answers: list[int] = []

        def elsewhere() -> None:
            answers.append(asyncio.run(reader.read(one, for_account="calm")))

        other = threading.Thread(target=elsewhere)
        other.start()
        while not reader.figures.waiting:  # noqa: ASYNC110  it is another thread that makes it so
            await asyncio.sleep(0.005)
        slow.may_end.set()
        await first
        await asyncio.to_thread(other.join, LONG)
        assert answers == [1]

    with reading(database, threads=1, account_reads=1) as reader:
        run(story(reader))


def test_after_it_was_closed_it_refuses_and_keeps_no_turn(database: Database) -> None:
    async def story(reader: Reader) -> None:
        reader.close()
        for _ in range(3):
            with pytest.raises(RuntimeError, match="shutdown"):
                await reader.read(one, for_account="calm")
        assert reader.figures.running == 0

    with reading(database, threads=1, account_reads=1) as reader:
        run(story(reader))


@pytest.mark.parametrize(
    "ask",
    [
        lambda reader, question: reader.read(question, for_account="mad"),
        lambda reader, question: reader.read(question, for_account=None, seconds=0.05),
        lambda reader, question: reader.look_up(question),
    ],
)
def test_a_question_that_is_too_much_for_the_database_is_ended_and_the_next_is_answered(
    database: Database, ask: Callable[[Reader, Callable[[Tx], Any]], Coroutine[Any, Any, Any]]
) -> None:
    async def story(reader: Reader) -> None:
        with pytest.raises(StorageFailedError):
            await ask(reader, lambda tx: tx.fetch(ENDLESS, []))
        assert await ask(reader, one) == 1

    with reading(database, threads=1, look_up_threads=1, read_seconds=0.1) as reader:
        run(story(reader))


def test_a_read_of_the_command_line_takes_as_long_as_it_takes(database: Database) -> None:
    """Also on a connection on which another read had an end."""

    def counted(tx: Tx) -> int:
        return int(tx.fetch(ENDLESS.replace("FROM n)", "FROM n WHERE x < 200000)"), [])[0][0])

    with reading(database, threads=1, read_seconds=0.001) as reader:

        async def story() -> None:
            with pytest.raises(StorageFailedError):
                await reader.read(lambda tx: tx.fetch(ENDLESS, []), for_account="mad")

        run(story())
        assert reader.read_now(counted) == 200_000
