"""The SQL of numbers on their way back to their carriers.

Touches: carrier_releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select

from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.numbers.giving_back import LONGEST_WAIT, GivingBack
from numberdesk.tables import carrier_releases

_COLUMNS: Final = tuple(carrier_releases.c[name] for name in GivingBack._fields)
_UNCONFIRMED: Final = carrier_releases.c.confirmed_at.is_(None)
_FIND: Final = SelectSet(
    select(*_COLUMNS).where(in_set(carrier_releases.c.id, "ids")).order_by(carrier_releases.c.id).with_for_update(),
    "ids",
)
_INSERT: Final = InsertRows(carrier_releases)
_CHANGE: Final = UpdateRows(carrier_releases, "id", "tries", "next_at", "said", "confirmed_at")


def insert_releases(tx: Tx, new: Sequence[GivingBack]) -> None:
    """Record numbers that carriers are to be told to take back."""
    _INSERT.run(tx, new)


def lock_releases(tx: Tx, ids: Iterable[str]) -> dict[str, GivingBack]:
    """Numbers on their way back, by id, locked in sorted order until the transaction ends."""
    return {row[0]: GivingBack._make(row) for row in _FIND.run(tx, ids=ids)}


def change_releases(tx: Tx, changed: Sequence[GivingBack]) -> None:
    """Write back how it goes."""
    _CHANGE.run(
        tx,
        [(one.id, one.tries, one.next_at, one.said, one.confirmed_at) for one in changed],
    )


def lock_due_releases(tx: Tx, now: int, limit: int, carrier: str | None = None) -> list[GivingBack]:
    """Numbers whose carriers are to be told now, locked; what is in somebody's hands is left out.

    Those of one `carrier`, or of all. `limit` is for each carrier, so that none waits behind another one's
    numbers. A time that lies further ahead than any wait was set by a clock that was wrong, and is over.
    """
    first = (carrier_releases.c.next_at, carrier_releases.c.id)
    place = func.row_number().over(partition_by=carrier_releases.c.carrier, order_by=first).label("place")
    mine = _is_due(now) if carrier is None else and_(_is_due(now), carrier_releases.c.carrier == carrier)
    due = select(carrier_releases.c.id, place).where(mine).subquery()
    query = (
        select(*_COLUMNS)
        .where(_is_due(now), carrier_releases.c.id.in_(select(due.c.id).where(due.c.place <= limit)))
        .order_by(*first)
        .with_for_update(skip_locked=True, of=carrier_releases)
    )
    return [GivingBack._make(row) for row in tx.execute(query)]


def find_due_carriers(tx: Tx, now: int) -> list[str]:
    """The carriers that are to be told of numbers now."""
    return list(tx.execute(select(carrier_releases.c.carrier).where(_is_due(now)).distinct()).scalars())


def list_unconfirmed(tx: Tx, *, after_id: str | None = None, limit: int) -> list[GivingBack]:
    """Numbers that are not known to be back at their carriers, by id."""
    query = select(*_COLUMNS).where(_UNCONFIRMED)
    if after_id is not None:
        query = query.where(carrier_releases.c.id > after_id)
    return [GivingBack._make(row) for row in tx.execute(query.order_by(carrier_releases.c.id).limit(limit))]


def count_unconfirmed(tx: Tx) -> dict[str, int]:
    """How many numbers are not known to be back, by carrier; a carrier without any is left out."""
    query = select(carrier_releases.c.carrier, func.count().label("held")).where(_UNCONFIRMED)
    return {row.carrier: row.held for row in tx.execute(query.group_by(carrier_releases.c.carrier))}


def find_on_their_way(tx: Tx, e164s: Iterable[str]) -> set[tuple[str, str]]:
    """Which of these numbers are on their way back and not known to be there: (carrier, number).

    Whoever had such a number of that carrier would lose it when the carrier is told again.
    """
    query = select(carrier_releases.c.carrier, carrier_releases.c.e164)
    rows = tx.execute(query.where(carrier_releases.c.e164.in_(sorted(set(e164s))), _UNCONFIRMED))
    return {(row.carrier, row.e164) for row in rows}


def find_asked_back(tx: Tx, e164s: Iterable[str], since: int) -> set[tuple[str, str]]:
    """Which of these numbers are on their way back, or were given back after an instant: (carrier, number)."""
    query = select(carrier_releases.c.carrier, carrier_releases.c.e164)
    unsure = or_(_UNCONFIRMED, carrier_releases.c.asked_at >= since)
    rows = tx.execute(query.where(carrier_releases.c.e164.in_(sorted(set(e164s))), unsure))
    return {(row.carrier, row.e164) for row in rows}


def _is_due(now: int) -> ColumnElement[bool]:
    column = carrier_releases.c.next_at
    return and_(_UNCONFIRMED, or_(column <= now, column > now + LONGEST_WAIT))
