"""The SQL of audits of carriers: when each is due, and how the last one ended.

Touches: audits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import or_, select, update

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.tables import audits


class CarrierAudit(NamedTuple):
    """The audits of a carrier: the row, which is due work that comes again and again.

    `asked_at` is when somebody asked for one that has not ended since. `began_at`, `ended_at`, `owned`, `found` and
    `message` are about the last one; `message` tells why it was not finished, "" when it was.
    """

    carrier: str
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    asked_at: int | None = None
    began_at: int | None = None
    ended_at: int | None = None
    owned: int = 0
    found: int = 0


AUDIT_LEASE: Final = 3600 * MICROSECONDS
"""How long one audit may take before another may begin."""

_LONGEST_WAIT: Final = 366 * 24 * 3600 * MICROSECONDS

DUE_AUDITS: Final = DueTable(
    audits,
    CarrierAudit,
    key="carrier",
    party="carrier",
    lease=AUDIT_LEASE,
    longest=_LONGEST_WAIT,
    began="began_at",
)
"""Carriers that are to be audited."""

_COLUMNS: Final = tuple(audits.c[name] for name in CarrierAudit._fields)


def insert_audits(tx: Tx, carriers: Iterable[str], now: int) -> None:
    """Have carriers audited that never were, from now on."""
    rows = [CarrierAudit(name, now)._asdict() for name in carriers]
    if rows:
        tx.execute(audits.insert(), rows)


def lock_audits(tx: Tx, carriers: Iterable[str]) -> dict[str, CarrierAudit]:
    """The audits of carriers by name, locked in sorted order until the transaction ends."""
    query = select(*_COLUMNS).where(audits.c.carrier.in_(sorted(set(carriers)))).order_by(audits.c.carrier)
    return {row.carrier: CarrierAudit._make(row) for row in tx.execute(query.with_for_update())}


def find_audit(tx: Tx, carrier: str) -> CarrierAudit | None:
    """The last audit of a carrier; None when none began and nobody asked for one."""
    return next((audit for audit in list_audits(tx) if audit.carrier == carrier), None)


def list_audits(tx: Tx) -> list[CarrierAudit]:
    """The last audit of every carrier that was audited, or for which somebody asked."""
    begun = or_(audits.c.began_at.is_not(None), audits.c.asked_at.is_not(None))
    return [CarrierAudit._make(row) for row in tx.execute(select(*_COLUMNS).where(begun).order_by(audits.c.carrier))]


def place_audit(tx: Tx, audit: CarrierAudit) -> None:
    """Write an audit, in the place of the one before. The carrier's row must be locked."""
    values = audit._asdict()
    if not tx.execute(update(audits).where(audits.c.carrier == audit.carrier).values(values)).rowcount:
        tx.execute(audits.insert().values(values))
