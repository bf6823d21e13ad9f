"""Reads beside the writer: short read transactions in a pool of threads.

Touches: database, threads, clock.

A read changes nothing, so one whose connection was cut is asked again for a moment: a pool may
hold dead connections after the primary changed.
A read for a request has an end, also when the database is silent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from numberdesk.infra.db import Database, TryAgainError, Tx

Result = TypeVar("Result")

_RETRIED_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.05
_LONGEST_SECONDS: Final = 8.0
"""Of one read for a request: with a write after it, less than a stopping process gives to those that run."""


class Reader:
    """Runs read functions in their own transactions. `threads` bounds how many run at once."""

    def __init__(self, database: Database, *, threads: int) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="numberdesk-read")

    async def read(self, question: Callable[[Tx], Result]) -> Result:
        """Ask in a thread; the event loop stays free."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, question, _LONGEST_SECONDS)

    def read_now(self, question: Callable[[Tx], Result]) -> Result:
        """Ask in this thread, for as long as it takes: for the command line."""
        return self._read(question, None)

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
