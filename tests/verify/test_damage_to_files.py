"""Damage to a file of SQLite's: pages, indexes, single bytes. It is reported, and never ends the audit with a crash."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from numberdesk.infra.db import Database, DatabaseError, StorageFailedError
from tests.verify.conftest import ONLY_SQLITE, audit, named, said

PAGE: Final = 4096

pytestmark = ONLY_SQLITE


def start_of(path: Path, name: str) -> int:
    """Where the root page of a table or index begins in the file."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    return (int(root) - 1) * PAGE


def opens(path: Path) -> bool:
    """Whether the database can be opened: what it meets then is not the audit's to report."""
    database = Database(f"sqlite:///{path}")
    try:
        with database.read():
            return True
    except (StorageFailedError, DatabaseError, UnicodeDecodeError):
        return False
    finally:
        database.close()


def test_an_index_that_does_not_agree_with_its_table_is_found_when_thorough(file: Path) -> None:
    start = start_of(file, "ix_rentals_live")
    content = bytearray(file.read_bytes())
    place = content.index(b"rnt_3", start, start + PAGE)
    content[place : place + 5] = b"rnt_9"
    file.write_bytes(content)
    assert audit(file).ok
    report = audit(file, thorough=True)
    assert {one.invariant for one in report.violations} == {"storage"}
    assert "ix_rentals_live" in said(report)


def test_an_index_that_lost_a_transfer_is_found_without_being_thorough(file: Path) -> None:
    """Transfers are counted by their index and read by their key: neither may see more than the other."""
    count = start_of(file, "uq_transfers_account_id_entry") + 3
    content = bytearray(file.read_bytes())
    content[count : count + 2] = (int.from_bytes(content[count : count + 2], "big") - 1).to_bytes(2, "big")
    file.write_bytes(content)
    assert ("I2", "wallets", "acc_2") in named(audit(file))


@pytest.mark.parametrize("table", ["transfers", "orders", "idempotency_records"])
def test_a_page_that_cannot_be_read_is_a_violation(table: str, file: Path) -> None:
    start = start_of(file, table)
    content = bytearray(file.read_bytes())
    content[start : start + PAGE] = bytes(PAGE)
    file.write_bytes(content)
    report = audit(file)
    assert {one.invariant for one in report.violations} == {"storage"}
    assert "malformed" in said(report)
    last = report.checked[-1].violations[0]
    assert last.message.endswith("the checks that were to follow were not made")


@pytest.mark.parametrize(
    ("seed", "each"), [(0, 5), *(pytest.param(seed, 1, marks=pytest.mark.long) for seed in range(8))]
)
def test_a_flipped_byte_in_any_page_never_crashes_the_audit(seed: int, each: int, file: Path, tmp_path: Path) -> None:
    dice = random.Random(seed)
    sound = file.read_bytes()
    path = tmp_path / "flipped.db"
    starts = range(0, len(sound), PAGE * each)
    audited = 0
    for start in starts:
        content = bytearray(sound)
        content[start + dice.choice((dice.randrange(12), dice.randrange(PAGE)))] ^= dice.randrange(1, 256)
        path.write_bytes(content)
        if opens(path):
            report = audit(path)
            assert report.ok == (not report.violations)
            audited += 1
    assert audited > len(starts) // 2


def test_the_audit_changes_no_byte(file: Path) -> None:
    before = file.read_bytes()
    audit(file, thorough=True)
    assert file.read_bytes() == before
