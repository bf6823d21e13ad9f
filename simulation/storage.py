"""The disk that all simulated processes share, and a database on it that fails when it is told to.

Touches: database, files.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Executable
from sqlalchemy.engine import CursorResult

from numberdesk.infra.db import CommitUnknownError, Database, StorageFailedError, TryAgainError, Tx
from numberdesk.migrations import prepare

_PAGE_SIZE: Final = 1024
"""Small pages, so that a small database needs new ones often: a full disk is met in the middle of things."""

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
_UNBOUNDED: Final = 1_073_741_823


class SimulatedCrash(BaseException):
    """A process ends here and now. No flow may catch it."""


class PowerLost(SimulatedCrash):
    """The machine ends here and now. `torn` says that the last commit did not get to the disk as a whole."""

    def __init__(self, *, torn: bool) -> None:
        self.torn = torn
        super().__init__("torn" if torn else "whole")


@dataclass
class Trouble:
    """What is to go wrong with a database: used up by what it brings about, save for a full disk.

    `commit`: it fails and is rolled back. `lost` and `made`: nobody can tell what became of it, which was
    nothing, or was made. `again`: it was not made, and is worth another try.
    """

    statement: int | None = None
    commit: bool = False
    lost: bool = False
    made: bool = False
    again: bool = False
    power: bool = False
    full: bool = False


class Disk:
    """The folder with the one file. `keep` and `restore` are what a machine finds again after it lost power."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "books.db"
        self._kept: tuple[bytes, bytes] = (b"", b"")
        self._databases: dict[tuple[str, type[FailingDatabase]], FailingDatabase] = {}
        blank = folder / "blank.db"
        with contextlib.closing(sqlite3.connect(blank)) as connection:
            connection.execute(f"PRAGMA page_size={_PAGE_SIZE}")
            connection.execute("VACUUM")
        database = Database(f"sqlite:///{blank}")
        prepare(database)
        database.close()
        self._blank = blank.read_bytes()

    @classmethod
    @contextlib.contextmanager
    def temporary(cls) -> Iterator[Self]:
        """A disk in memory where the system has such a place, deleted at the end."""
        with tempfile.TemporaryDirectory(prefix="numberdesk-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            yield cls(Path(folder))

    @property
    def url(self) -> str:
        """Where a database finds its file."""
        return f"sqlite:///{self.path}"

    def database(self, name: str, kind: type[FailingDatabase]) -> FailingDatabase:
        """The database of a process. One serves many seeds, closed in between: making it costs more than using it."""
        if (name, kind) not in self._databases:
            self._databases[name, kind] = kind(self)
        database = self._databases[name, kind]
        database.trouble = Trouble()
        return database

    def format(self) -> None:
        """Begin with empty books."""
        self._write(self._blank, b"")

    def log_size(self) -> int:
        """Bytes in the write-ahead log."""
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def keep(self, log_bytes: int | None = None) -> None:
        """Note what is on the disk, of the log only the first bytes."""
        log = self._log.read_bytes() if self._log.exists() else b""
        self._kept = self.path.read_bytes(), log[:log_bytes]

    def restore(self) -> None:
        """Put back what was noted; every connection must be closed."""
        self._write(*self._kept)

    def contains(self, secret: bytes) -> bool:
        """Whether a secret, or either half of it, stands anywhere on the disk: a long row goes on in another page."""
        content = self.path.read_bytes() + (self._log.read_bytes() if self._log.exists() else b"")
        half = len(secret) // 2
        return secret[:half] in content or secret[half:] in content

    @property
    def _log(self) -> Path:
        return self.path.with_name("books.db-wal")

    def _write(self, books: bytes, log: bytes) -> None:
        # New files: SQLite keeps what it knows of a file by its inode, for as long as the process runs.
        for path in (self.path, self._log, self.path.with_name("books.db-shm")):
            path.unlink(missing_ok=True)
        self.path.write_bytes(books)
        if log:
            self._log.write_bytes(log)


class FailingTx(Tx):
    """A transaction whose n-th statement meets an I/O error."""

    def __init__(self, tx: Tx, statements: int) -> None:
        vars(self).update(vars(tx))
        self._left = statements

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Run a statement."""
        self._count()
        return super().execute(statement, rows)

    def run(self, sql: str, values: Sequence[Any]) -> int:
        """Run driver-level SQL."""
        self._count()
        return super().run(sql, values)

    def fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Run a driver-level query."""
        self._count()
        return super().fetch(sql, values)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise sqlite3.OperationalError("disk I/O error")


def _nothing() -> None:
    """Nobody asks."""


class FailingDatabase(Database):
    """The database of one simulated process. It waits for nobody's lock: to wait is the scheduler's business.

    `kept` is told of a commit that was made and will be reported as one of which nobody can tell.
    """

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk.url, busy_seconds=0, read_connections=1)
        self.trouble = Trouble()
        self.kept: Callable[[], None] = _nothing
        self._disk = disk
        self._bounded = False

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        """One write transaction, with the trouble that is due."""
        trouble, before = self.trouble, self._disk.log_size()
        with super().write() as tx:
            self._bound(tx, full=trouble.full)
            statements, trouble.statement = trouble.statement, None
            yield tx if statements is None else FailingTx(tx, statements)
            self._fail_commit(trouble)
        if trouble.power:
            self._lose_power(before)
        if trouble.made:
            trouble.made = False
            self.kept()
            raise CommitUnknownError("the answer to COMMIT was lost")

    def _fail_commit(self, trouble: Trouble) -> None:
        """The commit is not made."""
        if trouble.commit:
            trouble.commit = False
            raise StorageFailedError("disk I/O error")
        if trouble.lost:
            trouble.lost = False
            raise CommitUnknownError("COMMIT was lost")
        if trouble.again:
            trouble.again = False
            raise TryAgainError("deadlock detected")

    def _bound(self, tx: Tx, *, full: bool) -> None:
        """Let the file grow no further, or again. The bound belongs to the connection, which may be a new one."""
        if full or self._bounded:
            tx.fetch(f"PRAGMA max_page_count={1 if full else _UNBOUNDED}", [])
            self._bounded = full

    def _lose_power(self, before: int) -> None:
        """The log got to the disk but for the end of what this commit wrote."""
        written = self._disk.log_size()
        self._disk.keep(max(before, written - _PAGE_SIZE // 2) if written > before else None)
        raise PowerLost(torn=written > before)
