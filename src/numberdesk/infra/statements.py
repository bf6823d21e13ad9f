"""Statements for sets of rows, compiled once and run by the driver itself.

Touches: database.

A purchase runs a handful of statements however many commands its batch has. SQLAlchemy knows
the tables and speaks both dialects, but building and wrapping each execution costs several
times what SQLite needs to run it, so these statements are turned into text once per engine.

On SQLite rows are sent in VALUES lists of a few fixed sizes: one driver call for many rows, few
texts for the driver to keep prepared, and no hand-over of the interpreter lock for every row. Rows
are read as one JSON array for the same reason: the driver hands the lock over for each row that it
fetches, and beside a busy thread waits for it each time. On
PostgreSQL rows are inserted by COPY and updated from arrays, one text for any number of rows:
64 rows of 12 columns cost 0.45 ms so, and 2 ms as a VALUES list.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Self

import msgspec
from sqlalchemy import BindParameter, Column, Select, Table, bindparam, literal, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import BigInteger, Boolean, Text

from numberdesk.infra.db import Tx

_CHUNKS: Final = (64, 32, 16, 8, 4, 2, 1)
"""Doubling, so that any batch is few calls; the driver keeps so many texts prepared (sqlite.py)."""
_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # not annotated upstream
}

Row = Sequence[Any]


class RowsLostError(RuntimeError):
    """A set was to be written and not every row was there: a defect, and the transaction must not stand."""


class InsertRows:
    """INSERT of any number of rows. Rows are tuples in the order of `names`, else of the columns.

    Columns that the database computes are no part of it. Raises TypeError when the names are not all the others: at
    import, where statements are made.
    """

    def __init__(self, table: Table, names: Sequence[str] | None = None) -> None:
        stored = [name for name, column in table.c.items() if column.computed is None]
        if names is not None and sorted(names) != sorted(stored):
            raise TypeError(f"{table.name} has other columns than {', '.join(names)}")
        self._table = table
        self.names = tuple(names or stored)
        self._names = ", ".join(self.names)
        self._copy = f"COPY {table.name} ({self._names}) FROM STDIN"
        self._texts: dict[int, str] = {}

    def run(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Insert all rows."""
        if tx.engine_name == "postgresql":
            if rows:
                tx.copy(self._copy, rows)
            return
        for chunk in _chunks(rows):
            tx.run(self._text(len(chunk)), list(chain.from_iterable(chunk)))

    def _text(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            one = f"({', '.join('?' * len(self.names))})"
            text = f"INSERT INTO {self._table.name} ({self._names}) VALUES {', '.join([one] * size)}"  # noqa: S608  no user text
            self._texts[size] = text
        return text


class UpdateRows:
    """UPDATE of rows by their key. Rows are tuples: the key, then the columns in the order given."""

    def __init__(self, table: Table, key: str, *columns: str) -> None:
        self._table = table
        self._columns = (key, *columns)
        self._texts: dict[int, str] = {}
        self._one = f"UPDATE {table.name} SET {', '.join(f'{name} = %s' for name in columns)} WHERE {key} = %s"  # noqa: S608  no user text
        arrays = ", ".join(f"%s::{_sql_type(table.c[name])}[]" for name in self._columns)
        self._many = f"{self._update()} FROM unnest({arrays}) AS v ({_places(len(self._columns))}) {self._where()}"

    def run(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Update every row. Raises RowsLostError when a key is not there."""
        changed = self._run_arrays(tx, rows) if tx.engine_name == "postgresql" else self._run_chunks(tx, rows)
        if changed != len(rows):
            raise RowsLostError(f"{self._table.name}: {len(rows)} rows to change, {changed} there")

    def _run_chunks(self, tx: Tx, rows: Sequence[Row]) -> int:
        return sum(tx.run(self._text(len(chunk)), list(chain.from_iterable(chunk))) for chunk in _chunks(rows))

    def _run_arrays(self, tx: Tx, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        if len(rows) == 1:
            return tx.run(self._one, [*rows[0][1:], rows[0][0]])
        return tx.run(self._many, [array_text(column) for column in zip(*rows, strict=True)])

    def _text(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            one = f"({', '.join('?' * len(self._columns))})"
            text = f"{self._update()} FROM (VALUES {', '.join([one] * size)}) AS v {self._where()}"
            self._texts[size] = text
        return text

    def _update(self) -> str:
        sets = (f"{name} = v.column{place}" for place, name in enumerate(self._columns[1:], 2))
        return f"UPDATE {self._table.name} SET {', '.join(sets)}"  # noqa: S608  no user text

    def _where(self) -> str:
        return f"WHERE {self._table.name}.{self._columns[0]} = v.column1"


class SelectSet:
    """A SELECT that asks with `in_set` for the members of one or more sets, of which there may be none.

    Its columns hold text and whole numbers. `pairs` names those of its sets that `in_pairs` asks for, `others` its
    other parameters, each a whole number or a text.
    """

    def __init__(self, query: Select[Any], *sets: str, pairs: Sequence[str] = (), others: Sequence[str] = ()) -> None:
        self.query = query
        self._sets = sets
        self._pairs = pairs
        self._others = others
        self._texts: dict[str, tuple[str, list[str], dict[str, Any]]] = {}
        self._names = query.selected_columns.keys()
        self._named = _row_type(self._names)._make

    @classmethod
    def of(cls, query: Select[Any], sets: Collection[str] = ()) -> Self:
        """The statement of a query all of whose parameters are named; which of them are sets, if they are there."""
        needed = {name for name, bind in query.compile(dialect=_DIALECTS["sqlite"]).binds.items() if bind.required}
        return cls(query, *sorted(needed.intersection(sets)), others=sorted(needed.difference(sets)))

    def run(self, tx: Tx, **given: Any) -> list[Any]:
        """The rows, as named tuples, for sets of text, for sets of pairs of text, and for what else is named."""
        text, order, sent = self._texts.get(tx.engine_name) or self._compile(tx.engine_name)
        sent = {**sent, **given, **{name: set_text(tx.engine_name, given[name]) for name in self._sets}}
        sent.update((name, pairs_text(given[name])) for name in self._pairs)
        rows = tx.fetch(text, [sent[name] for name in order])
        return [*map(self._named, _ROWS.decode(rows[0][0]) if tx.engine_name == "sqlite" else rows)]

    def _compile(self, engine: str) -> tuple[str, list[str], dict[str, Any]]:
        compiled = self.query.compile(dialect=_DIALECTS[engine])
        order, asked = list(compiled.positiontup or ()), {*self._sets, *self._pairs, *self._others}
        constants = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
        if set(order) - constants.keys() != asked:
            raise TypeError("a SelectSet takes its sets, pairs and what else it names, and no other parameter")
        text = str(compiled)
        if engine == "sqlite":
            text = f"SELECT json_group_array(json_array({', '.join(self._names)})) FROM ({text})"  # noqa: S608  no user text
        made = self._texts[engine] = (text, order, constants)
        return made


class BoundQuery(NamedTuple):
    """A prepared query, and the values that it is asked with."""

    statement: SelectSet
    values: dict[str, Any]

    def rows(self, tx: Tx) -> list[Any]:
        """What it gives."""
        return self.statement.run(tx, **self.values)


def whole(name: str) -> BindParameter[int]:
    """A parameter that is a whole number."""
    return bindparam(name, type_=BigInteger)


def text(name: str) -> BindParameter[str]:
    """A parameter that is a text."""
    return bindparam(name, type_=Text)


_ROWS: Final = msgspec.json.Decoder(list[list[Any]])


def _row_type(names: Sequence[str]) -> Any:
    """A type of rows whose values are read by name. Raises ValueError where two columns have one name."""
    return namedtuple("Row", names)  # noqa: PYI024  the names are known when the query is, not before


class in_set(ColumnElement[bool]):  # noqa: N801  reads as an operator in queries
    """`column` is a member of a set: one parameter, however large the set. It is named, and sent later, or given."""

    type = Boolean()
    inherit_cache = True
    _traverse_internals: Any = (
        ("column", InternalTraversal.dp_clauseelement),
        ("members", InternalTraversal.dp_clauseelement),
    )

    def __init__(self, column: ColumnElement[Any], members: str | BindParameter[str]) -> None:
        self.column = column
        self.members = bindparam(members, type_=Text) if isinstance(members, str) else members

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        """Stay as it is: the usual `... = 1` around a boolean would keep SQLite from its indexes."""
        return self


@compiles(in_set, "sqlite")
def _in_set_sqlite(element: in_set, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    members = compiler.process(element.members, **options)
    return f"{column} IN (SELECT value FROM json_each({members}))"  # noqa: S608  both parts are compiled, not typed


@compiles(in_set, "postgresql")
def _in_set_postgresql(element: in_set, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    members = compiler.process(element.members, **options)
    return f"{column} = ANY(CAST({members} AS TEXT[]))"


class in_pairs(ColumnElement[bool]):  # noqa: N801  reads as an operator in queries
    """Two columns are a member of a set of pairs: one parameter, sent later under its name.

    Two `in_set` beside each other have every member of the one looked up with every member of the other.
    """

    type = Boolean()
    inherit_cache = True
    _traverse_internals: Any = (
        ("first", InternalTraversal.dp_clauseelement),
        ("second", InternalTraversal.dp_clauseelement),
        ("members", InternalTraversal.dp_clauseelement),
    )

    def __init__(self, first: Column[Any], second: Column[Any], members: str) -> None:
        self.first = first
        self.second = second
        self.members = bindparam(members, type_=Text)

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        """Stay as it is, as `in_set` does."""
        return self


@compiles(in_pairs, "sqlite")
def _in_pairs_sqlite(element: in_pairs, compiler: Any, **options: Any) -> str:
    first, second, members = _parts(element, compiler, options)
    return f"({first}, {second}) IN (SELECT value ->> 0, value ->> 1 FROM json_each({members}))"  # noqa: S608  no user text


@compiles(in_pairs, "postgresql")
def _in_pairs_postgresql(element: in_pairs, compiler: Any, **options: Any) -> str:
    first, second, members = _parts(element, compiler, options)
    each = f"jsonb_array_elements(CAST({members} AS JSONB))"
    return f"({first}, {second}) IN (SELECT pair ->> 0, pair ->> 1 FROM {each} AS pair)"  # noqa: S608  no user text


def _parts(element: in_pairs, compiler: Any, options: Any) -> list[str]:
    return [compiler.process(part, **options) for part in (element.first, element.second, element.members)]


_FIRST_KEY: Final = ""
_LAST_KEY: Final = "~"


def stretch_of(
    owner: Mapping[Column[str], str], key: Column[str], *, after: str | None = None, before: str | None = None
) -> list[ColumnElement[bool]]:
    """The rows of one owner after a key, before one, or all of them; to be sorted by the owner's columns and the key.

    All are compared, and sorted by, as one. With the owner in a condition of its own, PostgreSQL may well walk the
    primary key instead, past all rows of others, when it expects to meet enough of this owner's soon.
    """
    place, whose = tuple_(*owner, key), [literal(value) for value in owner.values()]
    first, last = after or _FIRST_KEY, _LAST_KEY if before is None else before
    return [place > tuple_(*whose, literal(first)), place < tuple_(*whose, literal(last))]


def set_text(engine: str, members: Iterable[str]) -> str:
    """A set as the one value that `in_set` takes."""
    wanted = sorted(set(members))
    if engine == "postgresql":
        return array_text(wanted)
    return msgspec.json.encode(wanted).decode()


def pairs_text(members: Iterable[tuple[str, str]]) -> str:
    """A set of pairs as the one value that `in_pairs` takes."""
    return msgspec.json.encode(sorted(set(members))).decode()


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into pieces of the fixed sizes, largest first."""
    place = 0
    for size in _CHUNKS:
        while len(rows) - place >= size:
            yield rows[place : place + size]
            place += size


def array_text(values: Iterable[str | int | None]) -> str:
    """A PostgreSQL array as the text that the server parses: a tenth of the driver's time for a list.

    Rules of quoting: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    return f"{{{','.join(map(_member_text, values))}}}"


def _member_text(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(int(value))


def _places(count: int) -> str:
    return ", ".join(f"column{place}" for place in range(1, count + 1))


def _sql_type(column: Column[Any]) -> str:
    return "TEXT" if isinstance(column.type, Text) else "BIGINT"
