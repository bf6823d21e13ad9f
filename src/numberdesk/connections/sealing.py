"""Routes of connections with their secrets, which are sealed by the vault.

Touches: nothing.
"""

from __future__ import annotations

from numberdesk.connections.model import Connection
from numberdesk.core.connection import LiveKitRoute, Route, SipRoute, WantedConnection, carrier_route
from numberdesk.core.connection_settings import kind_of, route_from, secrets_of, settings_text
from numberdesk.infra.vault import Vault


def route_of(connection: Connection, vault: Vault) -> Route:
    """Where calls go. Raises VaultError where its secrets cannot be opened, ValueError for damaged settings."""
    secrets = {} if connection.secrets is None else vault.open(connection.id, connection.secrets)
    return route_from(connection.kind, connection.settings, secrets)


def open_route_of(connection: Connection) -> Route | None:
    """Where a connection leads, without its secrets; None of one whose settings are damaged, which `verify` names."""
    try:
        return route_from(connection.kind, connection.settings, {})
    except ValueError:
        return None


def logs_in(connection: Connection) -> bool:
    """Whether whoever sends calls there is asked for a user and password."""
    route = open_route_of(connection)
    return isinstance(route, SipRoute | LiveKitRoute) and bool(route.username)


def wanted_of(connection: Connection, vault: Vault) -> WantedConnection:
    """Where a connection leads as a carrier is asked for it."""
    return WantedConnection(connection.id, carrier_route(route_of(connection, vault)))


def with_route(connection: Connection, route: Route, vault: Vault) -> Connection:
    """The connection with another route, its secrets sealed. Raises VaultError where there is no key for them."""
    secrets = secrets_of(route)
    sealed = vault.seal(connection.id, secrets) if secrets else None
    return connection._replace(kind=kind_of(route), settings=settings_text(route), secrets=sealed)


def sealed_anew(connection: Connection, vault: Vault) -> Connection:
    """The connection with its secrets under the vault's first key. Raises VaultError."""
    if connection.secrets is None:
        return connection
    return connection._replace(secrets=vault.seal(connection.id, vault.open(connection.id, connection.secrets)))
