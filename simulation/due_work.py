"""What must be taken up of due work, of whatever kind: what is due and in nobody's hands, and no more.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from numberdesk.infra.due_work import TakeUp
from simulation.books import Books, require
from simulation.carrier_orders import counting_process
from simulation.plan import DAY, HOUR
from simulation.world import MICROSECONDS


class Due(Protocol):
    """A row of due work. Rows of the books can be changed."""

    carrier: str
    next_at: int | None
    leased_until: int | None


class Kind(NamedTuple):
    """A kind of due work: its rows by key, how long a lease is, and the longest wait, both in seconds.

    `keeper` names the process that has begun something with a row: others leave it to that one for a while.
    Where leases are `watched`, none is over that whoever takes rows up has not watched for its length.
    """

    name: str
    rows: Callable[[Books], Mapping[str, Due]]
    lease: int
    longest: int
    keeper: Callable[[Any], str | None] = lambda _: None
    watched: bool = False


_GRACE = 60 * MICROSECONDS

KINDS = (
    Kind("take up orders", lambda books: books.carrier_orders, 200, DAY, counting_process),
    Kind("take up releases", lambda books: books.releases, 200, 6 * HOUR, watched=True),
    Kind("take up audits", lambda books: books.audits, HOUR, 366 * DAY),
)


def taking_up(kind: Kind) -> Callable[[Books, TakeUp, Sequence[Any]], list[str]]:
    """The rule for a kind: rows that are due are nobody else's for a while."""

    def take_up(books: Books, command: TakeUp, given: Sequence[Any]) -> list[str]:
        taken = _due(kind, books, command)
        require(taken, [one[0] for one in given], kind.name)
        rows = kind.rows(books)
        for key in taken:
            rows[key].leased_until = command.now + kind.lease * MICROSECONDS
            if hasattr(rows[key], "began_at"):
                rows[key].began_at = command.now  # type: ignore[attr-defined]  # audits note it
        leases = [(rows[key].next_at, rows[key].leased_until) for key in taken]
        require(leases, [(one.next_at, one.leased_until) for one in given], f"leases of {kind.name}")
        return []

    return take_up


def turn_of(row: Due) -> int | None:
    """When somebody may take a row up."""
    return row.next_at if row.next_at is None else max(row.next_at, row.leased_until or 0)


def _due(kind: Kind, books: Books, command: TakeUp) -> list[str]:
    """Whose time has come, the oldest first; then those whose time a clock that was wrong has set."""
    wrong = command.now + kind.longest * MICROSECONDS
    free = {
        key: row.next_at
        for key, row in kind.rows(books).items()
        if row.carrier == command.party
        and row.next_at is not None
        and (row.leased_until is None or not command.now < row.leased_until <= wrong)
        and (row.leased_until is None or not kind.watched or (key, row.leased_until) in command.outlasted)
    }
    keepers = {key: kind.keeper(row) for key, row in kind.rows(books).items()}
    since = {key: command.now - (0 if keepers[key] in (None, command.process) else _GRACE) for key in free}
    due = sorted((next_at, key) for key, next_at in free.items() if next_at <= since[key])
    beyond = sorted((next_at, key) for key, next_at in free.items() if next_at > wrong)
    return [key for _, key in [*due, *beyond]][: command.limit]
