"""Connections as people type them: a preset and fields, checked, with their secrets sealed.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from numberdesk.connections.model import Connection
from numberdesk.connections.sealing import route_of, with_route
from numberdesk.core.connection import ConnectionKind, LiveKitRoute, Route, SipRoute
from numberdesk.core.connection_presets import LIVEKIT, filled
from numberdesk.core.connection_settings import secrets_of
from numberdesk.core.connection_targets import FIELDS, place_of, route_of_fields
from numberdesk.core.errors import Forbidden, InvalidRequest
from numberdesk.flows.connections.set_up_connections import NewConnection, check_route, checked_name
from numberdesk.infra.egress import Egress
from numberdesk.infra.vault import Vault, VaultError

_NO_VAULT = "This service has no key to keep secrets with, so its operator has to set one first."


class TypedConnection(NamedTuple):
    """What somebody typed of a new connection; what is None was left out. `kind` may be left out beside a preset."""

    name: str
    kind: ConnectionKind | None
    preset: str
    preset_values: Mapping[str, str]
    fields: Mapping[str, Any]


async def new_connection(
    typed: TypedConnection, connection_id: str, account_id: str | None, *, egress: Egress, vault: Vault, now: int
) -> NewConnection:
    """Check what was typed, and seal what is secret in it. Raises InvalidRequest, and Forbidden without a vault."""
    name, kind = checked_name(typed.name), typed.kind
    fields = {field: value for field, value in typed.fields.items() if value is not None}
    if typed.preset:
        kind = kind or ConnectionKind.SIP
        if kind is not ConnectionKind.SIP and (kind, typed.preset) != (ConnectionKind.LIVEKIT, LIVEKIT):
            raise InvalidRequest("kind", f"must be sip, or left out, beside a preset; or livekit beside {LIVEKIT}")
        taken = {
            name: value for name, value in filled(typed.preset, typed.preset_values).items() if name in FIELDS[kind]
        }
        fields = {**taken, **fields}
    elif typed.preset_values:
        raise InvalidRequest("preset_values", "must be left out without a preset")
    if kind is None:
        raise InvalidRequest("kind", "must be given, or a preset")
    route = route_of_fields(kind, fields)
    await check_route(egress, route)
    empty = Connection(connection_id, account_id, name, kind, typed.preset, "{}", None, 1, now, now)
    try:
        return NewConnection(with_route(empty, route, vault), route)
    except VaultError:
        raise Forbidden(_NO_VAULT) from None


def _check_secrets(before: Route, after: Route, fields: Mapping[str, Any]) -> None:
    """A secret goes nowhere but where it was given for: who moves it to another host has to know it."""
    if _hosts_asked(after) <= _hosts_asked(before):
        return
    for name in secrets_of(after):
        if fields.get(name) is None:
            raise InvalidRequest(name, "must be given anew where a host changes, since it is sent there")


def _hosts_asked(route: Route) -> set[str]:
    """The hosts that a route's secrets are sent to."""
    if isinstance(route, LiveKitRoute):
        return {urlsplit(route.server_url).netloc.lower()}
    return {place_of(one.uri).host.lower() for one in route.targets} if isinstance(route, SipRoute) else set()


async def changed_route(
    connection: Connection, fields: Mapping[str, Any], *, egress: Egress, vault: Vault
) -> NewConnection | None:
    """A connection with other fields, None where none was typed. Raises InvalidRequest, and Forbidden."""
    if all(value is None for value in fields.values()):
        return None
    try:
        before = route_of(connection, vault)
        route = route_of_fields(connection.kind, fields, before)
        _check_secrets(before, route, fields)
        await check_route(egress, route)
        return NewConnection(with_route(connection, route, vault), route)
    except VaultError:
        raise Forbidden(_NO_VAULT) from None
