"""A consistent copy of an SQLite file that others go on writing to.

Touches: files.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from numberdesk.infra.db import DatabaseError
from numberdesk.infra.private_file import create_private


def copy_sqlite(source: str, target: Path) -> None:
    """Copy the books as they are at one moment into a new file, on disk when this returns.

    Whoever writes meanwhile does not wait. The file is its owner's alone. Raises DatabaseError, and leaves no file.
    """
    try:
        if not create_private(target):
            raise DatabaseError(f"{target} is there already; a backup overwrites nothing")
    except OSError as error:
        raise DatabaseError(f"{target} cannot be made: {error.strerror}") from None
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{Path(source).resolve().as_uri()}?mode=ro", uri=True)) as books,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            books.backup(copy)
        _sync(target)
        _sync(target.resolve().parent)
    except (sqlite3.Error, OSError) as error:
        target.unlink()
        raise DatabaseError(f"{target} could not be written: {error}") from None


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
