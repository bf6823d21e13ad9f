"""Checks that look for broken rows: how one is stated in SQL, run, counted and capped.

Touches: database.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, func, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from numberdesk.core.invariants import MOST_SHOWN, Checked, Violation, found
from numberdesk.infra.db import Tx

_PAGE: Final = 5000
_MOST_QUOTED: Final = 60


class StorageDamagedError(RuntimeError):
    """The database cannot read or compute what it holds; the text is the engine's."""


class Check(NamedTuple):
    """One step of an audit. `run` reads and never writes; it gives one result per invariant it proves."""

    what: str
    run: Callable[[Tx], Sequence[Checked]]


def rule(invariant: str, what: str, table: Table, broken: Select[Any], says: Callable[[Any], str]) -> Check:
    """A check out of a query for the rows of `table` that break it.

    The query's first column is the row's id; `says` makes the message out of a row.
    """
    return Check(what, partial(_run_rule, invariant, what, table, broken, says))


def _run_rule(
    invariant: str, what: str, table: Table, broken: Select[Any], says: Callable[[Any], str], tx: Tx
) -> list[Checked]:
    total, rows = broken_rows(tx, broken)
    violations = tuple(Violation(invariant, table.name, str(row[0]), says(row)) for row in rows)
    return [Checked(invariant, what, count_rows(tx, table), total, violations)]


def json_check(
    invariant: str,
    what: str,
    table: Table,
    key: Sequence[ColumnElement[Any]],
    column: ColumnElement[Any],
    is_right: Callable[[object], bool],
) -> Check:
    """A check that a column of texts holds JSON of the right form, or nothing; `key` is the table's.

    The engines disagree about what is JSON, so each text is read as the program reads it, page by page.
    """
    return Check(what, partial(_run_json, invariant, what, table, key, column, is_right))


def _run_json(
    invariant: str,
    what: str,
    table: Table,
    key: Sequence[ColumnElement[Any]],
    column: ColumnElement[Any],
    is_right: Callable[[object], bool],
    tx: Tx,
) -> list[Checked]:
    bad = (
        Violation(invariant, table.name, " ".join(row[:-1]), f"{column.name} cannot be read: {_shortened(row[-1])}")
        for row in _texts(tx, key, column)
        if not _is_json(row[-1], is_right)
    )
    return [found(invariant, what, count_rows(tx, table), bad)]


def _texts(tx: Tx, key: Sequence[ColumnElement[Any]], column: ColumnElement[Any]) -> Iterator[Any]:
    """The rows with a text that is not one of the two empty ones: their keys and the texts."""
    for page in pages(tx, select(*key, column).where(column.not_in(("[]", "{}"))), key):
        yield from page


def _is_json(written: object, is_right: Callable[[object], bool]) -> bool:
    try:
        return isinstance(written, str) and is_right(json.loads(written))
    except ValueError:
        return False


def _shortened(written: object) -> str:
    return repr(written)[:_MOST_QUOTED]


def pages(tx: Tx, query: Select[Any], key: Sequence[ColumnElement[Any]], size: int = _PAGE) -> Iterator[Sequence[Any]]:
    """The rows of a query in the order of their key, of which its first columns are, `size` at a time."""
    ordered = query.order_by(*key).limit(size)
    page = tx.execute(ordered).all()
    while page:
        yield page
        ahead = tuple_(*key) > tuple(page[-1][: len(key)])
        page = tx.execute(ordered.where(ahead)).all() if len(page) == size else []


def broken_rows(tx: Tx, query: Select[Any]) -> tuple[int, Sequence[Any]]:
    """How many rows a query finds, and the first MOST_SHOWN of them."""
    rows = tx.execute(query.limit(MOST_SHOWN + 1)).all()
    if len(rows) <= MOST_SHOWN:
        return len(rows), rows
    total = tx.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return int(total), rows[:MOST_SHOWN]


def count_rows(tx: Tx, table: Table) -> int:
    """How many rows a table has."""
    return int(tx.execute(_counted(table)).scalar_one())


@cache
def _counted(table: Table) -> Select[Any]:
    return select(func.count()).select_from(table)


def in_key_order(key: ColumnElement[str]) -> ColumnElement[bool]:
    """A condition that is always true and makes SQLite walk a table by its primary key.

    Without it SQLite walks a joined table by another index and looks every row up again, which
    takes five times as long.
    """
    return key >= ""


@contextlib.contextmanager
def naming_damage(tx: Tx) -> Iterator[None]:
    """Raise StorageDamagedError when the database cannot read what it holds; `tx` can then only be ended."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:  # nobody answered, which says nothing of the books
            raise
        if tx.engine_name == "sqlite":
            # After a page it could not read, SQLite refuses even to COMMIT a transaction that only read.
            with contextlib.suppress(DBAPIError):  # after an error of the disk it has rolled back by itself
                tx.execute(text("ROLLBACK"))
            tx.execute(text("BEGIN"))
        raise StorageDamagedError(str(error.orig)) from error
