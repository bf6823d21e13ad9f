"""Reads beside the writer: short read transactions in two pools of threads.

Touches: database, threads, clock.

Lists and searches share one pool, in which accounts take turns (core/turns.py): what one account asks for delays
another by no more than its turn, and what is over its share is refused. Look-ups by key, as of API keys and of what a
purchase needs to know, have a pool of their own and never wait for a list.

A read changes nothing, so one whose connection was cut is asked again for a moment: a pool may
hold dead connections after the primary changed.
A read for a request has an end, also when the database is silent or the question is too much for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.core.turns import GivenTurn, TurnAnswer, Turns
from numberdesk.infra.db import Database, TryAgainError, Tx

Result = TypeVar("Result")

_RETRIED_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.05
_TOO_MANY: Final = "Too many requests of this account are being read or wait for it. Try again later."


class ReadLimits(NamedTuple):
    """What reads may take.

    `threads` run lists and searches, of one account `account_reads` at a time while `account_waiting` wait, each for
    `wait_seconds` at most. `look_up_threads` run look-ups. Each read takes `read_seconds` at most.
    """

    threads: int = 4
    account_reads: int = 2
    account_waiting: int = 32
    look_up_threads: int = 2
    wait_seconds: float = 4.0
    read_seconds: float = 8.0


class ReaderFigures(NamedTuple):
    """How many lists and searches run and wait now, and how many were refused since the start."""

    running: int
    waiting: int
    refused: int


class _Asker(NamedTuple):
    """Who waits for a turn, in which event loop."""

    loop: asyncio.AbstractEventLoop
    turn: asyncio.Future[None]


class Reader:
    """Runs read functions in their own transactions."""

    def __init__(self, database: Database, limits: ReadLimits = ReadLimits()) -> None:  # noqa: B008  a value
        self._database = database
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="numberdesk-read")
        self._look_ups = ThreadPoolExecutor(limits.look_up_threads, thread_name_prefix="numberdesk-look-up")
        self._turns: Turns[_Asker] = Turns(
            at_once=limits.threads, each=limits.account_reads, waiting=limits.account_waiting
        )
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._refused = 0

    @property
    def figures(self) -> ReaderFigures:
        """Counts of this moment, and since the start."""
        return ReaderFigures(self._turns.taken, self._turns.waiting, self._refused)

    async def read(
        self, question: Callable[[Tx], Result], *, for_account: str | None, seconds: float | None = None
    ) -> Result:
        """Ask in a thread, when it is the account's turn; the event loop stays free.

        None stands for the service itself, which is never refused. `seconds` is how long the read may take, where that
        is not as long as all others. Raises RateLimited when as many of the account's reads wait as may, or one waited
        too long, and Overloaded when it did so because of others.
        """
        await self._wait_for_turn(for_account)
        loop = asyncio.get_running_loop()
        try:
            asked = loop.run_in_executor(self._pool, self._read_in_turn, question, for_account, seconds)
        except RuntimeError:  # the pool is closed
            self._end(for_account)
            raise
        # Whoever asks may go; the thread reads on, and until it is done the turn is not over.
        return await asyncio.shield(asked)

    def require_room(self, for_account: str) -> None:
        """Let an account pass that may ask something now. Raises RateLimited, as `read` would."""
        with self._lock:
            has_room = self._turns.has_room(for_account)
        if not has_room:
            raise self._refusal()

    async def look_up(self, question: Callable[[Tx], Result], *, for_account: str | None = None) -> Result:
        """Ask for a few rows by their keys, beside all lists and searches.

        What is asked for an account, as often as it likes, has half of the threads at most: a key that is looked up
        finds one of the others. It waits for its turn, and is not refused.
        """
        if for_account is None:
            return await self._looked_up(question)
        async with self._shares.setdefault(for_account, asyncio.Semaphore(max(1, self._limits.look_up_threads // 2))):
            return await self._looked_up(question)

    async def _looked_up(self, question: Callable[[Tx], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(
            self._look_ups, self._read, question, self._limits.read_seconds
        )

    def read_now(self, question: Callable[[Tx], Result], seconds: float | None = None) -> Result:
        """Ask in this thread, for as long as it takes unless told how long: for the command line and metrics."""
        return self._read(question, seconds)

    async def _wait_for_turn(self, party: str | None) -> None:
        loop = asyncio.get_running_loop()
        asker = _Asker(loop, loop.create_future())
        with self._lock:
            answer = self._turns.ask(party, asker)
        if answer is TurnAnswer.NOW:
            return
        if answer is TurnAnswer.TOO_MANY:
            raise self._refusal()
        try:
            async with asyncio.timeout(None if party is None else self._limits.wait_seconds):
                await asker.turn
        except BaseException as error:
            is_own_fault = self._leave(party, asker)
            if isinstance(error, TimeoutError):
                raise (self._refusal() if is_own_fault else Overloaded()) from None
            raise

    def _leave(self, party: str | None, asker: _Asker) -> bool:
        """Wait no longer, and give back a turn that came all the same; say whether its party had all its turns."""
        with self._lock:
            self._turns.leave(party, asker)
            is_own_fault = self._turns.has_its_share(party)
        if asker.turn.done() and not asker.turn.cancelled():
            self._end(party)
        return is_own_fault

    def _read_in_turn(self, question: Callable[[Tx], Result], party: str | None, seconds: float | None) -> Result:
        try:
            return self._read(question, self._limits.read_seconds if seconds is None else seconds)
        finally:
            self._end(party)

    def _end(self, party: str | None) -> None:
        """A turn is over: let the next one go on, in its own event loop."""
        with self._lock:
            following = self._turns.end(party)
        if following is None:
            return
        try:
            following.asker.loop.call_soon_threadsafe(self._give, following)
        except RuntimeError:  # that loop is closed: nobody waits there any more
            self._end(following.party)

    def _give(self, given: GivenTurn[_Asker]) -> None:
        if given.asker.turn.done():  # its asker has gone
            self._end(given.party)
        else:
            given.asker.turn.set_result(None)

    def _refusal(self) -> RateLimited:
        self._refused += 1
        return RateLimited(_TOO_MANY, {"retry_after": 1})

    def _read(self, question: Callable[[Tx], Result], seconds: float | None) -> Result:
        end = time.monotonic() + _RETRIED_SECONDS
        while True:
            try:
                with self._database.read(seconds=seconds) as tx:
                    return question(tx)
            except TryAgainError:
                if time.monotonic() >= end:
                    raise
            time.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        """Wait for running reads and end the threads."""
        self._pool.shutdown(wait=True)
        self._look_ups.shutdown(wait=True)
