"""The schema's history: what a start does to a database, and that the tree and the tables say the same."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from numberdesk import migrations
from numberdesk.infra.db import Database, DatabaseError
from numberdesk.migrations import HEAD, alembic_config, current, prepare, upgrade
from numberdesk.tables import metadata
from numberdesk.tables.ledger import GUARDS
from tests.infra.schemas import schema_of

FIRST = Path(migrations.__file__).parent / "versions" / "0001_the_first_schema.py"


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def run_raw(database: Database, statement: str) -> None:
    """Run a statement on a database that may have no schema."""
    with database.raw(writing=True) as connection:
        connection.execute(text(statement))
        connection.commit()


def test_an_empty_database_gets_the_schema(empty: Database) -> None:
    assert current(empty) is None
    prepare(empty)
    assert current(empty) == HEAD
    with empty.raw() as connection:
        made = {name for name in inspect(connection).get_table_names() if not name.startswith("number_trigrams_")}
    assert made == {*metadata.tables, "alembic_version"}


def test_a_current_database_is_left_as_it_is(database: Database) -> None:
    before = schema_of(database)
    with database.write() as tx:
        tx.execute(text("INSERT INTO accounts VALUES ('acc_1', 'Customer', 'USD', 'active', 1, 'customer', NULL)"))
    prepare(database)
    upgrade(database)
    assert schema_of(database) == before
    with database.read() as tx:
        assert tx.fetch("SELECT id FROM accounts", []) == [("acc_1",)]


@pytest.mark.parametrize("found", ["0000", "0001", "9999"])
def test_a_database_at_another_revision_is_refused_with_the_command_to_run(empty: Database, found: str) -> None:
    upgrade(empty, "0001")
    run_raw(empty, f"UPDATE alembic_version SET version_num = '{found}'")  # noqa: S608  the test's own
    before = schema_of(empty)
    with pytest.raises(DatabaseError, match=f"revision {found}, .* needs {HEAD}: run numberdesk db upgrade"):
        prepare(empty)
    assert schema_of(empty) == before


def test_a_database_with_tables_of_somebody_else_is_refused_and_left_alone(empty: Database) -> None:
    run_raw(empty, "CREATE TABLE theirs (id INTEGER)")
    before = schema_of(empty)
    with pytest.raises(DatabaseError, match="not Numberdesk's"):
        prepare(empty)
    assert schema_of(empty) == before


def test_several_processes_may_begin_on_one_empty_database(empty: Database, empty_url: str) -> None:
    """They wait for each other and none may find half a schema.

    On SQLite one may find the file locked while it becomes WAL; on PostgreSQL none may fail.
    """
    program = (
        "import sys; from numberdesk.infra.db import Database; from numberdesk.migrations import prepare;"
        "database = Database(sys.argv[1]); print(flush=True); sys.stdin.readline(); prepare(database)"
    )
    begun = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stdin=PIPE, stdout=PIPE, stderr=PIPE)
        for _ in range(3)
    ]
    for process in begun:
        assert process.stdout is not None
        process.stdout.readline()
    for process in begun:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    complaints = [line for process in begun for line in process.communicate(timeout=60)[1].decode().splitlines()[-1:]]
    accepted = {"numberdesk.infra.failures.StorageFailedError: database is locked"}
    assert set(complaints) <= (accepted if empty.engine_name == "sqlite" else set())
    assert len(complaints) < len(begun)
    assert current(empty) == HEAD


def test_the_newest_revision_is_the_head_of_the_tree() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_the_tables_and_the_migrations_do_not_differ(database: Database) -> None:
    with database.raw() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.check(config)


def test_the_migrations_make_what_the_tables_describe_to_the_letter(database: Database, empty: Database) -> None:
    """Alembic compares neither checks nor triggers nor the conditions of indexes; this does."""
    with empty.raw(writing=True) as connection:
        metadata.create_all(connection)
        connection.commit()
    described, migrated = schema_of(empty), schema_of(database)
    version = {name for name in migrated if "alembic_version" in name}
    assert set(migrated) - version == set(described)
    assert len(described) > len(metadata.tables) + len(GUARDS)
    assert {name: (migrated[name], said) for name, said in described.items() if migrated[name] != said} == {}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_guards_of_the_first_revision_are_those_of_the_tables(dialect: str) -> None:
    frozen = runpy.run_path(str(FIRST))["GUARDS"]
    assert frozen[dialect] == [line for _, statements in GUARDS for line in statements[dialect]]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # SQLite's own checks
def test_a_file_is_prepared_sound_and_with_foreign_keys_that_all_lead_somewhere(database: Database) -> None:
    with database.raw() as connection:
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_all_text_compares_byte_by_byte_on_postgresql(database: Database) -> None:
    query = """
        SELECT table_name, column_name, collation_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')
    """
    with database.read() as tx:
        columns = tx.fetch(query, [])
    assert len(columns) > 70
    assert [column for column in columns if column[0] != "alembic_version" and column[2] != "C"] == []
