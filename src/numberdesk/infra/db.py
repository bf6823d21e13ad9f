"""The database: read and write transactions, whatever the engine.

Touches: database, threads.

`Tx` is what stores get: it runs SQLAlchemy Core statements but never begins or commits.
Statements that every purchase runs are prepared once (statements.py) and go to the driver
directly. What differs between engines stands in sqlite.py and postgres.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Executable, make_url
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import ArgumentError, DBAPIError

from numberdesk.infra.failures import (
    CommitLostError,
    CommitUnknownError,
    DatabaseError,
    StorageFailedError,
    TryAgainError,
    UnfitServerError,
)
from numberdesk.infra.sqlite import Sqlite

if TYPE_CHECKING:
    from numberdesk.infra.postgres import Postgres

__all__ = [
    "CommitUnknownError",
    "Database",
    "DatabaseError",
    "StorageFailedError",
    "TryAgainError",
    "Tx",
    "UnfitServerError",
    "transaction_is_open",
]


class _Open(threading.local):
    """How many transactions this thread has open."""

    count = 0


_open: Final = _Open()


def transaction_is_open() -> bool:
    """Whether this thread is inside a transaction: nothing slow may be done there."""
    return _open.count > 0


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    _open.count += 1
    try:
        yield
    finally:
        _open.count -= 1


class Tx:
    """One running transaction, lent to stores."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.counted: Counter[tuple[str, ...]] = Counter()

    @property
    def engine_name(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.dialect.name

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Count something for metrics, under a name and labels of few values; what is rolled back was not counted."""
        self.counted[name, *labels] += by

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Run a statement; with a list of rows, once for each."""
        return self._connection.execute(statement, rows)

    def run(self, sql: str, values: Sequence[Any]) -> int:
        """Run driver-level SQL that changes rows; return how many it changed."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def copy(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Send rows into PostgreSQL's COPY ... FROM STDIN."""
        with self._cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

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
        finally:
            cursor.close()


class Database:
    """One database: write transactions one at a time, read transactions beside them.

    `read_connections` bounds the pool for reads; `busy_seconds` is how long SQLite waits for a
    writer of another process before StorageFailedError; `resolve_seconds` how long PostgreSQL may take
    over a transaction that writes, and is asked what became of a commit that it did not answer. Raises
    DatabaseError for a bad URL, and for an SQLite file that is not there unless it `makes_file`.
    """

    def __init__(
        self,
        url: str,
        *,
        read_connections: int = 4,
        busy_seconds: float = 2.0,
        resolve_seconds: float = 4.0,
        makes_file: bool = True,
    ) -> None:
        self._engine = _engine_for(url, busy_seconds, resolve_seconds, makes_file=makes_file)
        self.engine_name = self._engine.name
        self.one_flow_per_commit = self._engine.one_flow_per_commit
        self._write_lock = threading.Lock()
        self._write_kept: Connection | None = None
        self._writing = self._engine.writing()
        self._reading = self._engine.reading(read_connections)

    @property
    def file(self) -> str | None:
        """The SQLite file; None on PostgreSQL."""
        return self._engine.file

    @property
    def pooled(self) -> bool:
        """Whether there is a pooler before the server, as the last connection found."""
        return self._engine.pooled

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        """One write transaction: committed at the end, rolled back when anything is raised.

        Writers of this object wait for each other. Raises StorageFailedError when the database
        itself refuses (full, locked, gone), and of these TryAgainError when it is worth another
        try, UnfitServerError when the server could lose what it acknowledges, CommitUnknownError
        when nobody can tell whether the change was kept.
        """
        with self._write_lock, self._failures(), _counted():
            connection = self._write_connection()
            driver: Any = connection.connection.dbapi_connection
            try:
                self._engine.begin(driver)
                yield Tx(connection)
                self._engine.commit(driver)
            except CommitLostError as error:
                self._abandon(connection, driver)
                if not self._engine.resolve_commit():
                    raise TryAgainError(str(error)) from error
            except BaseException:
                self._abandon(connection, driver)
                raise

    def fold_rarely(self) -> None:
        """Have SQLite fold its WAL into the file after 64 MB in place of 4: for one that writes much and alone.

        Pages that many commits change are written once to the file. What is committed is as durable as ever.
        """
        with self._write_lock, self._failures():
            driver: Any = self._write_connection().connection.dbapi_connection
            self._engine.fold_rarely(driver)

    def _write_connection(self) -> Connection:
        """The one connection for writing, kept open: taking it from a pool would cost as much as a small write."""
        if self._write_kept is None:
            self._write_kept = self._writing.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._write_kept

    def _abandon(self, connection: Connection, driver: Any) -> None:
        """Roll back; a connection that cannot is given up, and what it had not committed with it."""
        with contextlib.suppress(self._writing.dialect.loaded_dbapi.Error):
            driver.execute("ROLLBACK")
        if not self._engine.usable(driver):
            self._write_kept = None
            connection.invalidate()
            connection.close()

    @contextlib.contextmanager
    def read(self, *, seconds: float | None = None) -> Iterator[Tx]:
        """One read transaction: a consistent view, closed at the end.

        `seconds` is how long it may take: SQLite then raises StorageFailedError, and PostgreSQL, which may
        only be silent, TryAgainError. None is for ever.
        """
        with self._failures(), _counted(), self._reading.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            self._engine.bound(driver, seconds)
            try:
                with connection.begin():
                    yield Tx(connection)
            except BaseException as error:
                # SQLAlchemy does not see what Tx.fetch meets, so it would keep a dead connection in the pool.
                if isinstance(self._failure(error), TryAgainError) and not connection.invalidated:
                    connection.invalidate()
                raise

    @contextlib.contextmanager
    def raw(self, *, writing: bool = False) -> Iterator[Connection]:
        """A connection in its own transaction, for migrations; whoever writes commits."""
        engine = self._engine.migrating(writing=writing)
        try:
            with self._failures(), engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def check(self) -> None:
        """Look at the server's settings. Raises DatabaseError when what it acknowledges could be lost."""
        with self.raw() as connection:
            self._engine.check(connection.connection.dbapi_connection)

    def is_insert_race(self, error: BaseException) -> bool:
        """Whether an error may tell of another process that inserted a row between a look and an insertion.

        No row can be locked that is not there. Whoever looks again sees it, unless it is a defect.
        """
        return self._engine.is_insert_race(_driver_error(error))

    def close(self) -> None:
        """Close every connection. On SQLite the last one folds the WAL into the file."""
        with self._write_lock:
            kept, self._write_kept = self._write_kept, None
        if kept is not None:
            kept.close()
        self._reading.dispose()
        self._writing.dispose()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Tell failures of the storage from defects, whether SQLAlchemy met them or the driver did alone (Tx.run)."""
        try:
            yield
        except Exception as error:
            failure = self._failure(error)
            if failure is None:
                raise
            raise failure from error

    def _failure(self, error: BaseException) -> StorageFailedError | None:
        return self._engine.failure(_driver_error(error))


def _driver_error(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _engine_for(url: str, busy_seconds: float, resolve_seconds: float, *, makes_file: bool) -> Sqlite | Postgres:
    if url.startswith(("postgresql://", "postgres://")):  # libpq reads these: several hosts, its own parameters
        from numberdesk.infra.postgres import Postgres  # noqa: PLC0415  SQLite does without the driver's 6 MB

        return Postgres(url, resolve_seconds=resolve_seconds)
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
    except ArgumentError:
        raise DatabaseError("NUMBERDESK_DATABASE_URL is not a database URL, like sqlite:///var/numberdesk.db") from None
    if name == "postgresql":
        raise DatabaseError("NUMBERDESK_DATABASE_URL: leave the driver out, like postgresql://user@host/numberdesk")
    if name != "sqlite":
        raise DatabaseError(f"NUMBERDESK_DATABASE_URL: {name} is not supported; take sqlite or postgresql")
    return Sqlite(parsed, busy_seconds=busy_seconds, makes_file=makes_file)
