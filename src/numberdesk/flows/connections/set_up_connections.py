"""Set up connections, change and delete them.

Touches: database.

One that numbers are connected to cannot be deleted: whoever deletes it would silence them. Connect them to another one
first, or to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeGuard

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts
from numberdesk.connections.model import Connection
from numberdesk.connections.sealing import open_route_of
from numberdesk.connections.store import (
    change_connections,
    count_connected,
    count_connections,
    find_connections,
    find_permits,
    insert_connections,
    list_defaults,
)
from numberdesk.connections.trunk_number_store import count_in_trunk, give_up_trunk
from numberdesk.core.connection import (
    ConnectionState,
    LiveKitRoute,
    Route,
    SipRoute,
    WebhookRoute,
)
from numberdesk.core.connection_targets import place_of
from numberdesk.core.errors import ConnectionInUse, Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.text import TextError, parse_text
from numberdesk.flows.connections.connect_anew import raise_changed
from numberdesk.flows.connections.permitted_connections import not_permitted
from numberdesk.infra.db import Tx
from numberdesk.infra.egress import Egress, EgressError

MOST_CONNECTIONS: Final = 100
"""Connections of one account at a time."""

LONGEST_NAME: Final = 100
SIP_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""Where SIP is spoken, unless an address says otherwise."""

NOT_THERE: Final = "There is no such connection."
_TOO_MANY: Final = f"An account has at most {MOST_CONNECTIONS} connections. Delete one that is not used any more."


class NewConnection(NamedTuple):
    """A connection to record, whose route was checked and sealed already. `route` is what it leads to."""

    connection: Connection
    route: Route


class ConnectionChange(NamedTuple):
    """What is to change of a connection of an account at `now`; what is None stays as it is.

    Without an `account_id` it is the operator's. `sealed` is the connection with another route, as it was at a
    `revision`; `route` is the same route as it was typed.
    """

    connection_id: str
    account_id: str | None
    now: int
    name: str | None = None
    sealed: Connection | None = None
    route: Route | None = None
    delete: bool = False


async def check_route(egress: Egress, route: Route) -> None:
    """Look at where a route leads now. Raises InvalidRequest naming the field."""
    if isinstance(route, WebhookRoute):
        await _check_url(egress, "url", route.url)
        if route.fallback_url:
            await _check_url(egress, "fallback_url", route.fallback_url)
    elif isinstance(route, SipRoute | LiveKitRoute):
        if isinstance(route, LiveKitRoute):
            await _check_url(egress, "server_url", route.server_url)
        for place, target in enumerate(route.targets):
            host, port = place_of(target.uri)
            try:
                await egress.check_sip_destination(host, port or SIP_PORTS[target.transport])
            except EgressError as error:
                raise InvalidRequest(f"targets[{place}].uri", str(error)) from None


async def _check_url(egress: Egress, field: str, url: str) -> None:
    try:
        await egress.check_destination(url)
    except EgressError as error:
        raise InvalidRequest(field, str(error)) from None
    if "#" in url:
        raise InvalidRequest(field, "must not have a fragment, which is never sent")


def checked_name(text: str) -> str:
    """What people call a connection. Raises InvalidRequest."""
    try:
        return parse_text(text, longest=LONGEST_NAME)
    except TextError as error:
        raise InvalidRequest("name", str(error)) from None


def create_connections(tx: Tx, commands: Sequence[NewConnection]) -> list[Connection | NumberdeskError]:
    """The write flow: connections of accounts that are not closed, or the operator's for all accounts."""
    owners = {one.connection.account_id for one in commands if one.connection.account_id is not None}
    known, held = find_accounts(tx, owners), count_connections(tx, owners)
    permits = find_permits(tx, owners)
    outcomes: list[Connection | NumberdeskError] = []
    for connection, route in commands:
        owner = connection.account_id
        refusal = None if owner is None else _refusal(known.get(owner), held.get(owner, 0))
        refusal = refusal or not_permitted(owner, route, permits)
        if refusal is None and owner is not None:
            held[owner] = held.get(owner, 0) + 1
        outcomes.append(refusal or connection)
    insert_connections(tx, [outcome for outcome in outcomes if isinstance(outcome, Connection)])
    return outcomes


