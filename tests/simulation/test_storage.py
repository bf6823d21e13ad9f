"""The simulation's disk: what it loses and what it keeps is what a machine would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.flows.accounts.create_accounts import NewAccount, create_accounts
from numberdesk.infra.db import CommitUnknownError, StorageFailedError, TryAgainError
from simulation.storage import Disk, FailingDatabase, PowerLost, Trouble


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk.temporary() as disk:
        disk.format()
        yield disk


@pytest.fixture
def database(disk: Disk) -> Iterator[FailingDatabase]:
    database = disk.database("door", FailingDatabase)
    yield database
    database.close()


def open_account(database: FailingDatabase, account_id: str) -> None:
    with database.write() as tx:
        create_accounts(tx, [NewAccount(account_id, "Customer " * 12 + account_id, "USD", 0, 1)])


def accounts(database: FailingDatabase) -> list[str]:
    with database.read() as tx:
        return [name for (name,) in tx.fetch("SELECT id FROM accounts ORDER BY id", [])]


def lose_power(disk: Disk, database: FailingDatabase) -> None:
    """What a machine finds when it comes up again."""
    database.close()
    database.trouble = Trouble()
    disk.restore()


def test_a_torn_commit_is_gone_and_those_before_it_are_kept(disk: Disk, database: FailingDatabase) -> None:
    open_account(database, "acc_1")
    database.trouble.power = True
    with pytest.raises(PowerLost) as lost:
        open_account(database, "acc_2")
    assert lost.value.torn
    lose_power(disk, database)
    assert accounts(database) == ["acc_1"]
    open_account(database, "acc_3")
    assert accounts(database) == ["acc_1", "acc_3"]


def test_after_a_commit_that_wrote_nothing_all_is_kept(disk: Disk, database: FailingDatabase) -> None:
    open_account(database, "acc_1")
    database.trouble.power = True
    with pytest.raises(PowerLost) as lost, database.write():
        pass
    assert not lost.value.torn
    lose_power(disk, database)
    assert accounts(database) == ["acc_1"]


def test_what_was_noted_is_what_is_restored(disk: Disk, database: FailingDatabase) -> None:
    open_account(database, "acc_1")
    disk.keep()
    open_account(database, "acc_2")
    lose_power(disk, database)
    assert accounts(database) == ["acc_1"]


def test_a_commit_that_fails_keeps_nothing(database: FailingDatabase) -> None:
    database.trouble.commit = True
    with pytest.raises(StorageFailedError):
        open_account(database, "acc_1")
    assert accounts(database) == []
    open_account(database, "acc_1")


def test_a_commit_that_was_made_may_be_reported_as_unknown(database: FailingDatabase) -> None:
    kept: list[str] = []
    database.kept = lambda: kept.append("told")
    database.trouble.made = True
    with pytest.raises(CommitUnknownError):
        open_account(database, "acc_1")
    assert (accounts(database), kept) == (["acc_1"], ["told"])
    open_account(database, "acc_2")


@pytest.mark.parametrize(("trouble", "error"), [("lost", CommitUnknownError), ("again", TryAgainError)])
def test_a_commit_that_was_not_made_may_be_reported_so_or_not(
    database: FailingDatabase, trouble: str, error: type[Exception]
) -> None:
    setattr(database.trouble, trouble, True)
    with pytest.raises(error):
        open_account(database, "acc_1")
    assert accounts(database) == []
    open_account(database, "acc_1")


def test_a_statement_that_fails_takes_its_transaction_along(database: FailingDatabase) -> None:
    database.trouble.statement = 1
    with pytest.raises(StorageFailedError, match="disk I/O error"):
        open_account(database, "acc_1")
    assert accounts(database) == []
    open_account(database, "acc_1")


def test_a_full_disk_refuses_growth_until_there_is_room_again(database: FailingDatabase) -> None:
    database.trouble.full = True
    kept = 0
    with pytest.raises(StorageFailedError, match="full"):  # noqa: PT012  how many fit before is SQLite's business
        for kept in range(100):
            open_account(database, f"acc_{kept:03}")
    assert len(accounts(database)) == kept
    database.trouble.full = False
    open_account(database, "acc_last")
    assert len(accounts(database)) == kept + 1


def test_another_writer_does_not_wait_for_the_lock(disk: Disk, database: FailingDatabase) -> None:
    other = disk.database("worker", FailingDatabase)
    try:
        with database.write(), pytest.raises(StorageFailedError, match="locked"):
            open_account(other, "acc_1")
    finally:
        other.close()


def test_a_text_on_the_disk_is_found(disk: Disk, database: FailingDatabase) -> None:
    open_account(database, "acc_secret")
    assert disk.contains(b"acc_secret")
    assert not disk.contains(b"ACC_OTHER")


def test_a_text_is_found_though_it_goes_on_in_another_page(disk: Disk, database: FailingDatabase) -> None:
    secret = "secret-of-many-letters-" + "".join(f"{place:04}" for place in range(100))
    with database.write() as tx:
        create_accounts(tx, [NewAccount("acc_1", "x" * 150 + secret, "USD", 0, 1)])
    assert disk.contains(secret.encode())
