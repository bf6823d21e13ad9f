"""Whether the schema still refuses what it is made to refuse: guards, constraints and indexes, as they were made.

Touches: database.

What the database says of its schema is compared with what the tables describe, by what it means and not only by
name: a guard that lets everything through, or a check that is always true, still has its name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import (
    ColumnElement,
    Dialect,
    PrimaryKeyConstraint,
    Select,
    and_,
    case,
    column,
    func,
    select,
    table,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import AddConstraint, CreateIndex, ExecutableDDLElement

from numberdesk.core.invariants import Checked, Violation, found
from numberdesk.infra.db import Tx
from numberdesk.tables import metadata
from numberdesk.tables.ledger import GUARDS
from numberdesk.tables.trigrams import AS_VIRTUAL
from numberdesk.verify.engine import Check

_GUARDED: Final = "the guards of transfers and holds are in place, as they were made"
_DEFINED: Final = "every constraint and index is in place, as it was made"

Definitions = Mapping[tuple[str, str], str]
"""What there is, by table and name, and what it means."""


class _Says(Protocol):
    """Makes a violation out of what is gone, or is not what it was."""

    def __call__(self, of: str, name: str, *, gone: bool) -> Violation: ...


_DIALECTS: Final[Mapping[str, Callable[[], Dialect]]] = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}

_master = table("sqlite_master", column("type"), column("name"), column("tbl_name"), column("sql"))
_relations = table("pg_class", column("oid"), column("relname"))
_triggers = table(
    "pg_trigger",
    *(column(name) for name in ("oid", "tgname", "tgrelid", "tgfoid", "tgenabled", "tgisinternal", "tgconstraint")),
)
_functions = table("pg_proc", column("oid"), column("prosrc"))
_constraints = table("pg_constraint", column("oid"), column("conname"), column("conrelid"))
_indexes = table(
    "pg_index", *(column(name) for name in ("indexrelid", "indrelid", "indisvalid", "indisready", "indislive"))
)

# A trigger that is not internal fires in the sessions of applications when it is in one of these states.
_switched_on = _triggers.c.tgenabled.in_(("O", "A"))


def _visible(relation: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a name without a schema means it: a server may have other books beside these."""
    return func.pg_table_is_visible(relation)


_GUARDS_OF_POSTGRESQL: Final = (
    select(
        _relations.c.relname,
        _triggers.c.tgname,
        func.pg_get_triggerdef(_triggers.c.oid, true()) + " " + _functions.c.prosrc,
    )
    .select_from(
        _triggers.join(_relations, _relations.c.oid == _triggers.c.tgrelid).join(
            _functions, _functions.c.oid == _triggers.c.tgfoid
        )
    )
    .where(_switched_on, _visible(_triggers.c.tgrelid))
)
_GUARDS_OF_SQLITE: Final = select(_master.c.tbl_name, _master.c.name, _master.c.sql).where(_master.c.type == "trigger")

_has_a_part_switched_off = (
    select(_triggers.c.oid).where(_triggers.c.tgconstraint == _constraints.c.oid, ~_switched_on).exists()
)
_CONSTRAINTS_OF_POSTGRESQL: Final = (
    select(
        _relations.c.relname,
        _constraints.c.conname,
        func.pg_get_constraintdef(_constraints.c.oid, true())
        + case((_has_a_part_switched_off, " SWITCHED OFF"), else_=""),
    )
    .select_from(_constraints.join(_relations, _relations.c.oid == _constraints.c.conrelid))
    .where(_visible(_constraints.c.conrelid))
)
_of_index = _relations.alias("of_index")
_is_used = and_(_indexes.c.indisvalid, _indexes.c.indisready, _indexes.c.indislive)
_INDEXES_OF_POSTGRESQL: Final = (
    select(
        _relations.c.relname,
        _of_index.c.relname,
        func.pg_get_indexdef(_indexes.c.indexrelid, 0, true()) + case((_is_used, ""), else_=" INVALID"),
    )
    .select_from(
        _indexes.join(_relations, _relations.c.oid == _indexes.c.indrelid).join(
            _of_index, _of_index.c.oid == _indexes.c.indexrelid
        )
    )
    .where(_visible(_indexes.c.indrelid))
)
_INDEXES_OF_SQLITE: Final = select(_master.c.tbl_name, _master.c.name, _master.c.sql).where(
    _master.c.type == "index", _master.c.sql.is_not(None)
)
_TABLES_OF_SQLITE: Final = select(_master.c.name, _master.c.sql).where(_master.c.type == "table")

_STORAGE_OPTIONS: Final = re.compile(r" WITH \([^)]*\)")
_TOKENS_APART: Final = re.compile(r'::text|USING btree|ARRAY|[\s()\[\]"]')
_NEXT_CONSTRAINT: Final = re.compile(r",?\s*\bCONSTRAINT\s+")


