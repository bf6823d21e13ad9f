"""The SQL of calls that are read from carriers: which days, and what calls cost.

Touches: call_pulls, call_costs, calls, numbers, rentals, orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import exists, or_, select, update

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import call_costs, call_pulls, calls, numbers, orders, rentals


class CallPull(NamedTuple):
    """A day of UTC whose calls are read from a carrier's list, again and again until `ended_at`."""

    id: str
    carrier: str
    day: int
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    began_at: int | None = None
    ended_at: int | None = None
    listed: int = 0


class ToldCost(NamedTuple):
    """What a carrier told of the cost of a call, in micros; `call` is the id of the call here."""

    call: str
    e164: str
    currency: str
    amount: int
    told_at: int


PULL_LEASE: Final = 4 * 3600 * MICROSECONDS
"""How long one reading of a day may take."""

_LONGEST_WAIT: Final = 4 * 24 * 3600 * MICROSECONDS

DUE_PULLS: Final = DueTable(
    call_pulls, CallPull, key="id", party="carrier", lease=PULL_LEASE, longest=_LONGEST_WAIT, began="began_at"
)
"""Days of carriers that are to be read."""

_COLUMNS: Final = tuple(call_pulls.c[name] for name in CallPull._fields)
_INSERT_COSTS: Final = InsertRows(call_costs, ToldCost._fields)
_CHANGE_COSTS: Final = UpdateRows(call_costs, *ToldCost._fields)
_IDS: Final = SelectSet(
    select(calls.c.call_id, calls.c.id, calls.c.e164).where(
        in_set(calls.c.source, "sources"), in_set(calls.c.call_id, "call_ids")
    ),
    "sources",
    "call_ids",
)


def find_pulled_carriers(tx: Tx) -> set[str]:
    """Carriers of which days are or were read."""
    return set(tx.execute(select(call_pulls.c.carrier).distinct()).scalars())


def list_pulls(tx: Tx, *, ended: bool, limit: int) -> list[CallPull]:
    """Days, the latest first; those that are done too where that is asked for."""
    query = select(*_COLUMNS).order_by(call_pulls.c.day.desc(), call_pulls.c.carrier).limit(limit)
    found = tx.execute(query if ended else query.where(call_pulls.c.ended_at.is_(None)))
    return [CallPull._make(row) for row in found]


def lock_pulls(tx: Tx, ids: Iterable[str]) -> dict[str, CallPull]:
    """Days by id, locked in sorted order until the transaction ends."""
    query = select(*_COLUMNS).where(call_pulls.c.id.in_(sorted(set(ids)))).order_by(call_pulls.c.id).with_for_update()
    return {row.id: CallPull._make(row) for row in tx.execute(query)}


def insert_pulls(tx: Tx, new: Iterable[CallPull]) -> None:
    """Have days read that are not known yet."""
    wanted = {pull.id: pull for pull in new}
    known = lock_pulls(tx, wanted)
    rows = [pull._asdict() for pull_id, pull in sorted(wanted.items()) if pull_id not in known]
    if rows:
        tx.execute(call_pulls.insert(), rows)


def change_pull(tx: Tx, pull: CallPull) -> None:
    """Write a locked day back."""
    tx.execute(update(call_pulls).where(call_pulls.c.id == pull.id).values(pull._asdict()))


def find_numbers_at(tx: Tx, carrier: str, e164s: Iterable[str]) -> set[str]:
    """Those of some numbers that are or were a carrier's."""
    rented = rentals.join(orders, orders.c.id == rentals.c.order_id)
    was_its = exists().select_from(rented).where(rentals.c.e164 == numbers.c.e164, orders.c.carrier == carrier)
    query = select(numbers.c.e164).where(
        numbers.c.e164.in_(sorted(set(e164s))), or_(numbers.c.carrier == carrier, was_its)
    )
    return set(tx.execute(query).scalars())


def find_call_ids(tx: Tx, source: str, call_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The ids here of calls of a source, and their numbers, by its names for them."""
    return {row.call_id: (row.id, row.e164) for row in _IDS.run(tx, sources={source}, call_ids=set(call_ids))}


def find_costs(tx: Tx, ids: Iterable[str]) -> dict[str, ToldCost]:
    """What was told of calls."""
    query = select(*(call_costs.c[name] for name in ToldCost._fields)).where(call_costs.c.call.in_(sorted(set(ids))))
    return {row.call: ToldCost._make(row) for row in tx.execute(query)}


def save_costs(tx: Tx, told: Mapping[str, ToldCost], known: Mapping[str, ToldCost]) -> None:
    """Keep what calls cost, where nothing or something else was known of them."""
    _INSERT_COSTS.run(tx, [cost for call, cost in told.items() if call not in known])
    _CHANGE_COSTS.run(tx, [cost for call, cost in told.items() if call in known])
