"""The SQL of connections, and of which of them calls to a number go to.

Touches: connections, connection_defaults, connection_permits, numbers, rentals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, exists, func, or_, select

from numberdesk.connections.model import ConnectedRental, Connection, ConnectionPermit, DefaultConnection
from numberdesk.core.connection import ConnectionKind, DefaultScope
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, stretch_of, text
from numberdesk.tables import connection_defaults, connection_permits, connections, numbers, rentals

_COLUMNS: Final = [connections.c[name] for name in Connection._fields]
_LABELLED: Final = [connections.c[name].label(f"connection_{name}") for name in Connection._fields]
_INSERT: Final = InsertRows(connections, Connection._fields)
_CHANGE: Final = UpdateRows(connections, *Connection._fields)
_INSERT_DEFAULTS: Final = InsertRows(connection_defaults, DefaultConnection._fields)
_INSERT_PERMITS: Final = InsertRows(connection_permits, ConnectionPermit._fields)
_BY_ID: Final = select(*_COLUMNS).where(in_set(connections.c.id, "ids")).order_by(connections.c.id)
_FIND: Final = SelectSet(_BY_ID, "ids")
_LOCK: Final = SelectSet(_BY_ID.with_for_update(), "ids")
_SHARE: Final = SelectSet(_BY_ID.with_for_update(read=True), "ids")
_THERE: Final = connections.c.deleted_at.is_(None)
_OF_RENTALS: Final = (
    select(
        rentals.c.id,
        rentals.c.account_id,
        rentals.c.e164,
        numbers.c.carrier,
        rentals.c.state,
        rentals.c.connection_generation,
        *_LABELLED,
    )
    .select_from(rentals)
    .join(numbers, numbers.c.e164 == rentals.c.e164)
    .outerjoin(connections, connections.c.id == rentals.c.connection_id)
    .where(rentals.c.released_at.is_(None))
)

_OF_NUMBER: Final = SelectSet.of(_OF_RENTALS.where(rentals.c.e164 == text("e164")))
"""Every call that is routed asks it."""


def _connection_of(row: Sequence[Any]) -> Connection:
    made = Connection._make(row)
    return made._replace(kind=ConnectionKind(made.kind))


def insert_connections(tx: Tx, new: Sequence[Connection]) -> None:
    """Record connections."""
    _INSERT.run(tx, new)


def change_connections(tx: Tx, changed: Sequence[Connection]) -> None:
    """Write locked connections back."""
    _CHANGE.run(tx, changed)


def find_connections(tx: Tx, ids: Iterable[str], *, lock: bool = False, share: bool = False) -> dict[str, Connection]:
    """Connections by id, deleted ones too; locked in sorted order where that is asked for.

    To `share` is to keep others from changing or deleting them, and not from giving them to rentals as well.
    """
    wanted = set(ids)
    if not wanted:
        return {}
    asked = _SHARE if share else _LOCK if lock else _FIND
    return {row.id: _connection_of(row) for row in asked.run(tx, ids=wanted)}


def list_connections(tx: Tx, account_id: str | None, *, after_id: str | None, limit: int) -> list[Connection]:
    """The connections of an account and those that are shared; or all. In the order of their making."""
    query = select(*_COLUMNS).where(_THERE)
    if after_id is not None:
        query = query.where(connections.c.id > after_id)
    if account_id is None:
        rows = tx.execute(query.order_by(connections.c.id).limit(limit))
        return [_connection_of(row) for row in rows]
    owner = {connections.c.account_id: account_id}
    mine = select(*_COLUMNS).where(_THERE, *stretch_of(owner, connections.c.id, after=after_id))
    own = tx.execute(mine.order_by(connections.c.account_id, connections.c.id).limit(limit))
    shared = tx.execute(query.where(connections.c.account_id.is_(None)).order_by(connections.c.id).limit(limit))
    found = [_connection_of(row) for rows in (own, shared) for row in rows]
    return sorted(found, key=lambda one: one.id)[:limit]


def count_connections(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """How many connections accounts have; an account without any is left out."""
    query = select(connections.c.account_id, func.count().label("held"))
    mine = connections.c.account_id.in_(sorted(set(account_ids)))
    rows = tx.execute(query.where(mine, _THERE).group_by(connections.c.account_id))
    return {row.account_id: row.held for row in rows}


def count_connected(tx: Tx, connection_ids: Iterable[str]) -> dict[str, int]:
    """How many live rentals connections have; one without any is left out."""
    query = select(rentals.c.connection_id, func.count().label("held")).where(
        rentals.c.connection_id.in_(sorted(set(connection_ids))), rentals.c.released_at.is_(None)
    )
    return {row.connection_id: row.held for row in tx.execute(query.group_by(rentals.c.connection_id))}


def find_connected_rental(tx: Tx, e164: str) -> ConnectedRental | None:
    """Who rents a number now, and where its calls go: one look at three rows by their keys."""
    rows = _OF_NUMBER.run(tx, e164=e164)
    return _connected(rows[0]) if rows else None


def list_connected_rentals(tx: Tx, *, after_e164: str = "", limit: int) -> list[ConnectedRental]:
    """Live rentals by number, whatever they are connected to."""
    query = _OF_RENTALS.where(rentals.c.e164 > after_e164).order_by(rentals.c.e164).limit(limit)
    return [_connected(row) for row in tx.execute(query)]


def _connected(row: Any) -> ConnectedRental:
    found = None if row.connection_id is None else _connection_of(row[6:])
    return ConnectedRental(row.id, row.account_id, row.e164, row.carrier, row.state, found, row.connection_generation)


def find_defaults(tx: Tx, names: Iterable[tuple[DefaultScope, str]]) -> dict[tuple[DefaultScope, str], str]:
    """The default connections of carrier accounts and accounts; one without is left out."""
    wanted = sorted(set(names))
    each = [
        (connection_defaults.c.scope == scope.value) & connection_defaults.c.name.in_(found)
        for scope in DefaultScope
        if (found := [name for one, name in wanted if one is scope])
    ]
    if not each:
        return {}
    rows = tx.execute(select(connection_defaults).where(or_(*each)))
    return {(DefaultScope(row.scope), row.name): row.connection_id for row in rows}


def has_defaults(tx: Tx) -> bool:
    """Whether there is any default connection."""
    return bool(tx.execute(select(exists().select_from(connection_defaults))).scalar_one())


def list_defaults(tx: Tx, connection_id: str | None = None) -> list[DefaultConnection]:
    """Default connections, or where one connection is that."""
    query = select(connection_defaults).order_by(connection_defaults.c.scope, connection_defaults.c.name)
    if connection_id is not None:
        query = query.where(connection_defaults.c.connection_id == connection_id)
    return [
        DefaultConnection(DefaultScope(row.scope), row.name, row.connection_id, row.updated_at)
        for row in tx.execute(query)
    ]


def set_default(tx: Tx, default: DefaultConnection) -> None:
    """Write a default, in the place of the one before."""
    clear_default(tx, default.scope, default.name)
    _INSERT_DEFAULTS.run(tx, [default])


def clear_default(tx: Tx, scope: DefaultScope, name: str) -> None:
    """Have no default any more."""
    tx.execute(
        delete(connection_defaults).where(
            connection_defaults.c.scope == scope.value, connection_defaults.c.name == name
        )
    )


def find_permits(tx: Tx, account_ids: Iterable[str]) -> list[ConnectionPermit]:
    """What accounts may connect to that others may not."""
    query = select(connection_permits).where(connection_permits.c.account_id.in_(sorted(set(account_ids))))
    ordered = query.order_by(*(connection_permits.c[name] for name in ConnectionPermit._fields[:3]))
    return [
        ConnectionPermit(row.account_id, ConnectionKind(row.kind), row.object_id, row.created_at)
        for row in tx.execute(ordered)
    ]


def add_permit(tx: Tx, permit: ConnectionPermit) -> None:
    """Let an account connect to something, as from now."""
    remove_permit(tx, permit)
    _INSERT_PERMITS.run(tx, [permit])


def remove_permit(tx: Tx, permit: ConnectionPermit) -> bool:
    """Let it no longer; whether it might."""
    mine = (
        connection_permits.c.account_id == permit.account_id,
        connection_permits.c.kind == permit.kind.value,
        connection_permits.c.object_id == permit.object_id,
    )
    return tx.execute(delete(connection_permits).where(*mine)).rowcount > 0
