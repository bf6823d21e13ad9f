"""Due work: what is to be done at a time, outside any transaction, until it is done or left to a person.

Touches: database.

Orders at carriers, numbers that go back to them and audits are rows, each with the five columns of `due_columns`
(tables/base.py), and are worked on alike by as many processes as there are:

1. take up: one transaction locks rows whose time has come and that are nobody else's, and gives them a lease
   (`leased_until`). On PostgreSQL it skips what another process has locked;
2. act: the one thing is done (a carrier is asked), with no transaction open;
3. note: another transaction writes down what came of it. The row is then done, or due again, or parked, as the
   schedule of its kind says (core/schedule.py), and the lease is over.

A process that dies in between leaves the lease behind. When that is over somebody else takes the row up, so acting
twice must do no harm, and noting must expect a row that others have noted since. Where acting twice at the same time
would do harm, leases are `watched`: one that is over by the time of day, which may have been set, is taken over only
after this process has seen it lie there for its whole length, by its clock that only goes forward.

Every row has a party (the carrier): who is asked. Each party has a task of its own and so many rows at once, and
parties take turns, so that a slow one with a million rows delays nobody else.

A new kind is a table with these columns and the index of `due_index`, a store with a DueTable, and a flow
that makes a DueWork; worker.py names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
)

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import DueRow, leased
from numberdesk.infra.db import StorageFailedError, Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.statements import UpdateRows
from numberdesk.infra.writer import Writer, no_failpoint

FAILPOINTS: Final = ("taken_up", "acted", "noted")
"""What every piece of work passes, told as "KIND.POINT": it is this process's, it is done, that is written down."""

MOST_PARTIES: Final = 64
"""Parties of one kind of work that one process works for side by side."""

Row = TypeVar("Row", bound=DueRow)
Result = TypeVar("Result")


KEEPERS_GRACE: Final = 60 * MICROSECONDS
"""How long a row that is due is left to the process that has begun something with it."""


Lease = tuple[str, int]
"""A row by its key, and until when it is somebody's."""

_MOST_WATCHED: Final = 1000
"""Rows among which leases that are over are looked for: those that are due longest."""


class TakeUp(NamedTuple):
    """Take up to `limit` rows of a party that are due at `now`, in a process of this name.

    `outlasted` are leases that are surely over, for a kind whose leases are watched.
    """

    party: str
    now: int
    limit: int
    process: str = ""
    outlasted: tuple[Lease, ...] = ()


class WorkOutcome(StrEnum):
    """What became of a row, the names of the figures of a round."""

    DONE = "done"
    RETRIED = "retried"  # it is due again
    PARKED = "parked"  # it waits for a person
    LEASE_LOST = "lease_lost"  # it took longer than its lease: somebody else has it, or has ended it
    FAILED = "failed"  # nothing could be noted: it is due again when its lease is over


@dataclass(slots=True)
class RoundFigures:
    """What became of the rows of one kind, since the process began."""

    taken_up: int = 0
    done: int = 0
    retried: int = 0
    parked: int = 0
    lease_lost: int = 0
    failed: int = 0

    def count(self, outcome: WorkOutcome) -> None:
        """Count one row."""
        setattr(self, outcome.value, getattr(self, outcome.value) + 1)


class Backlog(NamedTuple):
    """What of one kind is due and not done: how many rows, at most so many of each party, and how long ago the first.

    `late` is in microseconds, `tries` the most that one of the rows that are due longest was tried.
    """

    rows: int
    late: int
    tries: int


_NOW: Final = bindparam("now", type_=BigInteger)
_FARTHEST: Final = bindparam("farthest", type_=BigInteger)
_KEPT_UNTIL: Final = bindparam("kept_until", type_=BigInteger)
_PROCESS: Final = bindparam("process", type_=Text)
_AFTER: Final = bindparam("after", type_=Text)
_MOST: Final = bindparam("most", type_=Integer)