def _meaning(sql: str) -> str:
    """A definition without what engines write differently: blanks, brackets, casts, how a list of words is spelt.

    Two that differ in brackets alone pass for one: no two engines, nor versions of one, set them alike.
    """
    plain = _STORAGE_OPTIONS.sub("", sql).replace("OLD.", "old.").replace("= ANY", " IN ").replace("!=", "<>")
    return _TOKENS_APART.sub("", plain)


@functools.cache
def _expected_guards(engine_name: str) -> Definitions:
    return {(_guarded(name), name): _meaning(_guard_of(statements[engine_name])) for name, statements in GUARDS}


def _guarded(name: str) -> str:
    return name.partition("_")[0]


def _guard_of(statements: tuple[str, ...]) -> str:
    """A trigger, and on PostgreSQL the body of its function, which stands between dollars."""
    *function, trigger = statements
    return " ".join([trigger, *(each.split("$$")[1] for each in function)])


def _there(tx: Tx, query: Select[Any]) -> dict[tuple[str, str], str]:
    rows: Sequence[Any] = tx.execute(query).all()
    return {(of, name): _meaning(definition) for of, name, definition in rows}


def _check_guards(tx: Tx) -> list[Checked]:
    expected = _expected_guards(tx.engine_name)
    there = _there(tx, _GUARDS_OF_SQLITE if tx.engine_name == "sqlite" else _GUARDS_OF_POSTGRESQL)

    def says(of: str, name: str, *, gone: bool) -> Violation:
        what = "is gone or switched off" if gone else "is not as it was made"
        return Violation("I4", of, name, f"the trigger {name} {what}: rows of {of} could be changed or deleted")

    return [found("I4", _GUARDED, len(expected), _missing(expected, there, says))]


def _check_definitions(tx: Tx) -> list[Checked]:
    expected, there = _expected_definitions(tx.engine_name), _definitions_of(tx)

    def says(of: str, name: str, *, gone: bool) -> Violation:
        what = "is gone" if gone else "is not as it was made"
        return Violation("storage", of, name, f"{name} {what}")

    return [found("storage", _DEFINED, len(expected), _missing(expected, there, says))]


@functools.cache
def _expected_definitions(engine_name: str) -> Definitions:
    dialect = _DIALECTS[engine_name]()
    definitions = {}
    for of in metadata.sorted_tables:
        virtual = of.info.get(AS_VIRTUAL) if engine_name == "sqlite" else None
        if virtual:
            definitions[of.name, of.name] = _meaning(virtual)
            continue
        for constraint in of.constraints:
            if isinstance(constraint, PrimaryKeyConstraint) and not constraint.columns:
                continue
            added = _compiled(AddConstraint(constraint, isolate_from_table=False), dialect)
            definitions[of.name, str(constraint.name)] = _meaning(added.split(f" {constraint.name} ", 1)[1])
        for index in of.indexes:
            definitions[of.name, str(index.name)] = _meaning(_compiled(CreateIndex(index), dialect))
    return definitions


def _compiled(statement: ExecutableDDLElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _definitions_of(tx: Tx) -> dict[tuple[str, str], str]:
    if tx.engine_name != "sqlite":
        return _there(tx, _INDEXES_OF_POSTGRESQL) | _there(tx, _CONSTRAINTS_OF_POSTGRESQL)
    definitions = _there(tx, _INDEXES_OF_SQLITE)
    tables: Sequence[Any] = tx.execute(_TABLES_OF_SQLITE).all()
    for of, sql in tables:
        if sql.startswith("CREATE VIRTUAL TABLE"):
            definitions[of, of] = _meaning(sql)
            continue
        for part in _NEXT_CONSTRAINT.split(sql.partition("WITHOUT ROWID")[0])[1:]:
            name, _, definition = part.partition(" ")
            definitions[of, name.strip('"')] = _meaning(_to_its_end(definition))
    return definitions


def _to_its_end(definition: str) -> str:
    """A constraint without the columns after it: those that were added to the table later stand there."""
    depth = 0
    for place, sign in enumerate(definition):
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or (depth == 0 and sign == ","):
            return definition[:place]
    return definition


def _missing(expected: Definitions, there: Definitions, says: _Says) -> Iterator[Violation]:
    for (of, name), meaning in sorted(expected.items()):
        if there.get((of, name)) != meaning:
            yield says(of, name, gone=(of, name) not in there)


GUARD_CHECK: Final = Check(_GUARDED, _check_guards)
DEFINITION_CHECK: Final = Check(_DEFINED, _check_definitions)
