"""PostgreSQL under way: cut connections, deadlocks and locked rows are got over by the writer and the reader alone.

A server that does not answer is given up after a time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest
from sqlalchemy import func, select, text

from numberdesk.infra.db import Database, TryAgainError, Tx
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.writer import Writer
from tests.infra.conftest import NOTES, PATIENCE, Notes, Session, keep, keep_one, queued, run, words_in

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

COUNT = select(func.count()).select_from(NOTES)


@pytest.fixture
def hurried(notes_url: str) -> Iterator[Notes]:
    """Notes in whose sessions a deadlock is looked for at once."""
    notes = Notes(f"{notes_url}&options=-c%20deadlock_timeout%3D20ms")
    yield notes
    notes.database.close()


def pid_of(tx: Tx) -> int:
    return int(tx.fetch("SELECT pg_backend_pid()", [])[0][0])


def cut(other: Session, pid: int) -> None:
    """End a session as an operator or a crash would, and see that it ended."""
    assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.005)


def waits_for_lock(other: Session, pid: int) -> bool:
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    return other.execute(query, [pid]).fetchone() == (True,)


def test_a_writer_whose_connection_was_cut_between_two_commands_answers_the_second(
    notes: Notes, writer: Writer, other: Session
) -> None:
    pids: list[int] = []

    def noted(tx: Tx, words: Sequence[str]) -> list[str]:
        pids.append(pid_of(tx))
        return keep(tx, words)

    assert run(writer.submit(noted, "a")) == "A"
    cut(other, pids[0])
    assert run(writer.submit(noted, "b")) == "B"
    assert notes.kept == ["a", "b"]
    assert len(set(pids)) == 2
    assert writer.figures.retries == 1
    assert writer.figures.failed_commits == 0


def test_a_writer_whose_connection_is_cut_in_a_transaction_runs_it_again_and_keeps_it_once(
    notes: Notes, writer: Writer, other: Session
) -> None:
    tried: list[list[str]] = []

    def cut_once(tx: Tx, words: Sequence[str]) -> list[str]:
        tried.append(list(words))
        answers = keep(tx, words)
        if len(tried) == 1:
            cut(other, pid_of(tx))
        return [*answers, *keep(tx, [])]

    async def story() -> list[str]:
        tasks = await queued(writer.submit(cut_once, "a"), writer.submit(cut_once, "b"))
        return [await task for task in tasks]

    assert run(story()) == ["A", "B"]
    assert notes.kept == ["a", "b"]
    assert writer.figures.retries == 1


def test_a_statement_on_a_cut_connection_is_tried_again_too(notes: Notes, writer: Writer, other: Session) -> None:
    """The driver's statements do not pass SQLAlchemy, which would see by itself that the connection is gone."""
    tried = 0

    def cut_once(tx: Tx, words: Sequence[str]) -> list[str]:
        nonlocal tried
        tried += 1
        if tried == 1:
            cut(other, pid_of(tx))
        tx.copy("COPY notes (word) FROM STDIN", [[word] for word in words])
        return list(words)

    assert run(writer.submit(cut_once, "a")) == "a"
    assert (notes.kept, tried) == (["a"], 2)


def ends_itself(tx: Tx, name: str, *, in_this_transaction: bool) -> int:
    """Give a session so short a timeout that the server ends it; its pid."""
    tx.fetch("SELECT set_config(%s, '20ms', %s)", [name, in_this_transaction])
    return pid_of(tx)


def has_ended(other: Session, pid: int) -> bool:
    return other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None


def test_a_writer_and_a_reader_whose_sessions_ended_for_idleness_take_others(
    notes: Notes, writer: Writer, other: Session
) -> None:
    def fall_asleep(tx: Tx, _words: Sequence[str]) -> list[int]:
        return [ends_itself(tx, "idle_session_timeout", in_this_transaction=False)]

    reader = Reader(notes.database, ReadLimits(threads=1))
    pids = [run(writer.submit(fall_asleep, "")), reader.read_now(lambda tx: fall_asleep(tx, [""])[0])]
    wait_until(lambda: all(has_ended(other, pid) for pid in pids))
    assert run(writer.submit(keep, "a")) == "A"
    assert reader.read_now(lambda tx: tx.fetch("SELECT word FROM notes", [])) == [("a",)]
    reader.close()
    assert (writer.figures.retries, writer.figures.failed_commits) == (1, 0)


