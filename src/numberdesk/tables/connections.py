"""Connections, how each rental's stands with its carrier, what carriers are to forget, and defaults.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Table

from numberdesk.core.connection import ConnectionKind, ConnectionState, DefaultScope
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import (
    due_checks,
    due_columns,
    due_index,
    metadata,
    one_of,
    optional_text,
    optional_whole,
    text,
    whole,
)
from numberdesk.tables.numbers import rentals

# Where calls can go. Without an account it is the operator's, for all accounts. settings are JSON without secrets;
# secrets are sealed, and empty where there are none. revision counts changes. After one `raising_after` names the last
# rental that was told of it, until all were. A deleted one keeps its row: rentals that ended name it.
connections = Table(
    "connections",
    metadata,
    text("id", primary_key=True),
    optional_text("account_id", ForeignKey(accounts.c.id)),
    text("name"),
    text("kind"),
    text("preset"),
    text("settings"),
    optional_text("secrets"),
    whole("revision"),
    optional_text("raising_after"),
    optional_whole("deleted_at"),
    whole("created_at"),
    whole("updated_at"),
    one_of("kind", ConnectionKind),
    CheckConstraint("revision > 0", name="revision_counts"),
    sqlite_with_rowid=False,
)
_THERE = connections.c.deleted_at.is_(None)
_RAISING = connections.c.raising_after.is_not(None)
Index(
    "ix_connections_of_account",
    connections.c.account_id,
    connections.c.id,
    sqlite_where=_THERE,
    postgresql_where=_THERE,
)
Index("ix_connections_raising", connections.c.id, sqlite_where=_RAISING, postgresql_where=_RAISING)

# How a carrier's number stands with its connection: due work, from the first connection of its rental on. What is
# wanted stands with the rental; applied_* is what its carrier was last known to have. settled_at is when that became
# what is wanted, or was found not to be had. look_at is when the carrier is asked whether it still has it so.
rental_connections = Table(
    "rental_connections",
    metadata,
    text("rental_id", ForeignKey(rentals.c.id), primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("carrier"),
    text("e164"),
    optional_text("carrier_reference"),
    text("state"),
    whole("applied_generation"),
    optional_text("applied_connection_id"),
    *due_columns(),
    optional_whole("settled_at"),
    optional_whole("look_at"),
    one_of("state", ConnectionState),
    CheckConstraint("applied_generation >= 0", name="generation_counts"),
    CheckConstraint("(state IN ('pending', 'failed')) = (settled_at IS NULL)", name="settled_or_open"),
    *due_checks("settled_at"),
    sqlite_with_rowid=False,
)
due_index(rental_connections, "carrier")
_APPLIED = rental_connections.c.applied_connection_id.is_not(None)
_LOOKED_AT = rental_connections.c.look_at.is_not(None)
Index(
    "ix_rental_connections_applied",
    rental_connections.c.applied_connection_id,
    rental_connections.c.carrier,
    sqlite_where=_APPLIED,
    postgresql_where=_APPLIED,
)
Index(
    "ix_rental_connections_look_at",
    rental_connections.c.carrier,
    rental_connections.c.look_at,
    rental_connections.c.rental_id,
    sqlite_where=_LOOKED_AT,
    postgresql_where=_LOOKED_AT,
)

# What a carrier made for a connection and may not be needed any more: due work, whose row goes when it is done.
connection_removals = Table(
    "connection_removals",
    metadata,
    text("id", primary_key=True),
    text("carrier"),
    text("connection_id"),
    whole("asked_at"),
    *due_columns(),
    *due_checks(),
    sqlite_with_rowid=False,
)
due_index(connection_removals, "carrier")

# A number that is in the LiveKit trunk of a connection, or is to come into it or out of it: due work. Whether it is to
# be in it follows from its rental. The row goes when the number is out. look_at is when the server is asked whether it
# still has it there.
trunk_numbers = Table(
    "trunk_numbers",
    metadata,
    text("id", primary_key=True),
    text("connection_id"),
    text("carrier"),
    text("e164"),
    whole("generation"),
    text("state"),
    *due_columns(),
    optional_whole("settled_at"),
    optional_whole("look_at"),
    one_of("state", (ConnectionState.PENDING, ConnectionState.ACTIVE, ConnectionState.FAILED)),
    CheckConstraint("generation > 0", name="generation_counts"),
    CheckConstraint("(state = 'active') = (settled_at IS NOT NULL)", name="settled_or_open"),
    *due_checks("settled_at"),
    sqlite_with_rowid=False,
)
due_index(trunk_numbers, "connection_id")
Index(None, trunk_numbers.c.e164)
Index(None, trunk_numbers.c.connection_id, trunk_numbers.c.id)
_TRUNK_LOOKED_AT = trunk_numbers.c.look_at.is_not(None)
Index(
    "ix_trunk_numbers_look_at",
    trunk_numbers.c.look_at,
    trunk_numbers.c.id,
    sqlite_where=_TRUNK_LOOKED_AT,
    postgresql_where=_TRUNK_LOOKED_AT,
)

# Which connection numbers are given when they are bought without one; that of the account goes before.
connection_defaults = Table(
    "connection_defaults",
    metadata,
    text("scope"),
    text("name"),
    text("connection_id"),
    whole("updated_at"),
    one_of("scope", DefaultScope),
    PrimaryKeyConstraint("scope", "name"),
    sqlite_with_rowid=False,
)
Index(None, connection_defaults.c.connection_id)

# What an account may connect to that others may not: a carrier's own object by its id, and any phone number.
connection_permits = Table(
    "connection_permits",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("kind"),
    text("object_id"),
    whole("created_at"),
    one_of("kind", (ConnectionKind.NATIVE, ConnectionKind.FORWARD)),
    CheckConstraint("(kind = 'forward') = (object_id = '')", name="object_of_native"),
    PrimaryKeyConstraint("account_id", "kind", "object_id"),
    sqlite_with_rowid=False,
)
