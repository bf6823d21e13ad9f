"""What must hold of the sums that are kept of statements' lines.

Touches: transfers, line_sums.

A stretch is compared with what the wallet had before and after it, which takes two look-ups however many lines it has.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, or_, select

from numberdesk.core.invariants import amount, differing
from numberdesk.core.statement import STRETCH
from numberdesk.tables import line_sums, transfers
from numberdesk.verify.engine import Check, rule

_kept = (
    select(
        line_sums.c.account_id,
        line_sums.c.stretch,
        func.sum(line_sums.c.lines).label("lines"),
        func.sum(line_sums.c.amount).label("amount"),
        func.min(line_sums.c.latest).label("earliest"),
        func.max(line_sums.c.latest).label("latest"),
    )
    .group_by(line_sums.c.account_id, line_sums.c.stretch)
    .subquery("kept")
)
_last, _before = transfers.alias("last"), transfers.alias("before")
_moved = _last.c.balance_after - func.coalesce(_before.c.balance_after, 0)
_WRONG: Final = (
    select(_kept, _last.c.id, _moved.label("moved"))
    .select_from(
        _kept.outerjoin(
            _last, and_(_last.c.account_id == _kept.c.account_id, _last.c.entry == (_kept.c.stretch + 1) * STRETCH)
        ).outerjoin(
            _before, and_(_before.c.account_id == _kept.c.account_id, _before.c.entry == _kept.c.stretch * STRETCH)
        )
    )
    .where(
        or_(
            _last.c.id.is_(None),
            _kept.c.lines != STRETCH,
            _kept.c.amount != _moved,
            _kept.c.earliest != _kept.c.latest,
            _kept.c.latest < _last.c.created_at,
        )
    )
)


def _says_wrong(row: Any) -> str:
    first, last = row.stretch * STRETCH + 1, (row.stretch + 1) * STRETCH
    of = f"of the sums that are kept of entries {first} to {last} "
    if row.id is None:
        return f"{of}the last entry is not there"
    return of + (
        differing(("lines", int(row.lines), STRETCH), ("amount", amount(int(row.amount)), amount(row.moved)))
        or "the latest posting is earlier than that of a line"
    )


CHECKS: Final[tuple[Check, ...]] = (
    rule("I2", "the sums that are kept of lines come to what these moved", line_sums, _WRONG, _says_wrong),
)
