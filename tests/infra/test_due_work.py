"""The one mechanism for due work: fair between parties, one at a time for each row, and nothing lost when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pytest
from sqlalchemy import MetaData, Table, select, update

from numberdesk.core.schedule import Schedule, resting, retried
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.due_work import DueTable, DueWork, DueWorker, TakeUp, WorkOutcome, points_of
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.writer import Writer
from numberdesk.tables.base import due_checks, due_columns, due_index, text

LEASE, LONGEST, NOW = 100, 1_000, 1_000_000
ENDLESS, ONCE = Schedule((10, LONGEST), endless=True), Schedule((), endless=False)

chores = Table("chores", MetaData(), text("id", primary_key=True), text("party"), *due_columns(), *due_checks())
due_index(chores, "party")


class Chore(NamedTuple):
    """The row."""

    id: str
    party: str
    next_at: int | None = NOW
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None


DUE = DueTable(chores, Chore, key="id", party="party", lease=LEASE, longest=LONGEST)


def written(tx: Tx, rows: Sequence[Chore]) -> list[None]:
    """Write rows back."""
    for row in rows:
        tx.execute(update(chores).where(chores.c.id == row.id).values(row._asdict()))
    return [None for _ in rows]


class Desk:
    """One process at the chores; `says` is what comes of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.writer, self.reader = Writer(database), Reader(database, ReadLimits(threads=1))
        self.acted: list[str] = []
        self.points: list[str] = []
        self.outcome = WorkOutcome.RETRIED
        self.fails: set[str] = set()
        self.act: Callable[[Chore], asyncio.Future[None]] | None = None
        self.worker = self.make()

    def make(self, *, at_once: int = 2, parties: int = 3) -> DueWorker[Chore, str]:
        """Who does them."""
        work = DueWork("chores", DUE, self._act, self._note, at_once=at_once, parties=parties)
        return DueWorker(work, self.writer, self.reader, now=lambda: self.now, failpoint=self.points.append)

    async def _act(self, row: Chore) -> str:
        self.acted.append(row.id)
        if self.act is not None:
            await self.act(row)
        if row.id in self.fails:
            raise ZeroDivisionError
        return f"{row.id} done"

    async def _note(self, row: Chore, result: str) -> WorkOutcome:
        if self.outcome is WorkOutcome.RETRIED:
            after = retried(row, ENDLESS, result, self.now)
        else:
            after = retried(row, ONCE, result, self.now)
        await self.writer.submit(written, after)
        return self.outcome

    def rows(self) -> dict[str, Chore]:
        """All rows by id."""
        with self.database.read() as tx:
            return {row[0]: Chore._make(row) for row in tx.execute(select(chores))}

    def add(self, *rows: Chore) -> None:
        """Add rows."""
        with self.database.write() as tx:
            tx.execute(chores.insert(), [row._asdict() for row in rows])

    def take_up(self, party: str, now: int, limit: int = 9) -> list[str]:
        """The ids that are taken up."""
        return [row.id for row in self.writer.apply(DUE.take_up, TakeUp(party, now, limit))]

    def parties(self, now: int, after: str = "", limit: int = 9) -> list[str]:
        """The parties with due rows."""
        with self.database.read() as tx:
            return DUE.find_due_parties(tx, now, after, limit)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    database = Database(database_url)
    with database.raw(writing=True) as connection:
        chores.metadata.create_all(connection)
        connection.commit()
    desk = Desk(database)
    desk.writer.start()
    yield desk
    desk.writer.close()
    desk.reader.close()
    database.close()


def test_what_is_due_is_taken_up_oldest_first_and_is_nobody_elses_until_its_lease_is_over(desk: Desk) -> None:
    desk.add(Chore("c", "x", NOW - 1), Chore("b", "x"), Chore("a", "x"), Chore("later", "x", NOW + 1), Chore("d", "y"))
    assert desk.take_up("x", NOW, 2) == ["c", "a"]
    assert desk.take_up("x", NOW) == ["b"]
    assert desk.take_up("x", NOW + LEASE - 1) == ["later"]
    assert desk.take_up("x", NOW + LEASE) == ["c", "a", "b"]
    assert desk.rows()["c"].leased_until == NOW + 2 * LEASE
    assert desk.rows()["d"].leased_until is None


