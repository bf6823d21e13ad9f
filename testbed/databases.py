"""Prepared databases on either engine, made from a template in milliseconds and used again where that is safe."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from pathlib import Path
from typing import Any, Final

import psycopg

from numberdesk.infra.db import Database, Tx
from numberdesk.migrations import prepare
from numberdesk.tables import metadata
from numberdesk.tables.trigrams import AS_VIRTUAL
from testbed.postgres import Server

ENGINES: Final = ("sqlite", "postgresql")

_MOST_USES: Final = 60
"""Of one PostgreSQL database: what was deleted still lies in its files."""

_TABLES: Final = [table.name for table in reversed(metadata.sorted_tables)]
_EMPTY: Final = "; ".join(["SET session_replication_role = replica", *(f"DELETE FROM {name}" for name in _TABLES)])  # noqa: S608  our own tables
_SCHEMA: Final = """
    SELECT
    (SELECT string_agg(ROW(relname, relkind, relhastriggers)::TEXT, ',' ORDER BY oid)
     FROM pg_class WHERE relnamespace = 2200),
    (SELECT string_agg(ROW(tgname, tgenabled)::TEXT, ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal),
    (SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE connamespace = 2200),
    (SELECT string_agg(ROW(attname, attnotnull, attrelid)::TEXT, ',' ORDER BY attrelid, attnum)
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 2200 AND attnum > 0),
    (SELECT string_agg(version_num, ',') FROM alembic_version)
"""


class Sqlites:
    """SQLite files, each copied from a prepared one."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        self._serials = itertools.count(1)
        prepared(f"sqlite:///{self._template}")

    def empty(self, folder: Path) -> str:
        """The address of a database without a schema."""
        return f"sqlite:///{folder}/books-{next(self._serials)}.db"

    def prepared(self, folder: Path) -> str:
        """The address of a database with the schema and nothing in it."""
        url = self.empty(folder)
        shutil.copyfile(self._template, url.removeprefix("sqlite:///"))
        return url

    def fresh(self, folder: Path) -> str:
        """The same: no file is used twice."""
        return self.prepared(folder)

    def done(self, url: str) -> None:
        """The files go with their folder."""

    def close(self) -> None:
        """Nothing runs."""


class Postgreses:
    """Databases of one PostgreSQL server. Those that come back with the schema they had are emptied and lent again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._serials = itertools.count(1)
        self._idle: list[str] = []
        self._uses: dict[str, int] = {}
        self._sessions: dict[str, psycopg.Connection[Any]] = {}
        prepared(server.make_database("template"))
        self._schema = self._schema_of("template")
        self._end_session("template")  # a template that somebody is in cannot be copied

    def empty(self, _folder: Path | None = None) -> str:
        """The address of a database without a schema."""
        return self.server.make_database(self._new_name())

    def prepared(self, _folder: Path | None = None) -> str:
        """The address of a database with the schema and nothing in it."""
        name = self._idle.pop() if self._idle else self._new_name()
        if name not in self._uses:
            self.server.make_database(name, "template")
        self._uses[name] = self._uses.get(name, 0) + 1
        return self.server.url(name)

    def fresh(self, _folder: Path | None = None) -> str:
        """The same, in whose files nothing has ever been: for what depends on how much they hold."""
        return self.server.make_database(self._new_name(), "template")

    def done(self, url: str) -> None:
        """Take a database back."""
        name = url.partition("///")[2].partition("?")[0]
        if self._uses.get(name, _MOST_USES) < _MOST_USES and self._emptied(name):
            self._idle.append(name)
        else:
            self._uses.pop(name, None)
            self._end_session(name)
            self.server.drop_database(name)

    def _emptied(self, name: str) -> bool:
        """Whether it has the schema that it had, and nothing in it any more."""
        try:
            same = self._schema_of(name) == self._schema
            if same:
                self._session(name).execute(_EMPTY)
        except psycopg.OperationalError:  # the test ended the sessions of its database, or the server
            return False
        return same

    def _schema_of(self, name: str) -> object:
        session = self._session(name)
        session.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        return session.execute(_SCHEMA).fetchone()

    def _session(self, name: str) -> psycopg.Connection[Any]:
        """Kept for as long as the database is lent again: a new one would read the catalogue anew."""
        if name not in self._sessions:
            self._sessions[name] = self.server.session(name)
        return self._sessions[name]

    def _end_session(self, name: str) -> None:
        if name in self._sessions:
            self._sessions.pop(name).close()

    def _new_name(self) -> str:
        return f"books_{next(self._serials)}"

    def close(self) -> None:
        """Stop the server and remove it."""
        for name in list(self._sessions):
            self._end_session(name)
        self.server.delete()


Databases = Sqlites | Postgreses


def databases(engine: str, folder: Path) -> Databases:
    """Databases of an engine; close them at the end."""
    if engine == "sqlite":
        return Sqlites(folder)
    server = Server()
    with contextlib.ExitStack() as undo:
        undo.callback(server.delete)
        server.create()
        server.start()
        made = Postgreses(server)
        undo.pop_all()
    return made


def prepared(url: str) -> None:
    """Give an empty database its schema."""
    database = Database(url)
    prepare(database)
    database.close()


def readable(tx: Tx) -> list[str]:
    """The tables whose rows can be read: of a virtual one SQLite has the index, not the rows."""
    virtual = tx.engine_name == "sqlite"
    return [table.name for table in metadata.sorted_tables if not (virtual and AS_VIRTUAL in table.info)]