class DueTable(Generic[Row]):
    """The SQL of one kind: which rows are due, and taking them up. `name` is its table's.

    `row` names the columns that are read, in its order; `key` is the primary key, `party` who is asked. `lease` is
    how long acting on a row may take, `longest` the longest wait that is ever set: a time further ahead was set by a
    clock that was wrong, and is over. `began` is a column that notes when a row was taken up. `keeper` is one that
    names a process whose work would be lost if another went on with the row: the others leave it to that one for a
    while after it is due. `only` is what must hold besides, looked at in the transaction that takes a row up.
    With `watched`, a lease is over only when whoever wants the row has watched it for its length.
    """

    def __init__(
        self,
        table: Table,
        row: type[Row],
        *,
        key: str,
        party: str,
        lease: int,
        longest: int,
        began: str | None = None,
        keeper: str | None = None,
        only: ColumnElement[bool] | None = None,
        watched: bool = False,
    ) -> None:
        named: Any = cast("Any", row)  # a NamedTuple, which no bound can say beside its columns
        self._make: Callable[[Any], Row] = named._make
        self._columns = [table.c[name] for name in named._fields]
        self.name, self._table, self._key, self._party = table.name, table, table.c[key], table.c[party]
        self.lease, self._longest, self._began = lease, longest, began
        self._keeper = None if keeper is None else table.c[keeper]
        self._only = true() if only is None else only
        self.watched = watched
        # Made once: every process asks these of every kind of work, second after second.
        self._is_due = self._when_due()
        self._parties_after = self._due_parties(self._party > _AFTER)
        self._parties_up_to = self._due_parties(self._party <= _AFTER)
        self._lease_rows = UpdateRows(table, key, "leased_until", *([] if began is None else [began]))

    def find_due_parties(self, tx: Tx, now: int, after: str, limit: int, process: str = "") -> list[str]:
        """Up to `limit` parties with rows due in a process: those after a name first, then from the beginning."""
        asked = {**self._instants(now, process), "after": after, "most": limit}
        found = sorted(tx.execute(self._parties_after, asked).scalars())
        if len(found) < limit:
            asked["most"] = limit - len(found)
            found += sorted(tx.execute(self._parties_up_to, asked).scalars())
        return found

    def take_up(self, tx: Tx, commands: Sequence[TakeUp]) -> list[list[Row]]:
        """The write flow: due rows, which are nobody else's for the length of a lease, with that noted in them."""
        return [self._take_up(tx, command) for command in commands]

    def _take_up(self, tx: Tx, command: TakeUp) -> list[Row]:
        rows: list[Row] = []
        instants = self._instants(command.now, command.process)
        for due in self._is_due:
            if len(rows) < command.limit:
                mine = and_(self._party == command.party, due, self._is_outlasted(command.outlasted))
                rows += map(self._make, tx.execute(self._due_rows(mine, command.limit - len(rows)), instants))
        until = command.now + self.lease
        began = [] if self._began is None else [command.now]
        self._lease_rows.run(tx, [(getattr(row, self._key.name), until, *began) for row in rows])
        noted = {} if self._began is None else {self._began: command.now}
        return [leased(row, until, **noted) for row in rows]

    def find_leases_over(self, tx: Tx, party: str, now: int) -> list[Lease]:
        """The leases of a party that are over by the time of day, among the rows that are due longest."""
        columns = self._table.c
        oldest = select(self._key.label("key"), columns.leased_until).where(
            self._party == party, columns.next_at.is_not(None), self._only
        )
        first = oldest.order_by(columns.next_at, self._key).limit(_MOST_WATCHED).subquery()
        over = or_(first.c.leased_until <= now, first.c.leased_until > now + self._longest)
        return [(row.key, row.leased_until) for row in tx.execute(select(first).where(over))]

    def find_backlog(self, tx: Tx, now: int, most: int) -> Backlog:
        """What is due now, leased or not: of up to MOST_PARTIES parties with free rows, up to `most` rows each."""
        columns = self._table.c
        rows, oldest, tries = 0, now, 0
        for party in self.find_due_parties(tx, now, "", MOST_PARTIES):
            due = select(columns.next_at, columns.attempts).where(
                self._party == party, columns.next_at.is_not(None), columns.next_at <= now
            )
            first = due.order_by(columns.next_at).limit(most).subquery()
            counted: Any = select(func.count(), func.min(first.c.next_at), func.max(first.c.attempts))
            count, next_at, tried = tuple(tx.execute(counted).one())
            rows, oldest, tries = rows + count, min(oldest, next_at or now), max(tries, tried or 0)
        return Backlog(rows, now - oldest, tries)

    def _is_outlasted(self, leases: Sequence[Lease]) -> ColumnElement[bool]:
        """Nobody's, or under a lease that was watched."""
        if not self.watched:
            return true()
        leased_until = self._table.c.leased_until
        return or_(leased_until.is_(None), *(and_(self._key == key, leased_until == until) for key, until in leases))

    def _due_rows(self, due: ColumnElement[bool], limit: int) -> Select[Any]:
        ordered = select(*self._columns).where(due).order_by(self._table.c.next_at, self._key).limit(limit)
        return ordered.with_for_update(skip_locked=True, of=self._table)

    def _instants(self, now: int, process: str) -> dict[str, Any]:
        """What `_is_due` compares with."""
        return {"now": now, "farthest": now + self._longest, "kept_until": now - KEEPERS_GRACE, "process": process}

    def _when_due(self) -> tuple[ColumnElement[bool], ...]:
        """What makes a row due, in turn: its time, or one that cannot be right. Two, so that an index serves each."""
        columns = self._table.c
        free = or_(columns.leased_until.is_(None), columns.leased_until <= _NOW, columns.leased_until > _FARTHEST)
        mine: ColumnElement[bool] = true()
        if self._keeper is not None:
            mine = or_(self._keeper.is_(None), self._keeper == _PROCESS, columns.next_at <= _KEPT_UNTIL)
        times = and_(columns.next_at <= _NOW, mine), columns.next_at > _FARTHEST
        return tuple(and_(columns.next_at.is_not(None), time, free, self._only) for time in times)

    def _due_parties(self, among: ColumnElement[bool]) -> Select[Any]:
        """Steps from party to party through the index, however many rows each has, and only so far as is asked for."""
        of_open = select(func.min(self._party)).where(self._table.c.next_at.is_not(None))
        first = select(of_open.where(among).scalar_subquery().label("party"))
        parties = first.cte("parties", recursive=True)
        following = of_open.where(among, self._party > parties.c.party).correlate(parties).scalar_subquery()
        parties = parties.union_all(select(following).where(parties.c.party.is_not(None)))
        has_due = [exists().where(self._party == parties.c.party, due) for due in self._is_due]
        return select(parties.c.party).where(parties.c.party.is_not(None), or_(*has_due)).limit(_MOST)