def test_a_time_that_no_right_clock_has_set_is_over(desk: Desk) -> None:
    desk.add(
        Chore("far", "x", NOW + LONGEST + 1), Chore("longest", "x", NOW + LONGEST), Chore("due", "x"),
        Chore("held", "y", leased_until=NOW + LONGEST + 1),
    )  # fmt: skip
    assert desk.parties(NOW) == ["x", "y"]
    assert desk.take_up("x", NOW) == ["due", "far"]
    assert desk.take_up("y", NOW) == ["held"]
    assert desk.parties(NOW) == []


def test_what_is_parked_or_over_is_left_alone(desk: Desk) -> None:
    desk.add(Chore("parked", "x", None, parked_at=NOW))
    assert (desk.parties(NOW), desk.take_up("x", NOW)) == ([], [])


def test_parties_with_due_work_are_found_in_turn(desk: Desk) -> None:
    desk.add(*(Chore(f"{party}{place}", party) for party in "abcd" for place in range(3)), Chore("z", "e", NOW + 1))
    assert desk.parties(NOW) == ["a", "b", "c", "d"]
    assert desk.parties(NOW, "b", 3) == ["c", "d", "a"]
    assert desk.parties(NOW, "d", 1) == ["a"]
    desk.take_up("a", NOW)
    assert desk.parties(NOW, "c", 9) == ["d", "b", "c"]


@pytest.mark.parametrize(
    "engine", ["sqlite"], indirect=True
)  # whose plans can be read; PostgreSQL's follow the statistics
def test_looking_for_parties_reads_no_more_rows_than_there_are_parties(desk: Desk) -> None:
    with desk.database.read() as tx:
        given = {**DUE._instants(NOW, ""), "after": "", "most": 9}
        query = DUE._parties_after.params(given).compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in tx.fetch(f"EXPLAIN QUERY PLAN {query}", [])]
    on_chores = [step for step in plan if "chores" in step]
    assert on_chores
    assert all("SEARCH chores USING COVERING INDEX ix_chores_due" in step or "USING INDEX ix_chores_due" in step
               for step in on_chores), plan  # fmt: skip
    assert not any(step.startswith("SCAN chores") for step in on_chores), plan


def test_every_row_passes_the_failpoints_and_is_counted(desk: Desk) -> None:
    desk.add(Chore("a", "x"), Chore("b", "y"))
    assert asyncio.run(desk.worker.run_once()) is False
    assert sorted(desk.points) == sorted([*points_of("chores")] * 2)
    assert desk.points[0] == "chores.taken_up"
    assert desk.rows()["a"] == Chore("a", "x", NOW + 10, 1, "a done")
    assert (desk.worker.figures.taken_up, desk.worker.figures.retried) == (2, 2)


def test_what_goes_wrong_with_one_row_keeps_no_other_and_is_done_again_after_its_lease(desk: Desk) -> None:
    desk.add(Chore("a", "x"), Chore("b", "x"))
    desk.fails = {"a"}
    asyncio.run(desk.worker.run_once())
    assert desk.rows()["a"] == Chore("a", "x", leased_until=NOW + LEASE)
    assert desk.rows()["b"].attempts == 1
    assert (desk.worker.figures.failed, desk.worker.figures.retried) == (1, 1)
    desk.now, desk.fails = NOW + LEASE, set()
    asyncio.run(desk.worker.run_once())
    assert desk.rows()["a"].attempts == 1


