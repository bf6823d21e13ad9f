"""A database for every test that wants one: prepared once a session, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from numberdesk.infra.db import Database
from numberdesk.migrations import prepare

# How long an example takes says nothing on a machine that does other things beside.
settings.register_profile("numberdesk", deadline=None)
settings.load_profile("numberdesk")


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and nothing in it."""
    path = tmp_path_factory.mktemp("prepared") / "books.db"
    database = Database(f"sqlite:///{path}")
    prepare(database)
    database.close()
    return path


@pytest.fixture
def database(prepared_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty, prepared SQLite database of the test's own."""
    path = tmp_path / "books.db"
    shutil.copyfile(prepared_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
