"""The SQL of what a wallet's lines come to by kind, kept for every full stretch of its entries.

Touches: transfers, line_sums.

Lines never change and have no gap, so neither do the sums of a full stretch, which are written with its last line. A
month is the sum of its stretches and of the lines at its two edges, fewer than a stretch each. Where the sums of a
stretch are not there, its lines are summed instead. Where a month begins is found by the latest posting that each
stretch knows of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, bindparam, case, func, literal_column, select

from numberdesk.core.statement import STRETCH, KindTotal, StatementEdges
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, text, whole
from numberdesk.ledger.model import Transfer, wallet_account
from numberdesk.tables import line_sums, transfers

_NO_STRETCH: Final = 2**50
"""One that no wallet comes to."""


class _Stretch(NamedTuple):
    """Entries of a wallet, both ends included."""

    first: int
    last: int


def _sums(signed: Any) -> Select[Any]:
    return (
        select(transfers.c.kind, func.count().label("lines"), func.sum(signed).label("amount"))
        .where(
            transfers.c.account_id == text("account_id"),
            transfers.c.entry >= whole("first"),
            transfers.c.entry <= whole("last"),
        )
        .group_by(transfers.c.kind)
    )


_OF_LINES: Final = _sums(case((transfers.c.credit == text("wallet"), transfers.c.amount), else_=-transfers.c.amount))
_stretches = (
    line_sums.c.account_id == bindparam("account_id"),
    line_sums.c.stretch >= bindparam("first"),
    line_sums.c.stretch < bindparam("beyond"),
)
_OF_STRETCHES: Final = (
    select(line_sums.c.kind, func.sum(line_sums.c.lines).label("lines"), func.sum(line_sums.c.amount).label("amount"))
    .where(*_stretches)
    .group_by(line_sums.c.kind)
)
_KEPT: Final = select(line_sums.c.stretch).where(*_stretches).distinct()
_owned = line_sums.c.account_id == bindparam("account_id")
_FIRST_REACHING: Final = (  # by an index: what is latest never falls from one stretch to the next
    select(line_sums.c.stretch)
    .where(_owned, line_sums.c.latest >= bindparam("instant"))
    .order_by(line_sums.c.latest, line_sums.c.stretch)
    .limit(1)
)
_LAST_KEPT: Final = (
    select(line_sums.c.stretch)
    .where(_owned, line_sums.c.stretch < bindparam("beyond"))
    .order_by(line_sums.c.stretch.desc())
    .limit(1)
)
_of_account = transfers.c.account_id == bindparam("account_id")
_POSTED_AMONG: Final = (
    select(transfers.c.entry)
    .where(_of_account, transfers.c.entry > bindparam("first"), transfers.c.entry <= bindparam("last"))
    .where(transfers.c.created_at + literal_column("0") >= bindparam("instant"))  # so that it goes by the entries
    .order_by(transfers.c.entry)
    .limit(1)
)
_NEXT_ENTRY: Final = select(func.coalesce(func.max(transfers.c.entry), 0) + 1).where(_of_account)
_LATEST: Final = (
    select(transfers.c.created_at)
    .where(_of_account, transfers.c.entry + literal_column("0") <= bindparam("last"))  # so that it goes by the times
    .order_by(transfers.c.created_at.desc())
    .limit(1)
)
_INSERT: Final = InsertRows(line_sums)


def keep_line_sums(tx: Tx, written: Sequence[Transfer]) -> None:
    """Keep the sums of each stretch that ends among lines that were just written."""
    for line in written:
        if line.account_id is None or line.entry is None or line.entry % STRETCH:
            continue
        found = _sum_lines(tx, line.account_id, _Stretch(line.entry - STRETCH + 1, line.entry))
        if sum(one.lines for one in found) == STRETCH:  # else a line before is written later than this one
            latest = tx.execute(_LATEST, {"account_id": line.account_id, "last": line.entry}).scalar_one()
            stretch = line.entry // STRETCH - 1
            _INSERT.run(tx, [(line.account_id, stretch, *one, latest) for one in found])


def find_first_entry(tx: Tx, account_id: str, instant: int) -> int:
    """The first entry of a wallet that was posted at an instant or later, or the one that it will have next."""
    asked = {"account_id": account_id, "instant": instant}
    reaching = tx.execute(_FIRST_REACHING, asked).scalar()
    beyond = _NO_STRETCH if reaching is None else int(reaching)
    before = tx.execute(_LAST_KEPT, asked | {"beyond": beyond}).scalar()
    among = {"first": 0 if before is None else (before + 1) * STRETCH, "last": (beyond + 1) * STRETCH}
    found = tx.execute(_POSTED_AMONG, asked | among).scalar()
    return int(tx.execute(_NEXT_ENTRY, asked).scalar_one() if found is None else found)


def sum_kinds(tx: Tx, account_id: str, edges: StatementEdges) -> list[KindTotal]:
    """What the lines of each kind come to in a month of a wallet."""
    first, beyond = -(-(edges.first - 1) // STRETCH), edges.last // STRETCH
    if first >= beyond:
        return _added(_sum_lines(tx, account_id, _Stretch(edges.first, edges.last)))
    asked = {"account_id": account_id, "first": first, "beyond": beyond}
    found = [_total_of(row) for row in tx.execute(_OF_STRETCHES, asked)]
    rest = [_Stretch(edges.first, first * STRETCH), _Stretch(beyond * STRETCH + 1, edges.last)]
    if sum(one.lines for one in found) != (beyond - first) * STRETCH:
        kept = set(tx.execute(_KEPT, asked).scalars())
        rest += _joined(place for place in range(first, beyond) if place not in kept)
    for each in rest:
        found += _sum_lines(tx, account_id, each)
    return _added(found)


def _sum_lines(tx: Tx, account_id: str, among: _Stretch) -> list[KindTotal]:
    if among.first > among.last:
        return []
    asked = {"account_id": account_id, "wallet": wallet_account(account_id), **among._asdict()}
    return [_total_of(row) for row in tx.execute(_OF_LINES, asked)]


def _joined(stretches: Iterable[int]) -> Iterator[_Stretch]:
    """The entries of stretches, those that follow each other as one."""
    held: _Stretch | None = None
    for place in stretches:
        first, last = place * STRETCH + 1, (place + 1) * STRETCH
        if held is not None and held.last + 1 == first:
            held = _Stretch(held.first, last)
            continue
        if held is not None:
            yield held
        held = _Stretch(first, last)
    if held is not None:
        yield held


def _total_of(row: Any) -> KindTotal:
    return KindTotal(row.kind, int(row.lines), int(row.amount))  # PostgreSQL sums into numeric, which is as exact


def _added(found: Iterable[KindTotal]) -> list[KindTotal]:
    lines, amounts = defaultdict[str, int](int), defaultdict[str, int](int)
    for one in found:
        lines[one.kind] += one.lines
        amounts[one.kind] += one.amount
    return [KindTotal(kind, lines[kind], amounts[kind]) for kind in sorted(lines)]