@pytest.mark.parametrize("name", ["idle_in_transaction_session_timeout", "transaction_timeout"])
@pytest.mark.parametrize("at", ["a statement", "the commit"])
def test_a_transaction_whose_session_the_server_ended_runs_again_and_is_kept_once(
    notes: Notes, writer: Writer, other: Session, name: str, at: str
) -> None:
    tried = 0

    def slow_once(tx: Tx, words: Sequence[str]) -> list[str]:
        nonlocal tried
        tried += 1
        answers = keep(tx, words)
        if tried == 1:
            pid = ends_itself(tx, name, in_this_transaction=True)
            wait_until(lambda: has_ended(other, pid))
        return [*answers, *(keep(tx, []) if at == "the commit" else tx.fetch("SELECT 'x' WHERE false", []))]

    assert run(writer.submit(slow_once, "a")) == "A"
    assert (notes.kept, tried) == (["a"], 2)
    assert (writer.figures.retries, writer.figures.failed_commits) == (1, 0)


def test_a_command_of_the_command_line_outlives_a_cut_too(notes: Notes, other: Session) -> None:
    writer = Writer(notes.database)
    pids: list[int] = []

    def noted(tx: Tx, words: Sequence[str]) -> list[str]:
        pids.append(pid_of(tx))
        return keep(tx, words)

    writer.apply(noted, "a")
    cut(other, pids[0])
    assert writer.apply(noted, "b") == "B"
    assert notes.kept == ["a", "b"]


def test_a_reader_outlives_the_loss_of_all_its_connections(notes: Notes, other: Session) -> None:
    reader = Reader(notes.database, ReadLimits(threads=4))
    with notes.database.read() as one, notes.database.read() as two, notes.database.read() as three:
        pids = [pid_of(tx) for tx in (one, two, three)]
    for pid in pids:
        cut(other, pid)
    for _ in range(8):
        assert reader.read_now(lambda tx: tx.fetch("SELECT count(*) FROM notes", [])) == [(0,)]
    reader.close()


@pytest.mark.parametrize("asked", [lambda tx: tx.execute(COUNT).scalar(), lambda tx: tx.fetch(str(COUNT), [])[0][0]])
def test_a_reader_whose_connection_is_cut_in_a_transaction_asks_again(
    notes: Notes, other: Session, asked: Callable[[Tx], int]
) -> None:
    keep_one(notes.database)
    tried: list[int] = []

    def cut_once(tx: Tx) -> int:
        tried.append(pid_of(tx))
        if len(tried) == 1:
            cut(other, tried[0])
        return asked(tx)

    reader = Reader(notes.database, ReadLimits(threads=1))
    assert reader.read_now(cut_once) == 1
    assert len(set(tried)) == 2
    assert reader.read_now(pid_of) == tried[1]
    reader.close()


def test_a_deadlock_with_somebody_else_is_tried_again_and_succeeds(hurried: Notes, other: Session) -> None:
    with hurried.database.write() as tx:
        keep(tx, ["a", "b"])
    (their_pid,) = other.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    other.execute("SET deadlock_timeout = '1min'")  # so that ours is the one that is ended
    other.execute("BEGIN")
    other.execute("UPDATE notes SET word = 'b' WHERE word = 'b'")

    def want_the_other() -> None:
        other.execute("UPDATE notes SET word = 'a' WHERE word = 'a'")
        other.commit()

    wanting = threading.Thread(target=want_the_other)
    tried = 0

    def crosswise(tx: Tx, words: Sequence[str]) -> list[str]:
        nonlocal tried
        tried += 1
        tx.execute(text("UPDATE notes SET word = 'a' WHERE word = 'a'"))
        if tried == 1:
            wanting.start()
            with psycopg.connect(hurried.url, autocommit=True) as looking:
                wait_until(lambda: waits_for_lock(looking, their_pid))
        tx.execute(text("UPDATE notes SET word = 'b' WHERE word = 'b'"))
        return keep(tx, words)

    writer = Writer(hurried.database, patience_seconds=PATIENCE)
    assert writer.apply(crosswise, "c") == "C"
    wanting.join(PATIENCE)
    assert tried == 2
    assert writer.figures.retries == 1
    assert hurried.kept == ["a", "b", "c"]


