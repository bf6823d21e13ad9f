"""What a database's schema is, so that two can be compared to the letter."""

from __future__ import annotations

from typing import Final

from numberdesk.infra.db import Database, Tx

_SQLITE: Final = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_POSTGRESQL: Final = (
    """SELECT 'column ' || relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod),
           attnotnull, attnum, pg_get_expr(adbin, adrelid),
           (SELECT collname FROM pg_collation WHERE oid = attcollation))
       FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
       LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped""",
    """SELECT 'constraint ' || conname, concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid), convalidated)
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT 'trigger ' || tgname, concat_ws(' ', pg_get_triggerdef(pg_trigger.oid), tgenabled, prosrc)
       FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal""",
)


def schema_of(database: Database) -> dict[str, object]:
    """Every column, constraint, index and trigger with what makes it."""
    with database.read() as tx:
        return _sqlite(tx) if tx.engine_name == "sqlite" else _postgresql(tx)


def _postgresql(tx: Tx) -> dict[str, object]:
    return {name: definition for query in _POSTGRESQL for name, definition in tx.fetch(query, [])}


def _sqlite(tx: Tx) -> dict[str, object]:
    return {name: _parts(sql) for name, sql in tx.fetch(_SQLITE, [])}


def _parts(sql: str) -> list[str]:
    """What a statement says, whatever its white space and the order of a table's constraints."""
    head, _, body = " ".join(sql.split()).replace('"', "").partition("(")
    if head.startswith("CREATE TRIGGER"):
        return [sql]
    body, without_rowid, _ = body.partition("WITHOUT ROWID")
    parts = body.replace("CONSTRAINT", ",CONSTRAINT").split(",")
    said = (part.strip(" \n\t,)") for part in parts)
    return [head, without_rowid, *sorted(part for part in said if part)]