class DueWork(NamedTuple, Generic[Row, Result]):
    """One kind of due work. `act` does the thing, `note` writes down what came of it; the row is as it was taken up.

    `at_once` bounds the rows of one party, `parties` the parties, that one process works on side by side. `time` says
    by what instant rows are due, where that is not the time of day.
    """

    name: str
    table: DueTable[Row]
    act: Callable[[Row], Awaitable[Result]]
    note: Callable[[Row, Result], Awaitable[WorkOutcome]]
    at_once: int = 16
    parties: int = MOST_PARTIES
    time: Callable[[], Awaitable[int]] | None = None


class DueWorker(Generic[Row, Result]):
    """Works on one kind in a process of this name. `now` gives microseconds; `failpoint` is told what rows pass.

    `elapsed` gives the microseconds of a clock that only goes forward; without it no watched lease is ever over.
    """

    def __init__(
        self,
        work: DueWork[Row, Result],
        writer: Writer,
        reader: Reader,
        *,
        now: Callable[[], int],
        process: str = "",
        elapsed: Callable[[], int] = lambda: 0,
        failpoint: Callable[[str], None] = no_failpoint,
    ) -> None:
        self.work = work
        self.figures = RoundFigures()
        self._writer = writer
        self._reader = reader
        self._now = now
        self._process = process
        self._elapsed = elapsed
        self._seen: dict[str, dict[Lease, int]] = {}
        self._failpoint = failpoint
        self._last = ""
        self.running: dict[str, asyncio.Task[None]] = {}

    async def begin(self, stopping: Callable[[], bool]) -> None:
        """Begin with parties that have due rows and no task yet, which goes on until nothing of theirs is due."""
        for party in await self._next_parties(self.work.parties - len(self.running)):
            if not stopping():
                self._last = party
                task = self.running[party] = asyncio.create_task(put_off(partial(self._all_of, party, stopping)))
                task.add_done_callback(partial(self._ended, party))

    async def run_once(self) -> bool:
        """One round for each of the parties that are due now; True when there may be more."""
        parties = await self._next_parties(self.work.parties)
        self._last = parties[-1] if parties else ""
        return any(await asyncio.gather(*(self.run_round(party) for party in parties)))

    async def run_round(self, party: str) -> bool:
        """One round for a party: take up, act, note. True when there may be more."""
        outlasted = await self._outlasted(party) if self.work.table.watched else ()
        command = TakeUp(party, await self._time(), self.work.at_once, self._process, outlasted)
        rows = await self._writer.submit(self.work.table.take_up, command)
        self.figures.taken_up += len(rows)
        await asyncio.gather(*(self._do(party, row) for row in rows))
        return len(rows) == self.work.at_once

    async def _outlasted(self, party: str) -> tuple[Lease, ...]:
        """Leases of a party that this process has watched for their length. What is not seen any more is forgotten."""
        over = await self._reader.read(
            lambda tx: self.work.table.find_leases_over(tx, party, self._now()), for_account=None
        )
        now, before = self._elapsed(), self._seen.pop(party, {})
        if over:
            self._seen[party] = {lease: before.get(lease, now) for lease in over}
        watched = [lease for lease in over if now - before.get(lease, now) >= self.work.table.lease]
        return tuple(watched[: self.work.at_once])

    async def _do(self, party: str, row: Row) -> None:
        try:
            outcome = await self._act_and_note(row)
        except Exception:  # noqa: BLE001  whatever it was, the others go on, and this one is due again after its lease
            outcome = WorkOutcome.FAILED
            get_log().exception("due work failed", work=self.work.name, party=party, key=row[0])  # type: ignore[index]  # a NamedTuple
        self.figures.count(outcome)

    async def _act_and_note(self, row: Row) -> WorkOutcome:
        self._pass("taken_up")
        result = await self.work.act(row)
        self._pass("acted")
        outcome = await self.work.note(row, result)
        self._pass("noted")
        return outcome

    def _pass(self, point: str) -> None:
        self._failpoint(f"{self.work.name}.{point}")

    async def _next_parties(self, limit: int) -> list[str]:
        if limit <= 0:
            return []
        wanted, now = limit + len(self.running), await self._time()
        due = await self._reader.read(
            lambda tx: self.work.table.find_due_parties(tx, now, self._last, wanted, self._process),
            for_account=None,
        )
        return [party for party in due if party not in self.running][:limit]

    async def _time(self) -> int:
        return self._now() if self.work.time is None else await self.work.time()

    async def _all_of(self, party: str, stopping: Callable[[], bool]) -> None:
        while await self.run_round(party) and not stopping():
            pass

    def _ended(self, party: str, task: asyncio.Task[None]) -> None:  # noqa: ARG002  what asyncio calls
        del self.running[party]


def points_of(name: str) -> tuple[str, ...]:
    """The failpoints of a kind of work, as they are told."""
    return tuple(f"{name}.{point}" for point in FAILPOINTS)


async def put_off(work: Callable[[], Awaitable[None]]) -> None:
    """Do background work. Whatever fails is logged and done at another round."""
    try:
        await work()
    except (Overloaded, RateLimited, StorageFailedError) as error:
        get_log().warning("background work put off", reason=str(error))
    except Exception:  # noqa: BLE001  whatever it was, the next round must come
        get_log().exception("background work failed")
