"""The writer when things fail: a poison command, a failed commit, a flow that breaks its promise."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from numberdesk.core.errors import NotFound, Overloaded
from numberdesk.infra.db import CommitUnknownError, StorageFailedError, TryAgainError, Tx, UnfitServerError
from numberdesk.infra.writer import Apply, Writer
from tests.infra.conftest import (
    BROKEN_CONSTRAINT,
    NOTES,
    PATIENCE,
    Barrier,
    Notes,
    Recorder,
    begun_to_close,
    ended,
    keep,
    queued,
    reached,
    run,
    started,
)


async def together(writer: Writer, *pairs: tuple[Apply[str, str], str]) -> list[str | BaseException]:
    """Submit commands so that they come in one batch; give their outcomes."""
    barrier = Barrier()
    (first,) = await queued(writer.submit(barrier, "go"))
    await reached(barrier.reached)
    tasks = await queued(*(writer.submit(flow, command) for flow, command in pairs))
    barrier.go.set()
    await ended([first])
    return await ended(tasks)


def shown(outcomes: Sequence[str | BaseException]) -> list[str]:
    return [outcome if isinstance(outcome, str) else type(outcome).__name__ for outcome in outcomes]


def test_a_poison_command_fails_alone(notes: Notes, writer: Writer) -> None:
    recorder = Recorder()
    pairs = [(recorder, word) for word in ("a", "poison", "b")]
    outcomes = run(together(writer, *pairs))
    assert shown(outcomes) == ["A", "ValueError", "B"]
    assert notes.kept == ["a", "b"]
    assert recorder.batches == [["a", "poison", "b"], ["a"], ["poison"], ["b"]]
    assert writer.figures.isolated == 3
    assert run(writer.submit(keep, "after")) == "AFTER"


def test_a_lone_poison_command_leaves_nothing_behind(notes: Notes, writer: Writer) -> None:
    with pytest.raises(ValueError, match="poison"):
        run(writer.submit(keep, "poison"))
    assert notes.kept == []
    assert writer.figures.isolated == 0


def test_a_flow_that_fails_does_not_fail_another_flow_of_its_batch(notes: Notes, writer: Writer) -> None:
    recorder = Recorder()
    outcomes = run(together(writer, (recorder, "a"), (keep, "poison"), (recorder, "b")))
    assert shown(outcomes) == ["A", "ValueError", "B"]
    assert notes.kept == ["a", "b"]


def test_a_constraint_that_two_commands_break_together_fails_the_second_only(notes: Notes, writer: Writer) -> None:
    outcomes = run(together(writer, (keep, "same"), (keep, "same"), (keep, "other")))
    assert shown(outcomes) == ["SAME", "IntegrityError", "OTHER"]
    assert notes.kept == ["other", "same"]


def test_a_failed_commit_fails_its_whole_batch_and_keeps_nothing(notes: Notes, writer: Writer) -> None:
    recorder, barrier = Recorder(), Barrier()

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(recorder, word) for word in "abc"))
        notes.database.failing = 2
        barrier.go.set()
        outcomes = await ended([first, *rest])
        assert shown(outcomes) == ["StorageFailedError"] * 4
        assert notes.kept == []
        assert await writer.submit(recorder, "a") == "A"

    run(story())
    assert recorder.batches == [["a", "b", "c"], ["a"]]
    assert notes.kept == ["a"]
    assert writer.figures.failed_commits == 2
    assert writer.figures.isolated == 0
    assert writer.waiting == 0


def test_a_commit_that_the_database_refuses_for_one_command_fails_that_one(notes: Notes, writer: Writer) -> None:
    """A deferred foreign key is looked at by the commit itself: a real commit that fails, and not for want of disk."""
    made_for_this = "CREATE TABLE replies (word TEXT REFERENCES notes (word) DEFERRABLE INITIALLY DEFERRED)"
    with notes.database.write() as tx:
        tx.execute(text(made_for_this))

    def reply(tx: Tx, words: Sequence[str]) -> list[str]:
        for word in words:
            tx.execute(text("INSERT INTO replies VALUES (:word)"), {"word": word})
        return list(words)

    try:
        outcomes = run(together(writer, (keep, "a"), (reply, "a"), (reply, "nothing"), (keep, "b")))
    finally:
        with notes.database.write() as tx:
            tx.execute(text("DROP TABLE replies"))
    first, second, refused, last = outcomes
    assert [first, second, last] == ["A", "a", "B"]
    assert isinstance(refused, BROKEN_CONSTRAINT)
    assert notes.kept == ["a", "b"]


def test_storage_that_fails_while_commands_run_alone_fails_the_rest_with_it(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()

    def failing_from_b(tx: Tx, words: Sequence[str]) -> list[str]:
        if list(words) == ["b"]:
            notes.database.failing = 1
        return keep(tx, words)

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(failing_from_b, word) for word in ("a", "poison", "b", "c")))
        barrier.go.set()
        await first
        assert shown(await ended(rest)) == ["A", "ValueError", "StorageFailedError", "StorageFailedError"]

    run(story())
    assert notes.kept == ["a"]


def test_commands_that_could_not_be_answered_in_time_for_the_lock_are_turned_away_unbegun(notes: Notes) -> None:
    with started(notes.database, lock_seconds=2 * PATIENCE) as writer, pytest.raises(Overloaded):
        run(writer.submit(keep, "a"))
    assert notes.kept == []


def is_stuck(writer: Writer) -> bool:
    """Asked anew each time: a type checker takes a property for one that does not change."""
    return writer.stuck


def test_a_writer_whose_commit_takes_long_is_stuck_until_it_is_done(notes: Notes) -> None:
    now = 100.0
    with started(notes.database, monotonic=lambda: now) as writer:

        async def story() -> None:
            nonlocal now
            notes.database.open_gate.clear()
            (waiting,) = await queued(writer.submit(keep, "a"))
            await reached(notes.database.at_gate)
            now += 1.9
            assert not is_stuck(writer)
            now += 0.2
            assert is_stuck(writer)
            notes.database.open_gate.set()
            assert await waiting == "A"
            assert not is_stuck(writer)
            now += 60
            assert not is_stuck(writer)

        run(story())


@pytest.mark.parametrize("failure", [CommitUnknownError, TryAgainError])
def test_a_writer_stays_stuck_until_the_database_has_kept_or_refused_something(
    notes: Notes, failure: type[Exception]
) -> None:
    now = 100.0

    def failing(_tx: Tx, _words: Sequence[str]) -> list[str]:
        raise failure

    with started(notes.database, monotonic=lambda: now, patience_seconds=0.0) as writer:
        for answered in (keep, poisoned, full):
            with pytest.raises(failure):
                run(writer.submit(failing, "a"))
            assert not is_stuck(writer)
            now += 2
            assert is_stuck(writer)
            with contextlib.suppress(StorageFailedError, ValueError):
                run(writer.submit(answered, "b"))
            assert not is_stuck(writer)
    assert notes.kept == ["b"]


def test_a_writer_whose_server_is_unfit_is_stuck_at_once_and_until_something_is_kept(notes: Notes) -> None:
    fit = False

    def kept_if_fit(tx: Tx, words: Sequence[str]) -> list[str]:
        if not fit:
            raise UnfitServerError("set fsync=on")
        return keep(tx, words)

    with started(notes.database) as writer:
        for _ in range(2):
            with pytest.raises(UnfitServerError):
                run(writer.submit(kept_if_fit, "a"))
            assert is_stuck(writer)
        fit = True
        assert run(writer.submit(kept_if_fit, "a")) == "A"
        assert not is_stuck(writer)
        assert writer.figures.retries == 0


def poisoned(_tx: Tx, _words: Sequence[str]) -> list[str]:
    raise ValueError


def full(_tx: Tx, _words: Sequence[str]) -> list[str]:
    raise StorageFailedError


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_flow_that_gives_a_wrong_number_of_outcomes_keeps_nothing(notes: Notes, writer: Writer, answers: int) -> None:
    def broken(tx: Tx, words: Sequence[str]) -> list[str]:
        keep(tx, words)
        return ["x"] * (answers if len(words) > 1 else 0)

    outcomes = run(together(writer, (broken, "a"), (keep, "b"), (broken, "c")))
    assert shown(outcomes) == ["RuntimeError", "B", "RuntimeError"]
    assert notes.kept == ["b"]


def test_a_flow_that_raises_what_no_future_can_carry_still_fails_alone(notes: Notes, writer: Writer) -> None:
    def exhausted(_tx: Tx, _words: Sequence[str]) -> list[str]:
        raise StopIteration

    outcomes = run(together(writer, (keep, "a"), (exhausted, "x"), (keep, "b")))
    assert shown(outcomes) == ["A", "RuntimeError", "B"]
    assert notes.kept == ["a", "b"]


def test_a_failure_whose_caller_is_gone_is_nobodys(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        gone, stays = await queued(writer.submit(keep, "poison"), writer.submit(keep, "stays"))
        gone.cancel()
        barrier.go.set()
        assert shown(await ended([first, gone, stays])) == ["go", "CancelledError", "STAYS"]

    run(story())
    assert notes.kept == ["stays"]


def test_closing_loses_nothing_accepted_even_when_a_neighbour_is_poison(notes: Notes, writer: Writer) -> None:
    barrier = Barrier()

    async def story() -> None:
        (first,) = await queued(writer.submit(barrier, "go"))
        await reached(barrier.reached)
        rest = await queued(*(writer.submit(keep, word) for word in ("a", "poison", "b")))
        closing = await begun_to_close(writer)
        barrier.go.set()
        assert shown(await ended([first, *rest])) == ["go", "A", "ValueError", "B"]
        await closing

    run(story())
    assert notes.kept == ["a", "b"]


def test_apply_runs_one_command_at_once_in_its_own_transaction(notes: Notes) -> None:
    writer = Writer(notes.database)
    assert writer.apply(keep, "a") == "A"
    assert notes.kept == ["a"]
    with pytest.raises(ValueError, match="poison"):
        writer.apply(keep, "poison")
    notes.database.failing = 1
    with pytest.raises(StorageFailedError, match="disk full"):
        writer.apply(keep, "b")
    assert notes.kept == ["a"]


def test_apply_raises_an_outcome_that_is_an_exception_and_keeps_what_was_written(notes: Notes) -> None:
    def refusing(tx: Tx, words: Sequence[str]) -> list[NotFound]:
        keep(tx, words)
        return [NotFound() for _ in words]

    with pytest.raises(NotFound):
        Writer(notes.database).apply(refusing, "a")
    assert notes.kept == ["a"]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["fine", "poison", "refused"]), min_size=1, max_size=12))
def test_whatever_a_batch_is_made_of_each_command_fares_as_it_would_alone(notes: Notes, kinds: list[str]) -> None:
    def flow(tx: Tx, words: Sequence[str]) -> list[str | Exception]:
        return [NotFound() if word.startswith("REFUSED") else word for word in keep(tx, words)]

    with notes.database.write() as tx:
        tx.execute(NOTES.delete())
    words = [f"{kind} {place:02}" for place, kind in enumerate(kinds)]
    with started(notes.database) as writer:
        outcomes = run(together(writer, *((flow, word) for word in words)))
    expected = {"fine": None, "poison": "ValueError", "refused": "NotFound"}
    assert shown(outcomes) == [expected[kind] or word.upper() for kind, word in zip(kinds, words, strict=True)]
    assert notes.kept == sorted(word for word in words if not word.startswith("poison"))
    assert writer.figures.isolated == (len(words) if "poison" in kinds and len(words) > 1 else 0)
