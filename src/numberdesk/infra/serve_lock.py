"""One server to a SQLite file: a lock beside it, held as long as the process lives.

Touches: database, files.

Two servers on one file would not harm the books, which have locks of their own; but each would wait for
the other's commits, and limits that are counted in a process would count half. The lock is one of
SQLite's own, on an empty file: it works wherever the books do, and the system takes it away with the
process, however that ends.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from numberdesk.infra.db import Database, DatabaseError
from numberdesk.infra.private_file import create_private

SUFFIX: Final = "-serve"
"""What the lock's file is called, after the name of the books."""

_LOOKED_AT: Final = 0.5
"""Seconds to wait for the lock: somebody who looks whether there is a server holds it for an instant."""


@contextlib.contextmanager
def only_server(database: Database) -> Iterator[None]:
    """Be the one that serves this file. Raises DatabaseError when another process is.

    Does nothing on other engines, on which several may serve.
    """
    if database.engine_name != "sqlite":
        yield
        return
    file = _file_of(database)
    with contextlib.suppress(OSError):  # SQLite says what is wrong; a lock that others can open, they can hold
        create_private(Path(file + SUFFIX))
    with contextlib.closing(sqlite3.connect(file + SUFFIX, timeout=_LOOKED_AT, isolation_level=None)) as lock:
        _take(lock, file)
        yield


def is_served(database: Database) -> bool:
    """Whether somebody may be waiting: another process serves this file, or may serve these books on another engine."""
    if database.engine_name != "sqlite":
        return True
    file = Path(_file_of(database) + SUFFIX)
    if not file.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=0, uri=True)) as lock:
        try:
            lock.execute("SELECT 1 FROM sqlite_master").close()
        except sqlite3.OperationalError:
            return True
    return False


def _file_of(database: Database) -> str:
    with database.read() as tx:
        return next(str(path) for _, name, path in tx.fetch("PRAGMA database_list", []) if name == "main")


def _take(lock: sqlite3.Connection, file: str) -> None:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise DatabaseError(f"{file}{SUFFIX} cannot be locked: {error}") from None
        raise DatabaseError(
            f"another `numberdesk serve` is serving {file}; stop it first, or take another NUMBERDESK_DATABASE_URL. "
            "Commands and `numberdesk worker` may run beside it"
        ) from None
