"""The SQL of how rentals stand with their connections, and of what carriers are to forget.

Touches: rental_connections, connection_removals, rentals, carrier_releases, orders, connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, delete, exists, func, or_, select, update

from numberdesk.core.connecting import LOOKS, SCHEDULE, RentalConnection
from numberdesk.core.connection import ConnectionState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import carrier_releases, connection_removals, connections, orders, rental_connections, rentals

CONNECT_LEASE: Final = 300 * MICROSECONDS
"""How long telling a carrier may take: some requests of the longest wait, for what it needs beside the number."""


class ConnectionRemoval(NamedTuple):
    """What a carrier made for a connection and may not need any more: the row, which is due work."""

    id: str
    carrier: str
    connection_id: str
    asked_at: int
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None


_other = rentals.alias("other_rental")

DUE_CONNECTIONS: Final = DueTable(
    rental_connections, RentalConnection, key="rental_id", party="carrier", lease=CONNECT_LEASE,
    longest=SCHEDULE.longest,
)  # fmt: skip
"""Rentals whose carriers are to be told where calls go."""

DUE_REMOVALS: Final = DueTable(
    connection_removals, ConnectionRemoval, key="id", party="carrier", lease=CONNECT_LEASE, longest=SCHEDULE.longest
)
"""Connections that carriers may forget."""

_COLUMNS: Final = tuple(rental_connections.c[name] for name in RentalConnection._fields)
_INSERT: Final = InsertRows(rental_connections, RentalConnection._fields)
_CHANGED: Final = RentalConnection._fields[4:]
_CHANGE: Final = UpdateRows(rental_connections, "rental_id", *_CHANGED)
_LOCK: Final = SelectSet(
    select(*_COLUMNS)
    .where(in_set(rental_connections.c.rental_id, "ids"))
    .order_by(rental_connections.c.rental_id)
    .with_for_update(),
    "ids",
)
_FIND: Final = SelectSet(select(*_COLUMNS).where(in_set(rental_connections.c.rental_id, "ids")), "ids")
_REMOVALS: Final = tuple(connection_removals.c[name] for name in ConnectionRemoval._fields)
_INSERT_REMOVALS: Final = InsertRows(connection_removals, ConnectionRemoval._fields)


def _row_of(row: Any) -> RentalConnection:
    made = RentalConnection._make(row)
    return made._replace(state=ConnectionState(made.state))


def insert_rental_connections(tx: Tx, new: Sequence[RentalConnection]) -> None:
    """Record rentals that are to be connected for the first time."""
    _INSERT.run(tx, new)


def lock_rental_connections(tx: Tx, rental_ids: Iterable[str]) -> dict[str, RentalConnection]:
    """How rentals stand, by rental, locked in sorted order; one that never was connected is left out."""
    return {row.rental_id: _row_of(row) for row in _LOCK.run(tx, ids=rental_ids)}


def find_rental_connection(tx: Tx, rental_id: str) -> RentalConnection | None:
    """How one rental stands; nothing is locked."""
    row: Any = tx.execute(select(*_COLUMNS).where(rental_connections.c.rental_id == rental_id)).first()
    return None if row is None else _row_of(row)


def find_rental_connections(tx: Tx, rental_ids: Iterable[str]) -> dict[str, RentalConnection]:
    """How rentals stand, by rental; nothing is locked."""
    return {row.rental_id: _row_of(row) for row in _FIND.run(tx, ids=rental_ids)}


def change_rental_connections(tx: Tx, changed: Sequence[RentalConnection]) -> None:
    """Write locked rows back."""
    _CHANGE.run(tx, [(one.rental_id, *one[4:]) for one in changed])


def may_be_told_of(tx: Tx, row: RentalConnection) -> bool:
    """Whether a carrier may be told of a rental that has ended: the number is nobody's, and still ours there.

    It is on its way back, or does not go back, as one whose adoption was undone.
    """
    going = exists().where(
        carrier_releases.c.carrier == row.carrier,
        carrier_releases.c.e164 == row.e164,
        carrier_releases.c.confirmed_at.is_(None),
    )
    stays = ~exists().where(carrier_releases.c.id == f"rel_{row.rental_id.removeprefix('rnt_')}")
    ours = select(rentals.c.id).where(
        rentals.c.id == row.rental_id,
        or_(going, stays),
        ~exists().where(_other.c.e164 == row.e164, _other.c.released_at.is_(None)),
        ~exists().where(orders.c.e164 == row.e164, orders.c.state == "ordering"),
    )
    return tx.execute(ours).first() is not None


def find_to_look_at(tx: Tx, now: int, limit: int) -> list[RentalConnection]:
    """Connected rentals at whose carriers it is time to look, the longest due first; those far ahead, too."""
    due = or_(rental_connections.c.look_at <= now, rental_connections.c.look_at > now + 2 * LOOKS)
    query = select(*_COLUMNS).where(rental_connections.c.look_at.is_not(None), due)
    return [_row_of(row) for row in tx.execute(query.order_by(rental_connections.c.look_at).limit(limit))]


def hold_looks(tx: Tx, rows: Sequence[RentalConnection], until: int) -> None:
    """Let nobody else look at rows before an instant."""
    tx.execute(
        update(rental_connections)
        .where(
            rental_connections.c.rental_id.in_(sorted(row.rental_id for row in rows)),
            rental_connections.c.look_at.is_not(None),
        )
        .values(look_at=until)
    )


def next_connected(tx: Tx, connection_id: str, after_id: str, limit: int) -> list[str]:
    """The next live rentals of a connection, by id."""
    query = select(rentals.c.id).where(
        rentals.c.connection_id == connection_id, rentals.c.released_at.is_(None), rentals.c.id > after_id
    )
    return list(tx.execute(query.order_by(rentals.c.id).limit(limit)).scalars())


def find_raising(tx: Tx, limit: int) -> list[str]:
    """Connections that changed and of which not all rentals were told."""
    query = select(connections.c.id).where(connections.c.raising_after.is_not(None))
    return list(tx.execute(query.order_by(connections.c.id).limit(limit)).scalars())


def is_needed(tx: Tx, carrier: str, connection_id: str) -> bool:
    """Whether a carrier has a number that is connected to it, or is to be."""
    wants = and_(rentals.c.connection_id == connection_id, rentals.c.released_at.is_(None))
    wanted = exists().where(
        rental_connections.c.rental_id == rentals.c.id, rental_connections.c.carrier == carrier, wants
    )
    has = exists().where(
        rental_connections.c.applied_connection_id == connection_id, rental_connections.c.carrier == carrier
    )
    return bool(tx.execute(select(or_(wanted, has))).scalar_one())


def find_wanting(tx: Tx, carrier: str, connection_id: str, limit: int) -> list[str]:
    """Live rentals at a carrier that are to be connected to it, by id."""
    query = select(rentals.c.id).join(rental_connections, rental_connections.c.rental_id == rentals.c.id)
    mine = query.where(
        rentals.c.connection_id == connection_id,
        rentals.c.released_at.is_(None),
        rental_connections.c.carrier == carrier,
    )
    return list(tx.execute(mine.order_by(rentals.c.id).limit(limit)).scalars())


def removal_id(carrier: str, connection_id: str) -> str:
    """The id of a removal. Derived, so that a carrier has one for a connection."""
    return f"crm_{connection_id.partition('_')[2]}_{carrier}"


def ask_removals(tx: Tx, wanted: Iterable[tuple[str, str]], now: int) -> None:
    """Let carriers be asked to forget connections, as (carrier, connection), unless they still need them by then."""
    ids = {removal_id(carrier, connection_id): (carrier, connection_id) for carrier, connection_id in wanted}
    if not ids:
        return
    there = lock_removals(tx, ids)
    new = [ConnectionRemoval(one, *ids[one], now, now) for one in sorted(ids.keys() - there.keys())]
    _INSERT_REMOVALS.run(tx, new)
    change_removals(tx, [one._replace(next_at=now, attempts=0, parked_at=None) for one in there.values()])


def find_removals(tx: Tx, ids: Iterable[str]) -> dict[str, ConnectionRemoval]:
    """Removals by id; nothing is locked."""
    query = select(*_REMOVALS).where(connection_removals.c.id.in_(sorted(set(ids))))
    return {row.id: ConnectionRemoval._make(row) for row in tx.execute(query)}


def lock_removals(tx: Tx, ids: Iterable[str]) -> dict[str, ConnectionRemoval]:
    """Removals by id, locked in sorted order."""
    query = select(*_REMOVALS).where(connection_removals.c.id.in_(sorted(set(ids)))).order_by(connection_removals.c.id)
    return {row.id: ConnectionRemoval._make(row) for row in tx.execute(query.with_for_update())}


def change_removals(tx: Tx, changed: Iterable[ConnectionRemoval]) -> None:
    """Write locked removals back."""
    _CHANGE_REMOVALS.run(tx, [(one.id, *one[4:]) for one in changed])


def end_removals(tx: Tx, ids: Iterable[str]) -> None:
    """Delete the rows of removals that are done."""
    tx.execute(delete(connection_removals).where(connection_removals.c.id.in_(sorted(set(ids)))))


def count_states(tx: Tx) -> dict[tuple[str, ConnectionState], int]:
    """How many rentals stand how, by carrier and state."""
    query = select(rental_connections.c.carrier, rental_connections.c.state, func.count().label("held"))
    rows = tx.execute(query.group_by(rental_connections.c.carrier, rental_connections.c.state))
    return {(row.carrier, ConnectionState(row.state)): row.held for row in rows}


_CHANGE_REMOVALS: Final = UpdateRows(connection_removals, "id", *ConnectionRemoval._fields[4:])
