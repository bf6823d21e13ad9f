"""Books as they were when a revision of the schema was the newest, and all that is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import inspect, text

from numberdesk.infra.db import Database
from numberdesk.verify.books import verify

BOOKS: Final = Path(__file__).parent / "books"
"""Rows for every table, as they were when a revision was the newest: a file for each, never changed."""

Rows = dict[str, list[tuple[Any, ...]]]
Old = Callable[[str], Database]


def rows(database: Database, tables: list[str] | None = None) -> Rows:
    """All rows of all tables, or of those named."""
    with database.raw() as connection:
        names = tables or sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
        return {
            name: sorted((tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))), key=repr)  # noqa: S608  own
            for name in names
        }


def in_order(database: Database) -> bool:
    with database.read() as tx:
        return verify(tx, lambda _what, _done, _of: None, thorough=True).ok
