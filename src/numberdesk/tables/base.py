"""The one MetaData, its constraint names, and the column kinds that every table uses.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import DDL, BigInteger, CheckConstraint, Column, Computed, Index, MetaData, Table, Text, event
from sqlalchemy.dialects.postgresql import TEXT as POSTGRES_TEXT
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, ExecutableDDLElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TEXT = Text().with_variant(POSTGRES_TEXT(collation="C"), "postgresql")
"""Text that compares byte by byte on every engine, as searching by ranges and locking in sorted order need it."""


ALSO_ON_SQLITE: Final = "sqlite_also"
"""Under this name the `info` of an index has the column that it ends with on SQLite."""


@compiles(CreateIndex, "sqlite")
def _create_index(element: CreateIndex, compiler: Any, **options: Any) -> str:
    made = str(compiler.visit_create_index(element, **options))
    also = element.element.info.get(ALSO_ON_SQLITE)
    return made if also is None else made.replace(") WHERE ", f", {also}) WHERE ", 1)


def text(name: str, *args: Any, **options: Any) -> Column[str]:
    """A text column that must have a value."""
    return Column(name, TEXT, *args, nullable=False, **options)


def optional_text(name: str, *args: Any) -> Column[str | None]:
    """A text column that may be empty."""
    return Column(name, TEXT, *args, nullable=True)


def whole(name: str, *, default: str | None = None) -> Column[int]:
    """A 64-bit integer that must have a value: micros, microseconds, counts."""
    return Column(name, BigInteger, nullable=False, server_default=default)


def optional_whole(name: str) -> Column[int | None]:
    """A 64-bit integer that may be empty."""
    return Column(name, BigInteger, nullable=True)


def due_columns() -> tuple[Column[Any], ...]:
    """The columns of due work (infra/due_work.py).

    `next_at` is when its turn is, and empty when nothing is to be done any more or not without a person. `attempts`
    counts tries, `message` says what came of the last, `parked_at` since when it waits for a person, and
    `leased_until` until when it is in somebody's hands.
    """
    return (
        optional_whole("next_at"),
        whole("attempts"),
        text("message"),
        optional_whole("parked_at"),
        optional_whole("leased_until"),
    )


def due_checks(ended_at: str | None = None) -> tuple[CheckConstraint, ...]:
    """Due work is due, parked or ended, which the column `ended_at` says where there is one; leased only while due."""
    due_or_parked = "(next_at IS NULL) = (parked_at IS NOT NULL)"
    leased = CheckConstraint("leased_until IS NULL OR next_at IS NOT NULL", name="leased_while_due")
    if ended_at is None:
        return CheckConstraint(due_or_parked, name="due_or_parked"), leased
    name = f"{ended_at.removesuffix('_at')}_is_left_alone"
    return (
        CheckConstraint(f"{ended_at} IS NULL OR next_at IS NULL", name=name),
        CheckConstraint(f"{ended_at} IS NOT NULL OR {due_or_parked}", name="due_or_parked"),
        leased,
    )


def due_index(table: Table, party: str) -> Index:
    """The index by which due work of a table is found: by its party, the time, and the key."""
    is_due = table.c.next_at.is_not(None)
    columns = dict.fromkeys((table.c[party], table.c.next_at, *table.primary_key))
    return Index(f"ix_{table.name}_due", *columns, sqlite_where=is_due, postgresql_where=is_due)


def computed(name: str, formula: str) -> Column[int | None]:
    """A 64-bit integer that the database computes: on SQLite when it is read, on PostgreSQL as a row is written.

    SQLite can add no other kind to a table that is there, and PostgreSQL can index no other.
    """
    return Column(name, BigInteger, _Formula(formula, persisted=True), nullable=True)


class _Formula(Computed):
    """A formula that is spelt as each engine needs it."""

    inherit_cache = True


@compiles(_Formula)
def _stored(element: _Formula, compiler: Any, **_options: Any) -> str:
    return str(compiler.visit_computed_column(element))


@compiles(_Formula, "sqlite")
def _read(element: _Formula, _compiler: Any, **_options: Any) -> str:
    return f"GENERATED ALWAYS AS ({element.sqltext})"


def one_of(column: str, states: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """A check that a text column holds one of the given words."""
    words = ", ".join(f"'{word}'" for word in states)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def guard(table: Table, name: str, on: str, when: str, says: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """A trigger that refuses a change of rows that must not change, on both engines.

    `on` is UPDATE or DELETE, `when` an SQL condition on OLD (and NEW), `says` the error text.
    Returns the name and the statements per engine, so that the migration can run the same ones.
    """
    statements = {
        "sqlite": (
            (
                f"CREATE TRIGGER {name} BEFORE {on} ON {table.name} FOR EACH ROW WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
            ),
        ),
        "postgresql": (
            (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN RAISE EXCEPTION '{says}' USING ERRCODE = '23514'; END $$"
            ),
            f"CREATE TRIGGER {name} BEFORE {on} ON {table.name} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()",
        ),
    }
    for dialect, lines in statements.items():
        for line in lines:
            statement: ExecutableDDLElement = DDL(line.replace("%", "%%"))  # type: ignore[no-untyped-call]  # not annotated upstream
            event.listen(table, "after_create", statement.execute_if(dialect=dialect))
    return name, statements
