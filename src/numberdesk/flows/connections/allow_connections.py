"""What the operator decides about connections: defaults, and what an account may connect to that others may not.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.carriers.store import find_carriers_named
from numberdesk.connections.model import ConnectionPermit, DefaultConnection
from numberdesk.connections.store import (
    add_permit,
    clear_default,
    find_connections,
    remove_permit,
    set_default,
)
from numberdesk.core.connection import DefaultScope
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx


class SetDefault(NamedTuple):
    """Connect numbers that are bought from now on to a connection by default, to none without one."""

    scope: DefaultScope
    name: str
    connection_id: str | None
    now: int


class Permit(NamedTuple):
    """Let an account connect to something that others may not, or no longer."""

    permit: ConnectionPermit
    allow: bool


def set_defaults(tx: Tx, commands: Sequence[SetDefault]) -> list[DefaultConnection | NumberdeskError | None]:
    """The write flow: the defaults as they stand then, None where there is none any more."""
    return [_set(tx, command) for command in commands]


def _set(tx: Tx, command: SetDefault) -> DefaultConnection | NumberdeskError | None:
    if not _is_there(tx, command.scope, command.name):
        return NotFound(f"There is no such {command.scope}.")
    if command.connection_id is None:
        clear_default(tx, command.scope, command.name)
        return None
    connection = find_connections(tx, [command.connection_id], share=True).get(command.connection_id)
    if connection is None or connection.deleted_at is not None:
        return NotFound("There is no such connection.")
    owner = command.name if command.scope is DefaultScope.ACCOUNT else None
    if connection.account_id not in (None, owner):
        return InvalidRequest("connection_id", "is another account's, so that no default can be made of it")
    default = DefaultConnection(command.scope, command.name, connection.id, command.now)
    set_default(tx, default)
    return default


def _is_there(tx: Tx, scope: DefaultScope, name: str) -> bool:
    if scope is DefaultScope.CARRIER:
        return name == POOL or name in find_carriers_named(tx, [name])
    return name in find_accounts(tx, [name])


def permit_connections(tx: Tx, commands: Sequence[Permit]) -> list[ConnectionPermit | NumberdeskError]:
    """The write flow. What is connected already stays so when it is allowed no longer."""
    known = find_accounts(tx, [command.permit.account_id for command in commands])
    outcomes: list[ConnectionPermit | NumberdeskError] = []
    for permit, allow in commands:
        if permit.account_id not in known:
            outcomes.append(NotFound("There is no such account."))
        elif allow:
            add_permit(tx, permit)
            outcomes.append(permit)
        else:
            outcomes.append(permit if remove_permit(tx, permit) else NotFound("It was not allowed."))
    return outcomes
