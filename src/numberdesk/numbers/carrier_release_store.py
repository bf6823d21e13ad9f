"""The SQL of numbers on their way back to their carriers.

Touches: carrier_releases, numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, exists, func, or_, select, update

from numberdesk.core.lifecycle import NumberState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.numbers.carrier_release import CarrierRelease
from numberdesk.tables import carrier_releases, numbers

LONGEST_TELLING: Final = 180 * MICROSECONDS
"""How long telling a carrier may take: three requests of the longest wait that an account may be given."""

RELEASE_LEASE: Final = LONGEST_TELLING + 20 * MICROSECONDS
"""How long giving one number back may take, with the wait for a turn."""

_IS_SOMEBODYS: Final = exists().where(
    numbers.c.e164 == carrier_releases.c.e164,
    numbers.c.carrier == carrier_releases.c.carrier,
    numbers.c.state.in_((NumberState.CLAIMED, NumberState.ASSIGNED)),
)
"""Whoever rents or orders a number keeps it, whatever brought it here; `verify` names such a row."""

LONGEST_DELAY: Final = 7 * 86_400 * MICROSECONDS
"""So long after the end of a rental its carrier may be told at the latest."""

DUE_RELEASES: Final = DueTable(
    carrier_releases, CarrierRelease, key="id", party="carrier", lease=RELEASE_LEASE, longest=LONGEST_DELAY,
    only=~_IS_SOMEBODYS, watched=True,
)  # fmt: skip
"""Numbers whose carriers are to be told that they go back.

Some carriers go by the digits. Whoever told one under a lease that only a clock has ended might be heard there after
somebody else has had it confirmed, and the number was sold again.
"""

_COLUMNS: Final = tuple(carrier_releases.c[name] for name in CarrierRelease._fields)
_UNCONFIRMED: Final = carrier_releases.c.confirmed_at.is_(None)
_FIND: Final = SelectSet(
    select(*_COLUMNS).where(in_set(carrier_releases.c.id, "ids")).order_by(carrier_releases.c.id).with_for_update(),
    "ids",
)
_INSERT: Final = InsertRows(carrier_releases, CarrierRelease._fields)
_CHANGED: Final = CarrierRelease._fields[5:]
_CHANGE: Final = UpdateRows(carrier_releases, "id", *_CHANGED)


def insert_releases(tx: Tx, new: Sequence[CarrierRelease]) -> None:
    """Record numbers that carriers are to be told to take back."""
    _INSERT.run(tx, new)


def lock_releases(tx: Tx, ids: Iterable[str]) -> dict[str, CarrierRelease]:
    """Numbers on their way back, by id, locked in sorted order until the transaction ends."""
    return {row.id: CarrierRelease._make(row) for row in _FIND.run(tx, ids=ids)}


def change_releases(tx: Tx, changed: Sequence[CarrierRelease]) -> None:
    """Write back how it goes."""
    _CHANGE.run(tx, [(one.id, *one[5:]) for one in changed])


def call_off_releases(tx: Tx, ids: Iterable[str]) -> None:
    """Delete locked releases of which no carrier was told."""
    tx.execute(delete(carrier_releases).where(carrier_releases.c.id.in_(sorted(set(ids)))))


def may_be_told(tx: Tx, one: CarrierRelease, now: int) -> bool:
    """Whether a release that was taken up is still this process's to tell, with time enough before its lease ends.

    Looked at right before the carrier is asked: whoever took it up since may have ended it, and the number may have
    been bought again.
    """
    if one.leased_until is None or now + LONGEST_TELLING > one.leased_until:
        return False
    query = select(carrier_releases.c.id).where(
        carrier_releases.c.id == one.id,
        carrier_releases.c.leased_until == one.leased_until,
        carrier_releases.c.next_at.is_not(None),
        ~_IS_SOMEBODYS,
    )
    return tx.execute(query).first() is not None


def tell_by_digits(tx: Tx, carrier: str, e164: str, now: int) -> int:
    """Let what waits for a person of a number's releases be told now, without a reference; return how many do."""
    waiting = (
        carrier_releases.c.carrier == carrier,
        carrier_releases.c.e164 == e164,
        carrier_releases.c.parked_at.is_not(None),
    )
    values = {"carrier_reference": None, "next_at": now, "parked_at": None}
    return tx.execute(update(carrier_releases).where(*waiting).values(values)).rowcount


def list_unconfirmed(tx: Tx, *, after_id: str | None = None, limit: int) -> list[CarrierRelease]:
    """Numbers that are not known to be back at their carriers, by id."""
    query = select(*_COLUMNS).where(_UNCONFIRMED)
    if after_id is not None:
        query = query.where(carrier_releases.c.id > after_id)
    return [CarrierRelease._make(row) for row in tx.execute(query.order_by(carrier_releases.c.id).limit(limit))]


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
