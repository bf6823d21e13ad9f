"""What the schema itself promises, checked over all tables: sound pages, rows and references.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Select,
    Table,
    cast,
    select,
    text,
)
from sqlalchemy.types import Text

from numberdesk.core.invariants import MOST_SHOWN, Checked, Violation, found
from numberdesk.infra.db import Tx
from numberdesk.tables import metadata
from numberdesk.verify.engine import Check, broken_rows, count_rows

STORAGE: Final = "storage"

_PAGES: Final = "the pages of the file are sound"
_REFERENCES: Final = "every reference leads somewhere"

_PROVEN_ELSEWHERE: Final = frozenset(
    {
        # Every transfer is met in the pass over them (I1) and in that over the orders (I6).
        "transfers.account_id",
        "transfers.order_id",
        # These rows are compared with their order or rental, whose account is checked.
        "holds.account_id",
        "rentals.order_id",
        "rentals.account_id",
        "idempotency_records.order_id",
        "carrier_orders.order_id",
        "carrier_orders.account_id",
        "events.account_id",
        "numbers.account_id",
        "numbers.order_id",
        "rent_charges.rental_id",
        "rent_charges.account_id",
        "rent_charges.transfer_id",
    }
)
"""References that another check follows anyway, row by row."""


def storage_check(*, thorough: bool) -> Check:
    """Whether the pages of a SQLite file are sound; thorough: and whether indexes agree with their tables."""
    pragma = "integrity_check" if thorough else "quick_check"
    return Check(_PAGES, lambda tx: [_check_storage(tx, pragma)])


def _check_storage(tx: Tx, pragma: str) -> Checked:
    """PostgreSQL keeps its own checksums; SQLite has to be asked."""
    if tx.engine_name != "sqlite":
        return Checked(STORAGE, _PAGES, 0)
    pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    complaints = dict.fromkeys(line for (line,) in tx.execute(text(f"PRAGMA {pragma}(100)")) if line != "ok")
    return found(STORAGE, _PAGES, pages, (violation for line in complaints for violation in _explained(tx, line)))


def _explained(tx: Tx, complaint: str) -> Iterator[Violation]:
    """A complaint of SQLite; for a failed CHECK, the rows that fail it."""
    name = complaint.removeprefix("CHECK constraint failed in ")
    if name == complaint or name not in metadata.tables:
        yield Violation(STORAGE, "", "", complaint)
        return
    checked = metadata.tables[name]
    for constraint in sorted((one for one in checked.constraints if isinstance(one, CheckConstraint)), key=_name):
        for row in broken_rows(tx, select(_row_id(checked)).where(text(f"NOT ({constraint.sqltext})")))[1]:
            yield Violation(STORAGE, name, str(row[0]), f"{_name(constraint)} fails: {constraint.sqltext}")


def _check_references(tx: Tx) -> list[Checked]:
    followed = _references()
    rows = sum(count_rows(tx, child) for child in {one.parent.table for one in followed})
    results = [_dangling(tx, one) for one in followed]
    shown = [violation for _, violations in results for violation in violations]
    return [Checked(STORAGE, _REFERENCES, rows, sum(total for total, _ in results), tuple(shown[:MOST_SHOWN]))]


def _references() -> list[ForeignKey]:
    every = [one for child in metadata.sorted_tables for one in child.foreign_keys]
    return sorted((one for one in every if _reference_name(one) not in _PROVEN_ELSEWHERE), key=_reference_name)


def _reference_name(reference: ForeignKey) -> str:
    return f"{reference.parent.table.name}.{reference.parent.name}"


@cache
def dangling_rows(reference: ForeignKey) -> Select[Any]:
    """The rows whose reference leads nowhere: id, and what they refer to."""
    child, here, there = reference.parent.table, reference.parent, reference.column
    target = there.table.alias("target")
    return (
        select(_row_id(child), here)
        .select_from(child.outerjoin(target, target.c[there.name] == here))
        .where(here.is_not(None), target.c[there.name].is_(None))
    )


def _dangling(tx: Tx, reference: ForeignKey) -> tuple[int, list[Violation]]:
    total, rows = broken_rows(tx, dangling_rows(reference))
    child, name, parent = reference.parent.table.name, reference.parent.name, reference.column.table.name
    return total, [
        Violation(STORAGE, child, str(row_id), f"{name} is {value}, which {parent} does not have")
        for row_id, value in rows
    ]


def _row_id(of: Table) -> ColumnElement[str]:
    """The primary key as one text; parts are joined by a blank."""
    first, *rest = (cast(key, Text) for key in of.primary_key)
    return reduce(lambda row_id, part: row_id + " " + part, rest, first)


def _name(constraint: CheckConstraint) -> str:
    return str(constraint.name)


REFERENCE_CHECK: Final = Check(_REFERENCES, _check_references)
