"""The schema's history: what a start does to a database, and that the tree and the tables say the same."""

from __future__ import annotations

import contextlib
import runpy
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from numberdesk import migrations
from numberdesk.infra.db import Database, DatabaseError, StorageFailedError
from numberdesk.migrations import HEAD, alembic_config, current, prepare, upgrade
from numberdesk.tables import metadata
from numberdesk.tables.ledger import GUARDS

FIRST = Path(migrations.__file__).parent / "versions" / "0001_the_first_schema.py"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    yield database
    database.close()


def schema_of(path: str | None) -> dict[str, str]:
    """Every table, index and trigger with the text that makes it, white space aside."""
    with contextlib.closing(sqlite3.connect(str(path))) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in rows}


def test_an_empty_database_gets_the_schema(empty: Database) -> None:
    assert current(empty) is None
    prepare(empty)
    assert current(empty) == HEAD
    with empty.raw() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_current_database_is_left_as_it_is(database: Database) -> None:
    before = schema_of(database.url.database)
    with database.write() as tx:
        tx.run("INSERT INTO accounts VALUES ('acc_1', 'Customer', 'USD', 'active', 1)", [])
    prepare(database)
    upgrade(database)
    assert schema_of(database.url.database) == before
    with database.read() as tx:
        assert tx.fetch("SELECT id FROM accounts", []) == [("acc_1",)]


@pytest.mark.parametrize("found", ["0000", "9999"])
def test_a_database_at_another_revision_is_refused_with_the_command_to_run(database: Database, found: str) -> None:
    with database.write() as tx:
        tx.run("UPDATE alembic_version SET version_num = ?", [found])
    with pytest.raises(DatabaseError, match=f"revision {found}, .* needs {HEAD}: run numberdesk db upgrade"):
        prepare(database)


def test_a_database_with_tables_of_somebody_else_is_refused_and_left_alone(empty: Database) -> None:
    with empty.write() as tx:
        tx.run("CREATE TABLE theirs (id INTEGER)", [])
    with pytest.raises(DatabaseError, match="not Numberdesk's"):
        prepare(empty)
    assert list(schema_of(empty.url.database)) == ["theirs"]


def test_a_migration_that_fails_midway_leaves_nothing_behind(empty: Database) -> None:
    """The last table to be made is there already: all that was made before it must go again."""
    with empty.write() as tx:
        tx.run("CREATE TABLE superseded_prices (id INTEGER)", [])
    with pytest.raises(StorageFailedError, match="superseded_prices already exists"):
        upgrade(empty)
    assert list(schema_of(empty.url.database)) == ["superseded_prices"]
    with empty.write() as tx:
        tx.run("DROP TABLE superseded_prices", [])
    prepare(empty)
    assert current(empty) == HEAD


def test_several_processes_may_begin_on_one_empty_database(tmp_path: Path) -> None:
    """They wait for each other. One may find the file locked while it becomes WAL; none may find half a schema."""
    program = (
        "import sys; from numberdesk.infra.db import Database; from numberdesk.migrations import prepare;"
        "database = Database(sys.argv[1]); print(flush=True); sys.stdin.readline(); prepare(database)"
    )
    url = f"sqlite:///{tmp_path}/new.db"
    begun = [
        subprocess.Popen([sys.executable, "-c", program, url], stdin=PIPE, stdout=PIPE, stderr=PIPE) for _ in range(3)
    ]
    for process in begun:
        assert process.stdout is not None
        process.stdout.readline()
    complaints = []
    for process in begun:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in begun:
        _, complaint = process.communicate(timeout=60)
        complaints += complaint.decode().splitlines()[-1:]
    assert set(complaints) <= {"numberdesk.infra.db.StorageFailedError: database is locked"}
    assert len(complaints) < len(begun)
    database = Database(url)
    assert current(database) == HEAD
    database.close()


def test_the_newest_revision_is_the_head_of_the_tree() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_the_tables_and_the_migrations_do_not_differ(database: Database) -> None:
    with database.raw() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.check(config)


def test_the_migrations_make_what_the_tables_describe_to_the_letter(database: Database, tmp_path: Path) -> None:
    """Alembic compares neither checks nor triggers nor the conditions of indexes; this does."""
    engine = create_engine(f"sqlite:///{tmp_path}/described.db")
    metadata.create_all(engine)
    engine.dispose()
    described, migrated = schema_of(f"{tmp_path}/described.db"), schema_of(database.url.database)
    assert set(migrated) - {"alembic_version"} == set(described)
    differing = [name for name in described if _parts(described[name]) != _parts(migrated[name])]
    assert differing == []


def _parts(sql: str) -> list[str]:
    """What a statement says, whatever the order of a table's constraints."""
    head, _, body = sql.replace('"', "").partition("(")
    body, without_rowid, _ = body.partition("WITHOUT ROWID")
    parts = body.replace("CONSTRAINT", ",CONSTRAINT").split(",")
    return [head, without_rowid, *sorted(part.strip(" \n\t,)") for part in parts)]


def test_every_guard_is_in_force_and_says_what_the_tables_say(database: Database) -> None:
    with database.read() as tx:
        triggers = dict(tx.fetch("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'", []))
    assert triggers == {name: statements["sqlite"][0] for name, statements in GUARDS}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_guards_of_the_first_revision_are_those_of_the_tables(engine: str) -> None:
    frozen = runpy.run_path(str(FIRST))["GUARDS"]
    assert frozen[engine] == [line for _, statements in GUARDS for line in statements[engine]]


def test_a_database_is_prepared_with_foreign_keys_that_all_lead_somewhere(database: Database) -> None:
    with database.raw() as connection:
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