def _refusal(account: Account | None, held: int) -> NumberdeskError | None:
    if account is None:
        return NotFound("There is no such account.")
    if account.state is AccountState.CLOSED:
        return Forbidden("This account is closed.")
    return Forbidden(_TOO_MANY, {"limit": MOST_CONNECTIONS}) if held >= MOST_CONNECTIONS else None


def change_connection(tx: Tx, commands: Sequence[ConnectionChange]) -> list[Connection | NumberdeskError]:
    """The write flow: connections as they are then. One of another account is not found.

    Its rentals follow: the first few at once, all others by the worker.
    """
    known = find_connections(tx, [command.connection_id for command in commands], lock=True)
    outcomes: list[Connection | NumberdeskError] = []
    for command in commands:
        connection = known.get(command.connection_id)
        outcome = _changed(tx, connection, command) if is_owned(connection, command.account_id) else NotFound(NOT_THERE)
        if isinstance(outcome, Connection):
            change_connections(tx, [outcome])
            if command.sealed is not None:
                raise_changed(tx, outcome, command.now)
                outcome = find_connections(tx, [outcome.id])[outcome.id]
            known[outcome.id] = outcome
        outcomes.append(outcome)
    return outcomes


def is_owned(connection: Connection | None, account_id: str | None) -> TypeGuard[Connection]:
    """Whether a connection is there and an account's own; an operator, who has no `account_id`, owns the shared."""
    return connection is not None and connection.deleted_at is None and connection.account_id == account_id


def _changed(tx: Tx, connection: Connection, command: ConnectionChange) -> Connection | NumberdeskError:
    if command.delete:
        return _deleted(tx, connection, command.now)
    changed = connection._replace(
        name=connection.name if command.name is None else command.name, updated_at=command.now
    )
    if command.sealed is None or command.route is None:
        return changed
    if command.sealed.revision != connection.revision:
        return ConnectionInUse("This connection was changed meanwhile. Read it again, and send the change again.")
    permits = find_permits(tx, _owners(connection))
    refusal = not_permitted(connection.account_id, command.route, permits) or _other_trunk(
        tx, connection, command.route
    )
    if refusal is not None:
        return refusal
    return changed._replace(
        kind=command.sealed.kind,
        settings=command.sealed.settings,
        secrets=command.sealed.secrets,
        revision=connection.revision + 1,
        raising_after="",
    )


def _other_trunk(tx: Tx, connection: Connection, route: Route) -> ConnectionInUse | None:
    """Numbers of a trunk can be taken off it for as long as it is known which that is."""
    before = open_route_of(connection)
    if not isinstance(before, LiveKitRoute) or not isinstance(route, LiveKitRoute) or before.trunk == route.trunk:
        return None
    held = sum(count_in_trunk(tx, connection.id).values())
    if not held:
        return None
    said = f"{_numbers(held)} in its trunk. Set up another connection for another trunk, and connect them to that."
    return ConnectionInUse(said, {"numbers": held})


def _numbers(held: int) -> str:
    return "1 number is" if held == 1 else f"{held} numbers are"


def _owners(connection: Connection) -> list[str]:
    return [] if connection.account_id is None else [connection.account_id]


def _deleted(tx: Tx, connection: Connection, now: int) -> Connection | NumberdeskError:
    held = count_connected(tx, [connection.id]).get(connection.id, 0)
    if held:
        return ConnectionInUse(f"{_numbers(held)} connected to it. Connect to another one first.", {"numbers": held})
    defaults = list_defaults(tx, connection.id)
    if defaults:
        where = ", ".join(f"{default.scope} {default.name}" for default in defaults)
        return ConnectionInUse(f"It is the default connection of {where}. Set another one first.", {"numbers": 0})
    leaving = count_in_trunk(tx, connection.id)
    waiting = leaving.get(ConnectionState.PENDING, 0)
    if waiting:
        said = f"{_numbers(waiting)} being taken off its trunk. Try again in a minute."
        return ConnectionInUse(said, {"numbers": waiting})
    if leaving:  # the server was told in vain again and again: whoever deletes it gives that up
        give_up_trunk(tx, connection.id)
    return connection._replace(deleted_at=now, updated_at=now, secrets=None, raising_after=None)
