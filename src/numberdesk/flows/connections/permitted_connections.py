"""Whether accounts may still have their calls go where connections of theirs lead.

Touches: database.

It is asked whenever a number is connected, since a connection may be older than what its operator has decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from numberdesk.connections.model import Connection, ConnectionPermit
from numberdesk.connections.sealing import open_route_of
from numberdesk.connections.store import find_permits
from numberdesk.core.connection import ConnectionKind, ForwardRoute, NativeRoute, Route
from numberdesk.core.errors import Forbidden
from numberdesk.infra.db import Tx

_NO_FORWARD: Final = "Calls are not forwarded to phone numbers for this account. Ask its operator to allow it."
_NO_NATIVE: Final = "This account may not use that object of the carrier. Ask its operator to allow it."
_ASKED_OF: Final = (ConnectionKind.FORWARD, ConnectionKind.NATIVE)


def not_permitted(owner: str | None, route: Route | None, permits: Sequence[ConnectionPermit]) -> Forbidden | None:
    """What others would pay for, or lose calls by, an account does only where its operator allows it.

    What has no `owner` is the operator's, who shares it with all accounts.
    """
    if owner is None:
        return None
    mine = {(one.kind, one.object_id) for one in permits if one.account_id == owner}
    if isinstance(route, ForwardRoute) and (ConnectionKind.FORWARD, "") not in mine:
        return Forbidden(_NO_FORWARD)
    if isinstance(route, NativeRoute) and (ConnectionKind.NATIVE, route.object_id) not in mine:
        return Forbidden(_NO_NATIVE)
    return None


def refused_connections(tx: Tx, connections: Iterable[Connection]) -> dict[str, Forbidden]:
    """Those of some connections that no number is connected to any more, by id, each with why."""
    asked = [one for one in connections if one.kind in _ASKED_OF and one.account_id is not None]
    if not asked:
        return {}
    permits = find_permits(tx, {one.account_id for one in asked if one.account_id is not None})
    refusals = {one.id: not_permitted(one.account_id, open_route_of(one), permits) for one in asked}
    return {connection_id: refusal for connection_id, refusal in refusals.items() if refusal is not None}
