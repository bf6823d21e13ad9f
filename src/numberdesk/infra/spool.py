"""A spool on disk: takes rows in any order, gives them back in the order of their keys, in bounded memory.

Touches: files.

The rows stand in a SQLite file of its own, which no other program sees and which disappears
with the spool. Nothing in it is meant to survive a crash.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from numberdesk.infra.db import StorageFailedError

_PRAGMAS: Final = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA cache_size=-16384",
)


class Spool:
    """Rows of text, whole numbers and None. The first of the `columns` is the key.

    One thread at a time may use it, not always the same. `directory` is where its file goes, the
    system's place for temporary files when None. Raises StorageFailedError when that is full.
    """

    def __init__(self, columns: Sequence[str], *, directory: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="numberdesk-", dir=directory)
        path = Path(self._folder.name) / "spool"
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            self._connection.execute(pragma).close()
        names = ", ".join(f'"{column}"' for column in columns)
        key = f'"{columns[0]}"'
        self._connection.execute(f"CREATE TABLE spool ({names}, line, PRIMARY KEY ({key})) WITHOUT ROWID")
        # One transaction that never ends: what does not fit the cache goes to the file, nothing is ever synced.
        self._connection.execute("BEGIN")
        marks = ", ".join("?" * (len(columns) + 1))
        self._insert = f"INSERT OR IGNORE INTO spool VALUES ({marks})"  # noqa: S608  only question marks
        self._first = f"SELECT line FROM spool WHERE {key} = ?"  # noqa: S608  a column name of ours
        self._ordered = f"SELECT * FROM spool ORDER BY {key}"  # noqa: S608  a column name of ours
        self._keys = f"SELECT {key} FROM spool ORDER BY {key}"  # noqa: S608  a column name of ours
        among = f"{key} IN (SELECT value FROM json_each(?))"  # noqa: S608  a column name of ours
        self._some = f"SELECT * FROM spool WHERE {among} ORDER BY {key}"  # noqa: S608  a column name of ours
        self._cursor = self._connection.cursor()
        self.rows = 0
        with contextlib.suppress(OSError):
            # Where the system allows it, the space is given back even if this process is killed.
            path.unlink()

    def add(self, line: int, row: tuple[str | int | None, ...]) -> int | None:
        """Keep a row that came from `line`; when its key is there already, leave it and return that one's line."""
        try:
            if self._cursor.execute(self._insert, (*row, line)).rowcount:
                self.rows += 1
                return None
            return int(self._cursor.execute(self._first, row[:1]).fetchone()[0])
        except sqlite3.OperationalError as error:
            raise _disk_failure(error) from error

    def add_all(self, rows: Sequence[Sequence[str | int | None]]) -> list[int | None]:
        """Keep many rows as `add` would one after the other. Behind its columns each has the line that it came from."""
        try:
            before = self._connection.total_changes
            self._cursor.executemany(self._insert, rows)
            added = self._connection.total_changes - before
            self.rows += added
            if added == len(rows):
                return [None] * len(rows)
            # No two rows come from one line, so a row that is not there under its own line has left another in place.
            firsts = [int(self._cursor.execute(self._first, row[:1]).fetchone()[0]) for row in rows]
            return [None if first == row[-1] else first for first, row in zip(firsts, rows, strict=True)]
        except sqlite3.OperationalError as error:
            raise _disk_failure(error) from error

    def keys(self, size: int) -> Iterator[list[str]]:
        """All keys in order, `size` at a time."""
        with contextlib.closing(self._connection.execute(self._keys)) as cursor:
            while rows := cursor.fetchmany(size):
                yield [key for (key,) in rows]

    def rows_of(self, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows of these keys, in order; behind the columns each has its line."""
        found: list[tuple[Any, ...]] = self._connection.execute(self._some, [json.dumps(keys)]).fetchall()
        return found

    def chunks(self, size: int | Callable[[], int]) -> Iterator[list[tuple[Any, ...]]]:
        """All rows by key, `size` at a time; behind the columns each has its line. May be asked for again.

        A size that changes is asked for before each chunk.
        """
        with contextlib.closing(self._connection.execute(self._ordered)) as cursor:
            while rows := cursor.fetchmany(size if isinstance(size, int) else size()):
                yield rows

    def close(self) -> None:
        """Delete everything. May be called twice."""
        self._connection.close()
        self._folder.cleanup()


def _disk_failure(error: sqlite3.OperationalError) -> StorageFailedError:
    return StorageFailedError(f"the temporary files cannot be written: {error}")
