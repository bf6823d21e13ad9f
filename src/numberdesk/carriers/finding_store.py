"""The SQL of what audits of carriers found.

Touches: findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, func, literal_column, not_, select, tuple_, update

from numberdesk.core.findings import DRIFTS, FindingKind, FindingState
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.tables import findings

_MOST_KEYS: Final = 500


class Finding(NamedTuple):
    """A difference between a carrier's list and the books: the row. Instants in microseconds.

    `carrier_reference` is the carrier's id for the number, `order_reference` the order id it has
    there; both "" where there is none.
    """

    carrier: str
    e164: str
    kind: FindingKind
    state: FindingState
    carrier_reference: str
    order_reference: str
    message: str
    first_seen_at: int
    last_seen_at: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells findings apart."""
        return self.carrier, self.e164, self.kind.value


def of_wrong_reference(reference: str, there: str) -> str:
    """What is said of a number that the books call by a reference which is another number's at the carrier."""
    return f"the books call it {reference}, which is {there} at the carrier: it is not given back under that name"


def of_stale_release() -> str:
    """What is said of a number whose going back was left undone for long."""
    return "it should have gone back long ago, and the carrier was not told: it may be somebody else's since"


_FINDING: Final = tuple(findings.c[name] for name in Finding._fields)
# Spelled out, because a partial index is only used where its condition can be seen.
_NOT_ENDED: Final = findings.c.state != literal_column("'ended'")
_INSERT: Final = InsertRows(findings, Finding._fields)
_KEY: Final = ("carrier", "e164", "kind")
_CHANGED: Final = (*(f"key_{name}" for name in _KEY), *Finding._fields[len(_KEY) :])
_CHANGE: Final = update(findings).where(*(findings.c[name] == bindparam(f"key_{name}") for name in _KEY))


def find_findings(tx: Tx, carrier: str, *, but_seen: tuple[int, int] | None) -> dict[tuple[str, str, str], Finding]:
    """All findings of a carrier that have not ended and that audits end, by key, locked in sorted order.

    `but_seen`: without those that were seen last between two instants.
    """
    query = select(*_FINDING).where(findings.c.carrier == carrier, findings.c.kind.not_in(DRIFTS), _NOT_ENDED)
    if but_seen is not None:
        query = query.where(not_(findings.c.last_seen_at.between(*but_seen)))
    query = query.order_by(findings.c.e164, findings.c.kind).with_for_update()
    return {finding.key: finding for finding in map(_finding_of, tx.execute(query))}


def lock_findings(tx: Tx, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Finding]:
    """Findings by key, ended or not, locked in sorted order. None is locked of a kind that no key has."""
    wanted = set(keys)
    of_kinds = findings.c.kind.in_(sorted({kind for _, _, kind in wanted}))
    found: dict[tuple[str, str, str], Finding] = {}
    for carrier in sorted({carrier for carrier, _, _ in wanted}):
        for e164s in _parts(e164 for name, e164, _ in wanted if name == carrier):
            query = (
                select(*_FINDING)
                .where(findings.c.carrier == carrier, findings.c.e164.in_(e164s), of_kinds)
                .order_by(findings.c.e164, findings.c.kind)
                .with_for_update()
            )
            found |= {finding.key: finding for finding in map(_finding_of, tx.execute(query))}
    return {key: finding for key, finding in found.items() if key in wanted}


def find_kept(tx: Tx, e164s: Iterable[str]) -> set[tuple[str, str]]:
    """The carriers and numbers of findings that a person wants to stay as they are."""
    kept = findings.c.state == FindingState.KEPT.value
    columns = (findings.c.carrier, findings.c.e164)
    parts = (tx.execute(select(*columns).where(kept, findings.c.e164.in_(part))) for part in _parts(e164s))
    return {(row.carrier, row.e164) for rows in parts for row in rows}


def insert_findings(tx: Tx, new: Sequence[Finding]) -> None:
    """Record findings."""
    _INSERT.run(tx, [_row(finding) for finding in new])


def change_findings(tx: Tx, changed: Iterable[Finding]) -> None:
    """Write findings back."""
    rows = [dict(zip(_CHANGED, _row(finding), strict=True)) for finding in changed]
    if rows:
        tx.execute(_CHANGE, rows)


def end_findings(tx: Tx, carrier: str, kind: FindingKind, e164s: Iterable[str], now: int) -> None:
    """End locked findings of a kind: the difference is gone."""
    ours = (findings.c.carrier == carrier, findings.c.kind == kind.value)
    for part in _parts(e164s):
        tx.execute(
            update(findings)
            .where(*ours, findings.c.e164.in_(part))
            .values(state=FindingState.ENDED.value, last_seen_at=now)
        )


def list_findings(
    tx: Tx, carrier: str | None, *, ended: bool, after: tuple[str, str, str] | None = None, limit: int
) -> list[Finding]:
    """Findings of one carrier or of all, by carrier and number, with those that have ended or without."""
    query = select(*_FINDING)
    if carrier is not None:
        query = query.where(findings.c.carrier == carrier)
    if not ended:
        query = query.where(_NOT_ENDED)
    key = tuple_(findings.c.carrier, findings.c.e164, findings.c.kind)
    if after is not None:
        query = query.where(key > after)
    ordered = query.order_by(findings.c.carrier, findings.c.e164, findings.c.kind)
    return [_finding_of(row) for row in tx.execute(ordered.limit(limit))]


def count_open_findings(tx: Tx) -> dict[str, int]:
    """How many findings nobody has decided about, by carrier; a carrier without any is left out."""
    is_open = findings.c.state == FindingState.OPEN.value
    query = select(findings.c.carrier, func.count().label("held")).where(_NOT_ENDED, is_open)
    return {row.carrier: row.held for row in tx.execute(query.group_by(findings.c.carrier))}


def _parts(e164s: Iterable[str]) -> Iterator[list[str]]:
    """Numbers in sorted order, in lists that are not too long for one statement."""
    ordered = sorted(set(e164s))
    for place in range(0, len(ordered), _MOST_KEYS):
        yield ordered[place : place + _MOST_KEYS]


def _row(finding: Finding) -> tuple[Any, ...]:
    return tuple(part.value if isinstance(part, FindingKind | FindingState) else part for part in finding)


def _finding_of(row: Any) -> Finding:
    found = Finding(*(getattr(row, name) for name in Finding._fields))
    return found._replace(kind=FindingKind(row.kind), state=FindingState(row.state))
