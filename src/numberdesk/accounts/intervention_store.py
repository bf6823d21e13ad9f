"""The SQL of what operators did.

Touches: interventions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from numberdesk.core.interventions import Intervention, InterventionKind
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import interventions

_COLUMNS: Final = [interventions.c[name] for name in Intervention._fields]
_INSERT: Final = InsertRows(interventions, Intervention._fields)


def insert_interventions(tx: Tx, new: Sequence[Intervention]) -> None:
    """Record what was done."""
    _INSERT.run(tx, [(*one[:3], one.kind.value, *one[4:]) for one in new])


def list_interventions(
    tx: Tx, *, e164: str | None = None, before_id: str | None = None, limit: int
) -> list[Intervention]:
    """What was done, the latest first: of all numbers, or of one."""
    query = select(*_COLUMNS)
    if e164 is not None:
        query = query.where(interventions.c.e164 == e164)
    if before_id is not None:
        query = query.where(interventions.c.id < before_id)
    rows = tx.execute(query.order_by(interventions.c.id.desc()).limit(limit))
    return [Intervention._make(row)._replace(kind=InterventionKind(row.kind)) for row in rows]