def test_a_row_that_somebody_else_holds_locked_is_waited_for_and_then_tried_again(notes: Notes, other: Session) -> None:
    keep_one(notes.database)
    other.execute("BEGIN")
    other.execute("SELECT * FROM notes FOR UPDATE")
    tried = 0

    def change(tx: Tx, words: Sequence[str]) -> list[str]:
        nonlocal tried
        tried += 1
        if tried == 2:
            other.rollback()
        tx.execute(text("UPDATE notes SET word = 'z'"))
        return list(words)

    writer = Writer(notes.database, patience_seconds=PATIENCE)
    assert writer.apply(change, "x") == "x"
    assert tried == 2
    assert notes.kept == ["z"]


def test_a_row_that_stays_locked_is_failed_storage_and_not_an_endless_wait(notes: Notes, other: Session) -> None:
    keep_one(notes.database)
    other.execute("BEGIN")
    other.execute("SELECT * FROM notes FOR UPDATE")
    writer = Writer(notes.database, patience_seconds=0.0)

    def change(tx: Tx, words: Sequence[str]) -> list[str]:
        tx.execute(text("UPDATE notes SET word = 'z'"))
        return list(words)

    with pytest.raises(TryAgainError, match="lock timeout"):
        writer.apply(change, "x")
    other.rollback()
    assert notes.kept == ["a"]
    assert writer.apply(keep, "b") == "B"


def test_a_write_that_the_server_does_not_answer_is_given_up_and_nothing_is_kept(notes: Notes) -> None:
    database = Database(notes.url, resolve_seconds=0.0)

    def sleep(tx: Tx) -> None:
        keep(tx, ["a"])
        tx.fetch("SELECT pg_sleep(60)", [])

    with pytest.raises(TryAgainError, match="did not answer in time"), database.write() as tx:
        sleep(tx)
    with database.write() as tx:
        keep(tx, ["b"])
    database.close()
    assert notes.kept == ["b"]


def test_a_read_that_the_server_does_not_answer_is_given_up_where_there_is_a_bound(notes: Notes) -> None:
    with pytest.raises(TryAgainError), notes.database.read(seconds=0.0) as tx:
        tx.fetch("SELECT pg_sleep(60)", [])
    with notes.database.read() as tx:
        assert tx.fetch("SELECT pg_sleep(0.3)", []) == [("",)]


def test_a_transaction_in_which_a_statement_had_failed_is_not_taken_for_committed(notes: Notes) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK then, and without an error."""

    def swallowing(tx: Tx) -> None:
        keep(tx, ["a"])
        with contextlib.suppress(psycopg.Error):
            tx.fetch("SELECT 1 / 0", [])

    with pytest.raises(RuntimeError, match="ROLLBACK"), notes.database.write() as tx:
        swallowing(tx)
    assert notes.kept == []


def test_a_transaction_sets_its_own_bounds_whatever_the_session_has(notes_url: str) -> None:
    """Behind a pooler it may be any session, with any settings."""
    database = Database(
        f"{notes_url}&options=-c%20default_transaction_isolation%3Dserializable%20-c%20lock_timeout%3D0"
        "%20-c%20statement_timeout%3D1min"
    )
    with database.write() as tx:
        names = (
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "transaction_isolation",
            "transaction_read_only",
        )
        assert [tx.fetch(f"SHOW {name}", [])[0][0] for name in names] == ["0", "2s", "10s", "read committed", "off"]
        keep(tx, ["a"])
    with database.read() as tx:
        assert tx.fetch("SHOW transaction_isolation", []) == [("repeatable read",)]
        assert tx.fetch("SHOW transaction_read_only", []) == [("on",)]
    database.close()
    assert words_in(notes_url) == ["a"]
