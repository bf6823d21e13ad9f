"""`numberdesk backup`: a sound copy beside whoever writes, and nothing overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from numberdesk.infra.db import Database
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "it copies a file of SQLite"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    command = runner(database_url, "", tmp_path, monkeypatch)
    json_of(command("accounts", "create", "ACME", "--currency", "USD", "--json"))
    return command


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a copy of its file
def test_a_backup_holds_what_was_committed_and_is_verified_and_private(
    run: Run, tmp_path: Path, database_url: str
) -> None:
    database = Database(database_url)
    with database.write() as tx:  # somebody writes meanwhile, and has not committed
        tx.execute(text("UPDATE accounts SET name = 'Other'"))
        made = json_of(run("backup", "copy.db", "--json"))
    database.close()
    assert (made["ok"], made["file"]) == (True, "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("copy.db-*"))
    copy = f"sqlite:///{tmp_path}/copy.db"
    names = [one["name"] for one in json_of(run("accounts", "list", "--json", NUMBERDESK_DATABASE_URL=copy))]
    assert names == ["ACME"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a copy of its file
def test_a_file_that_is_there_is_left_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    refused = run("backup", "copy.db")
    assert refused.returncode == 1
    assert "overwrites nothing" in refused.stderr
    assert (tmp_path / "copy.db").read_text() == "precious"
    assert run("backup", "nowhere/copy.db").returncode == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a copy of its file
def test_a_copy_of_broken_books_is_kept_and_told(run: Run, tmp_path: Path, database_url: str) -> None:
    database = Database(database_url)
    with database.write() as tx:
        tx.execute(text("UPDATE wallets SET posted = 5"))
    database.close()
    broken = run("backup", "copy.db")
    assert broken.returncode == 1
    assert "the copy is as broken as the books" in broken.stderr
    assert (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_on_postgresql_it_says_what_to_use(run: Run, tmp_path: Path) -> None:
    refused = run("backup", "copy.db")
    assert refused.returncode == 1
    assert "pg_dump" in refused.stderr
    assert not (tmp_path / "copy.db").exists()
