"""SQLite as an engine: durable pragmas, one writer at a time, failures told apart.

Touches: database, files, clock.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from numberdesk.infra.failures import CommitUnknownError, DatabaseError, StorageFailedError
from numberdesk.infra.private_file import create_private

_RARELY: Final = 16_384
"""Pages of the WAL; usually it is 1,000."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # so that the guards of transfers and holds see INSERT OR REPLACE too
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-65536",
)


_INSTRUCTIONS: Final = 1_000_000
"""Of SQLite's, after which it asks whether it may go on: some hundredths of a second's. Most reads end before.

Each time it waits for the interpreter's lock, which a busy process may keep for milliseconds, so it must not be often.
"""
_PREPARED: Final = 256
"""Statements that a connection keeps prepared: those of a purchase, in each size, beside those of background work."""

HOW_TO_MAKE_ONE: Final = (
    "`numberdesk serve` or `numberdesk db upgrade` makes one, and NUMBERDESK_DATABASE_URL says where it is"
)
"""What a person is told who has no database yet."""


class Sqlite:
    """One SQLite file. `busy_seconds` is how long to wait for a writer of another process.

    A file that is not there is made where `makes_file`, and else refused with DatabaseError.
    """

    name: ClassVar[str] = "sqlite"
    one_flow_per_commit: ClassVar[bool] = False
    """Nobody else writes meanwhile, so the order in which flows take their rows cannot matter."""
    pooled: ClassVar[bool] = False

    def __init__(self, url: URL, *, busy_seconds: float, makes_file: bool = True) -> None:
        if not url.database or url.database == ":memory:":
            raise DatabaseError("NUMBERDESK_DATABASE_URL: SQLite needs a file, like sqlite:///var/numberdesk.db")
        if not url.database.startswith("file:"):  # an SQLite URI is no path
            if makes_file:
                _make_folder(Path(url.database).parent)
            elif not Path(url.database).exists():
                raise DatabaseError(f"there is no database at {url.database}; {HOW_TO_MAKE_ONE}")
        self._url = url.set(drivername="sqlite")
        self._busy_seconds = busy_seconds
        self.file: str | None = url.database

    def writing(self) -> Engine:
        """An engine for the one connection that writes; transactions are begun by hand."""
        return self._engine(None, poolclass=QueuePool, pool_size=1, max_overflow=0)

    def reading(self, connections: int) -> Engine:
        """An engine for at most so many readers at once."""
        return self._engine("BEGIN", poolclass=QueuePool, pool_size=connections, max_overflow=0)

    def migrating(self, *, writing: bool) -> Engine:
        """An engine that keeps no connection."""
        return self._engine("BEGIN IMMEDIATE" if writing else "BEGIN", poolclass=NullPool)

    def _engine(self, begin: str | None, **options: Any) -> Engine:
        arguments = {
            "timeout": self._busy_seconds,
            "check_same_thread": False,
            "cached_statements": _PREPARED,
        }
        engine = create_engine(self._url, connect_args=arguments, hide_parameters=True, **options)
        event.listen(engine, "do_connect", lambda *_: self._create_file())
        event.listen(engine, "connect", _prepare)
        if begin is not None:
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    def _create_file(self) -> None:
        """Make a file that is not there yet, for its owner only; SQLite gives the log and its index the same mode.

        What cannot be made, SQLite cannot open either, and says so.
        """
        if self.file and not self.file.startswith("file:"):  # an SQLite URI may say that nothing is to be made
            with contextlib.suppress(OSError):
                create_private(Path(self.file))

    def check(self, driver: Any) -> None:
        """Nothing of an operator's can make a file unfit."""

    def bound(self, driver: Any, seconds: float | None) -> None:
        """Let the connection work for so long from now on, then interrupt its statement; None is for ever."""
        if seconds is None:
            driver.set_progress_handler(None, 0)
            return
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() >= end, _INSTRUCTIONS)

    def fold_rarely(self, driver: Any) -> None:
        """Let the WAL grow to 64 MB before a commit folds it into the file."""
        driver.execute(f"PRAGMA wal_autocheckpoint={_RARELY}").close()

    def begin(self, driver: Any) -> None:
        """Begin a write transaction and take the lock at once."""
        driver.execute("BEGIN IMMEDIATE")

    def commit(self, driver: Any) -> None:
        """Commit: durable when this returns, rolled back when it raises.

        An input or output error is the exception: what was written before it may be found again
        when the file is opened the next time, so nobody can tell (CommitUnknownError).
        """
        try:
            driver.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_IOERR"):
                raise CommitUnknownError(str(error)) from error
            raise

    def usable(self, driver: Any) -> bool:
        """Whether the connection is out of its transaction and may be used again."""
        # SQLite rolls back by itself when the disk is full, and then there is nothing left to roll back.
        return not driver.in_transaction

    def resolve_commit(self) -> bool:
        """A commit that raised was rolled back."""
        return False

    def failure(self, error: BaseException | None) -> StorageFailedError | None:
        """The storage's failure that an error tells of; None for a defect.

        The driver raises OperationalError for what it meets, and plain DatabaseError for a damaged file.
        """
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            return StorageFailedError(str(error))
        return None

    def is_insert_race(self, error: BaseException | None) -> bool:  # noqa: ARG002  the engines' one signature
        """Nobody else writes between a look and an insertion, so a key that is there twice is a defect."""
        return False


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"NUMBERDESK_DATABASE_URL: {folder} cannot be made: {error.strerror}") from None
