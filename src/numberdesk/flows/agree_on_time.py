"""Agree on how far time has come, by the time of day and by what has elapsed (core/agreed_time.py).

Touches: database.

What is agreed on is kept in the database, for all processes and over restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.core.agreed_time import AgreedTime, agree, surely_past
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.clock import ProcessTime
from numberdesk.infra.db import Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.writer import Writer
from numberdesk.numbers.agreed_time_store import lock_agreed_time, save_agreed_time

_LATELY: Final = 10 * MICROSECONDS


class TimeReading(NamedTuple):
    """The time of day, and what one process expects it to be by what has elapsed; None when it has just begun."""

    now: int
    expected: int | None


def agree_on_time(tx: Tx, commands: Sequence[TimeReading]) -> list[AgreedTime]:
    """The write flow: what is agreed on after each reading. The first process that ever asks has nothing to compare."""
    known = lock_agreed_time(tx, commands[0].now)
    outcomes = []
    for command in commands:
        known = agree(known, command.now, command.expected)
        outcomes.append(known)
    save_agreed_time(tx, known)
    return outcomes


class AgreedClock:
    """What one process knows of the agreed time. `now` gives the time of day in microseconds."""

    def __init__(self, writer: Writer, now: Callable[[], int], time: ProcessTime) -> None:
        self._writer = writer
        self._now = now
        self._time = time
        self._noted: tuple[int, int] | None = None
        self._disputed = False
        self._past: tuple[int, int] | None = None

    async def surely_past(self) -> int:
        """The instant that has passed by both clocks. Raises Overloaded and StorageFailedError."""
        now, elapsed = self._now(), self._time.elapsed()
        expected = None if self._noted is None else self._noted[0] + elapsed - self._noted[1]
        agreed = await self._writer.submit(agree_on_time, TimeReading(now, expected))
        self._noted = agreed.agreed_at, elapsed
        self._tell(agreed, now)
        return surely_past(agreed, now)

    async def lately_past(self) -> int:
        """The same, as it was not long ago: enough for what is due to the minute, and no commit each time."""
        if self._past is None or self._time.elapsed() - self._past[1] >= _LATELY:
            self._past = await self.surely_past(), self._time.elapsed()
        return self._past[0]

    def _tell(self, agreed: AgreedTime, now: int) -> None:
        """Log once that the time of day was set."""
        disputed = agreed.agreed_at != now and agreed.disputed_for > 0
        if disputed and not self._disputed:
            ahead = (now - agreed.agreed_at) // MICROSECONDS
            get_log().warning("time of day disagrees with what has elapsed", ahead_seconds=ahead)
        self._disputed = disputed
