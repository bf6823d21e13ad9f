"""When due work is tried again: after how long, how often, and that a person has to look at it.

Touches: nothing.

A row of due work says when its turn is (`next_at`), how often it was tried (`attempts`), what came of the last
try (`message`), that it waits for a person (`parked_at`), and until when somebody is working on it
(`leased_until`). infra/due_work.py takes such rows up. Instants and delays are microseconds.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

LONGEST_MESSAGE: Final = 300
"""Characters kept of what came of a try."""


class DueRow(Protocol):
    """What every row of due work has, a NamedTuple."""

    @property
    def next_at(self) -> int | None:
        """When its turn is; None when nothing is to be done any more, or not without a person."""

    @property
    def attempts(self) -> int:
        """How often it was tried."""

    @property
    def parked_at(self) -> int | None:
        """Since when it waits for a person."""

    @property
    def leased_until(self) -> int | None:
        """Until when it is in somebody's hands."""


Row = TypeVar("Row", bound=DueRow)


class Schedule(NamedTuple):
    """The delays before each further try, the first one first.

    After the last of them the last is repeated when it is `endless`; else the row is parked for a person.
    """

    delays: tuple[int, ...]
    endless: bool

    @property
    def longest(self) -> int:
        """The longest delay: a time further ahead was set by a clock that was wrong."""
        return max(self.delays)

    def next_at(self, attempts: int, now: int) -> int | None:
        """When to try again what was tried `attempts` times before this one; None: not without a person."""
        if attempts < len(self.delays):
            return now + self.delays[attempts]
        return now + self.delays[-1] if self.endless else None


def retried(row: Row, schedule: Schedule, message: str, now: int, *, no_later: int | None = None) -> Row:
    """The row after a try that settled nothing: due again as the schedule says, but `no_later`, or parked."""
    next_at = schedule.next_at(row.attempts, now)
    kept = message[:LONGEST_MESSAGE]
    if next_at is None:
        since = now if row.parked_at is None else row.parked_at  # a late try does not make it wait anew
        return _copy(row, next_at=None, message=kept, parked_at=since, leased_until=None)
    soonest = next_at if no_later is None else min(next_at, no_later)
    return _copy(row, next_at=soonest, attempts=row.attempts + 1, message=kept, parked_at=None, leased_until=None)


def leased(row: Row, until: int, **noted: int) -> Row:
    """The row in somebody's hands, for no longer than `until`; `noted` are other columns that say so."""
    return _copy(row, leased_until=until, **noted)


def resting(row: Row) -> Row:
    """The row when nothing is to be done any more, or not without a person."""
    return _copy(row, next_at=None, leased_until=None)


def converged(row: Row, state: str, message: str, now: int) -> Row:
    """The row of something that converges, when a try has settled it in a state: it rests, until it is looked at."""
    return _copy(
        resting(row), state=state, attempts=row.attempts + 1, message=message[:LONGEST_MESSAGE], parked_at=None,
        settled_at=now, look_at=None,
    )  # fmt: skip


def _copy(row: Row, **changes: int | str | None) -> Row:
    copied: Row = cast("Any", row)._replace(**changes)
    return copied


def is_leased(row: DueRow, now: int) -> bool:
    """Whether somebody is working on the row. Who has not ended by `leased_until` is taken to be gone."""
    return row.leased_until is not None and now < row.leased_until


def turn_of(row: DueRow) -> int | None:
    """When the row will be taken up: at its time, or when the lease of whoever has it is over."""
    return row.next_at if row.next_at is None or row.leased_until is None else max(row.next_at, row.leased_until)
