"""The database: engines with the right pragmas, read and write transactions, fast statements.

Touches: database, files, threads.

`Tx` is what stores get: it runs SQLAlchemy Core statements but never begins or commits.
Statements that every purchase runs are prepared once (statements.py) and go to the driver
directly.
"""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Executable, create_engine, event, make_url
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.sql.dml import UpdateBase

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # so that the guards of transfers and holds see INSERT OR REPLACE too
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-65536",
)


class DatabaseError(RuntimeError):
    """The database cannot be used as it is; the text says what to do."""


class StorageFailedError(RuntimeError):
    """The database could not take a change: full, locked, read-only, damaged or gone. Nothing of it was kept."""


class Tx:
    """One running transaction, lent to stores."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    @property
    def engine_name(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.dialect.name

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Run a statement; with a list of rows, once for each."""
        return self._connection.execute(statement, rows)

    def run(self, sql: str, values: Sequence[Any]) -> int:
        """Run driver-level SQL that changes rows; return how many it changed."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def run_prepared(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run driver-level SQL for each row; return how many rows it changed."""
        with self._cursor() as cursor:
            cursor.executemany(sql, rows)
            return int(cursor.rowcount)

    def fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Run a driver-level query; return its rows as tuples."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._connection.connection.cursor()
        try:
            yield cursor
        except self.dialect.loaded_dbapi.OperationalError as error:
            raise StorageFailedError(str(error)) from error
        finally:
            cursor.close()


class Prepared:
    """A data-changing statement compiled once for each engine and then run by the driver itself."""

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, str] = {}

    def run(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it for every row (a mapping with the statement's parameter names); return the changed rows."""
        if not rows:
            return 0
        sql = self._compiled.get(tx.engine_name) or self._compile(tx.dialect, rows[0])
        return tx.run_prepared(sql, rows)

    def _compile(self, dialect: Dialect, row: Mapping[str, Any]) -> str:
        named: Dialect = type(dialect)(  # type: ignore[call-arg]  # every dialect that ships takes it
            paramstyle="named" if dialect.name == "sqlite" else "pyformat"
        )
        compiled = self._statement.compile(dialect=named, column_keys=list(row))
        sql = self._compiled[dialect.name] = str(compiled)
        return sql


class Database:
    """One database: write transactions one at a time, read transactions beside them.

    `read_connections` bounds the pool for reads; `busy_seconds` is how long SQLite waits for a
    writer of another process before StorageFailedError. Raises DatabaseError for a bad URL.
    """

    def __init__(self, url: str, *, read_connections: int = 4, busy_seconds: float = 2.0) -> None:
        try:
            parsed = make_url(url)
            self.engine_name = parsed.get_backend_name()
        except ArgumentError:
            raise DatabaseError(
                "NUMBERDESK_DATABASE_URL is not a database URL, like sqlite:///var/numberdesk.db"
            ) from None
        if self.engine_name == "postgresql":
            if importlib.util.find_spec("psycopg") is None:
                raise DatabaseError("NUMBERDESK_DATABASE_URL: PostgreSQL needs psycopg, which is not installed")
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif self.engine_name != "sqlite":
            raise DatabaseError(
                f"NUMBERDESK_DATABASE_URL: {self.engine_name} is not supported; take sqlite or postgresql"
            )
        elif not parsed.database or parsed.database == ":memory:":
            raise DatabaseError("NUMBERDESK_DATABASE_URL: SQLite needs a file, like sqlite:///var/numberdesk.db")
        else:
            if not parsed.database.startswith("file:"):  # an SQLite URI is no path
                _make_folder(Path(parsed.database).parent)
            parsed = parsed.set(drivername="sqlite")
        self.url = parsed
        self._begin_writing = "BEGIN IMMEDIATE" if self.engine_name == "sqlite" else "BEGIN"
        self._write_lock = threading.Lock()
        self._write_kept: Connection | None = None
        self._writing = self._engine(None, 1, busy_seconds)
        self._reading = self._engine("BEGIN", read_connections, busy_seconds)

    def _engine(self, begin: str | None, connections: int, busy_seconds: float) -> Engine:
        options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0}
        if self.engine_name == "sqlite":
            options["connect_args"] = {"timeout": busy_seconds, "check_same_thread": False}
        engine = create_engine(self.url, pool_timeout=30, **options)
        if self.engine_name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            if begin is not None:
                event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        """One write transaction: committed at the end, rolled back when anything is raised.

        Writers of this object wait for each other. Raises StorageFailedError when the database
        itself refuses (full, locked, gone).
        """
        with self._write_lock, self._storage_failures():
            connection = self._write_connection()
            driver: Any = connection.connection.dbapi_connection
            try:
                driver.execute(self._begin_writing)
                yield Tx(connection)
                driver.execute("COMMIT")
            except BaseException:
                self._abandon(connection, driver)
                raise

    def _write_connection(self) -> Connection:
        """The one connection for writing, kept open: taking it from a pool would cost as much as a small write."""
        if self._write_kept is None:
            self._write_kept = self._writing.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._write_kept

    def _abandon(self, connection: Connection, driver: Any) -> None:
        """Roll back; a connection that cannot is given up, and what it had not committed with it."""
        try:
            driver.execute("ROLLBACK")
        except self._writing.dialect.loaded_dbapi.Error:
            # SQLite rolls back by itself when the disk is full, and then there is nothing left to roll back.
            if getattr(driver, "in_transaction", True):
                self._write_kept = None
                connection.invalidate()
                connection.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Tx]:
        """One read transaction: a consistent view, closed at the end."""
        with self._storage_failures(), self._reading.connect() as connection, connection.begin():
            yield Tx(connection)

    @contextlib.contextmanager
    def raw(self, *, writing: bool = False) -> Iterator[Connection]:
        """A connection in its own transaction, for migrations; whoever writes commits."""
        engine = create_engine(self.url, poolclass=NullPool)
        if self.engine_name == "sqlite":
            begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        try:
            with self._storage_failures(), engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close every connection. On SQLite the last one folds the WAL into the file."""
        with self._write_lock:
            kept, self._write_kept = self._write_kept, None
        if kept is not None:
            kept.close()
        self._reading.dispose()
        self._writing.dispose()

    @contextlib.contextmanager
    def _storage_failures(self) -> Iterator[None]:
        """Tell failures of the storage from defects, whether SQLAlchemy met them or the driver did alone (Tx.run)."""
        try:
            yield
        except DBAPIError as error:
            if error.connection_invalidated or self._is_storage_failure(error.orig):
                raise StorageFailedError(str(error.orig)) from error
            raise
        except Exception as error:
            if self._is_storage_failure(error):
                raise StorageFailedError(str(error)) from error
            raise

    def _is_storage_failure(self, error: BaseException | None) -> bool:
        """Drivers raise OperationalError for what they meet, and SQLite plain DatabaseError for a damaged file."""
        driver = self._writing.dialect.loaded_dbapi
        return isinstance(error, driver.OperationalError) or type(error) is driver.DatabaseError


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None
    for pragma in _PRAGMAS:
        dbapi_connection.execute(pragma).close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"NUMBERDESK_DATABASE_URL: {folder} cannot be made: {error.strerror}") from None
