"""Statements for sets of rows, compiled once and run by the driver itself.

Touches: database.

A purchase runs a handful of statements however many commands its batch has. SQLAlchemy knows
the tables and speaks both dialects, but building and wrapping each execution costs several
times what SQLite needs to run it, so these statements are turned into text once per engine.
Rows are sent in VALUES lists of a few fixed sizes: one driver call for many rows, few texts
for the driver to keep prepared, and no hand-over of the interpreter lock for every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Select, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import Boolean, Text

from numberdesk.infra.db import Tx

_CHUNKS: Final = (64, 16, 4, 1)
_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # not annotated upstream
}
_PLACEHOLDER: Final = {"sqlite": "?", "postgresql": "%s"}

Row = Sequence[Any]


class RowsLostError(RuntimeError):
    """A set was to be written and not every row was there: a defect, and the transaction must not stand."""


class InsertRows:
    """INSERT of any number of rows. Rows are tuples in the order of the table's columns."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Insert all rows."""
        for chunk in _chunks(rows):
            tx.run(self._text(tx.engine_name, len(chunk)), [value for row in chunk for value in row])

    def _text(self, engine: str, size: int) -> str:
        text = self._texts.get((engine, size))
        if text is None:
            names = ", ".join(self._table.c.keys())
            one = f"({', '.join([_PLACEHOLDER[engine]] * len(self._table.c))})"
            text = f"INSERT INTO {self._table.name} ({names}) VALUES {', '.join([one] * size)}"  # noqa: S608  no user text
            self._texts[engine, size] = text
        return text


class UpdateRows:
    """UPDATE of rows by their key. Rows are tuples: the key, then the columns in the order given."""

    def __init__(self, table: Table, key: str, *columns: str) -> None:
        self._table = table
        self._columns = (key, *columns)
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Update every row. Raises RowsLostError when a key is not there."""
        changed = 0
        for chunk in _chunks(rows):
            changed += tx.run(self._text(tx.engine_name, len(chunk)), [value for row in chunk for value in row])
        if changed != len(rows):
            raise RowsLostError(f"{self._table.name}: {len(rows)} rows to change, {changed} there")

    def _text(self, engine: str, size: int) -> str:
        text = self._texts.get((engine, size))
        if text is None:
            casts = [f"CAST({_PLACEHOLDER[engine]} AS {_sql_type(self._table.c[name])})" for name in self._columns]
            one = f"({', '.join(casts if engine == 'postgresql' else [_PLACEHOLDER[engine]] * len(casts))})"
            sets = ", ".join(f"{name} = v.column{place}" for place, name in enumerate(self._columns[1:], 2))
            text = (
                f"UPDATE {self._table.name} SET {sets} FROM (VALUES {', '.join([one] * size)}) AS v "  # noqa: S608  no user text
                f"WHERE {self._table.name}.{self._columns[0]} = v.column1"
            )
            self._texts[engine, size] = text
        return text


class SelectSet:
    """A SELECT that asks with `in_set` for the members of one or more sets."""

    def __init__(self, query: Select[Any], *sets: str) -> None:
        self._query = query
        self._sets = sets
        self._texts: dict[str, tuple[str, list[str]]] = {}

    def run(self, tx: Tx, **members: Iterable[str]) -> list[Any]:
        """The rows, as tuples."""
        text, order = self._texts.get(tx.engine_name) or self._compile(tx.engine_name)
        sent = {name: _sent(tx.engine_name, members[name]) for name in self._sets}
        return tx.fetch(text, [sent[name] for name in order])

    def _compile(self, engine: str) -> tuple[str, list[str]]:
        compiled = self._query.compile(dialect=_DIALECTS[engine])
        if compiled.positiontup is None or set(compiled.positiontup) != set(self._sets):
            raise TypeError("a SelectSet takes its sets and no other parameter")
        made = self._texts[engine] = (str(compiled), list(compiled.positiontup))
        return made


class in_set(ColumnElement[bool]):  # noqa: N801  reads as an operator in queries
    """`column` is a member of the set sent under `name`: one parameter, however large the set."""

    type = Boolean()
    inherit_cache = False

    def __init__(self, column: Column[Any], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        """Stay as it is: the usual `... = 1` around a boolean would keep SQLite from its indexes."""
        return self


@compiles(in_set, "sqlite")
def _in_set_sqlite(element: in_set, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    members = compiler.process(bindparam(element.name, type_=Text), **options)
    return f"{column} IN (SELECT value FROM json_each({members}))"  # noqa: S608  both parts are compiled, not typed


@compiles(in_set, "postgresql")
def _in_set_postgresql(element: in_set, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    members = compiler.process(bindparam(element.name, type_=postgresql.ARRAY(Text)), **options)
    return f"{column} = ANY({members})"


def _sent(engine: str, members: Iterable[str]) -> Any:
    wanted = sorted(set(members))
    if engine == "postgresql":
        return wanted
    return msgspec.json.encode(wanted).decode()


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into pieces of the fixed sizes, largest first."""
    place = 0
    for size in _CHUNKS:
        while len(rows) - place >= size:
            yield rows[place : place + size]
            place += size


def _sql_type(column: Column[Any]) -> str:
    return "TEXT" if isinstance(column.type, Text) else "BIGINT"