@pytest.mark.parametrize("point", points_of("chores"))
def test_a_process_that_dies_at_a_failpoint_loses_nothing(desk: Desk, point: str) -> None:
    class DiedError(BaseException):
        """The process is gone: nothing of it goes on."""

    def die(reached: str) -> None:
        if reached == point:
            raise DiedError

    desk.add(Chore("a", "x"))
    dying = DueWorker(desk.worker.work, desk.writer, desk.reader, now=lambda: desk.now, failpoint=die)
    with pytest.raises(DiedError):
        asyncio.run(dying.run_once())
    noted = point == "chores.noted"
    assert desk.acted == ([] if point == "chores.taken_up" else ["a"])
    asyncio.run(desk.worker.run_once())
    assert desk.rows()["a"].attempts == noted, "it is somebody's until the lease is over"
    desk.now = NOW + LEASE
    asyncio.run(desk.worker.run_once())
    again = Chore("a", "x", NOW + LEASE + LONGEST, 2, "a done")
    assert desk.rows()["a"] == (again if noted else Chore("a", "x", NOW + LEASE + 10, 1, "a done"))


def test_what_is_parked_waits_for_a_person(desk: Desk) -> None:
    desk.add(Chore("a", "x"))
    desk.outcome = WorkOutcome.PARKED
    asyncio.run(desk.worker.run_once())
    assert desk.rows()["a"] == Chore("a", "x", None, 0, "a done", NOW)
    assert desk.worker.figures.parked == 1
    assert asyncio.run(desk.worker.run_once()) is False
    assert desk.acted == ["a"]


def test_a_party_that_hangs_with_much_to_do_keeps_no_other_waiting(desk: Desk) -> None:
    desk.add(
        *(Chore(f"slow{place:03}", "slow") for place in range(50)), *(Chore(f"q{place}", "quick") for place in range(5))
    )

    async def hang(row: Chore) -> None:
        if row.party == "slow":
            await asyncio.Event().wait()

    async def beside() -> None:
        await desk.worker.begin(lambda: False)
        async with asyncio.timeout(60):
            await desk.worker.running["quick"]
        assert list(desk.worker.running) == ["slow"]
        await desk.worker.begin(lambda: False)
        assert list(desk.worker.running) == ["slow"]
        desk.worker.running["slow"].cancel()

    desk.act = hang  # type: ignore[assignment]  # a coroutine is awaited like a future
    asyncio.run(beside())
    assert [row for row in desk.acted if row.startswith("slow")] == ["slow000", "slow001"]
    assert all(row.attempts == 1 for row in desk.rows().values() if row.party == "quick")


def test_more_parties_than_may_be_worked_for_at_once_take_turns(desk: Desk) -> None:
    worker = desk.make(at_once=1, parties=2)
    desk.add(*(Chore(f"{party}{place}", party) for party in "abcde" for place in range(2)))

    async def rounds() -> None:
        while await worker.run_once():
            pass

    asyncio.run(rounds())
    assert [sorted(chore[0] for chore in desk.acted[place : place + 2]) for place in (0, 2, 4)] == [
        ["a", "b"], ["c", "d"], ["a", "e"],
    ]  # fmt: skip
    assert len(desk.acted) == 10


def test_two_processes_share_the_work_and_do_nothing_twice(desk: Desk, database_url: str) -> None:
    desk.add(*(Chore(f"{place:02}", "x") for place in range(20)))
    other = Desk(Database(database_url))
    other.writer.start()

    async def all_of(worker: DueWorker[Chore, str]) -> None:
        while await worker.run_once():
            pass

    async def both() -> None:
        await asyncio.gather(all_of(desk.worker), all_of(other.worker))

    asyncio.run(both())
    assert sorted([*desk.acted, *other.acted]) == [f"{place:02}" for place in range(20)]
    assert {row.attempts for row in desk.rows().values()} == {1}
    other.writer.close()
    other.reader.close()
    other.database.close()


def test_a_row_that_is_over_is_due_no_more() -> None:
    assert resting(Chore("a", "x", leased_until=NOW)) == Chore("a", "x", None)
