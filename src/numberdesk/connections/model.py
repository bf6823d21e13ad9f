"""Connections as they are kept, and rentals with where their calls go.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.connection import ConnectionKind, DefaultScope


class Connection(NamedTuple):
    """Where calls can go. Without an account it is the operator's, for all accounts.

    `settings` are JSON without secrets, `secrets` are sealed. `revision` counts changes; after one `raising_after`
    names the last rental that was told of it, until all were.
    """

    id: str
    account_id: str | None
    name: str
    kind: ConnectionKind
    preset: str
    settings: str
    secrets: str | None
    revision: int
    created_at: int
    updated_at: int
    raising_after: str | None = None
    deleted_at: int | None = None

    def is_for(self, account_id: str) -> bool:
        """Whether numbers of an account may be connected to it."""
        return self.deleted_at is None and self.account_id in (None, account_id)


class ConnectedRental(NamedTuple):
    """A live rental of a number with its connection, None where it is connected to nothing."""

    rental_id: str
    account_id: str
    e164: str
    carrier: str
    state: str
    connection: Connection | None
    generation: int


class DefaultConnection(NamedTuple):
    """What numbers are connected to that are bought without saying: those of a carrier account, or of an account."""

    scope: DefaultScope
    name: str
    connection_id: str
    updated_at: int


class ConnectionPermit(NamedTuple):
    """An account may connect to what others may not: a carrier's own object by its id, or any phone number ("")."""

    account_id: str
    kind: ConnectionKind
    object_id: str
    created_at: int
