"""How numbers stand with their connections, for the pages that show them side by side.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from numberdesk.console.visit import Visit
from numberdesk.core.connection import ConnectionState
from numberdesk.flows.connections.diagnose_numbers import find_number_connections
from numberdesk.views.connections import NumberConnectionView, number_connection_view

STATE: Final = "GET /phone-numbers/{number}/connection"
_MOST: Final = 1_000
"""Numbers that are looked through for those of one connection."""

_MOST_CONNECTIONS: Final = 100


async def walk(
    visit: Visit, endpoint: str, query: dict[str, str], most: int = _MOST, path: dict[str, str] | None = None
) -> AsyncIterator[Any]:
    """The first items of a list, whole pages until there are `most`."""
    token, seen = "", 0
    while seen < most:
        answer = await visit.ask(endpoint, path=path, query={**query, "page_size": 100, "page_token": token})
        for item in answer.data:
            yield item
        seen += len(answer.data)
        token = answer.rest["page"]["next"]
        if not token:
            return


async def of_account(visit: Visit) -> AsyncIterator[Any]:
    """The numbers that the account rents, as many as are looked through."""
    async for item in walk(visit, "GET /phone-numbers", {"is_active": "true"}):
        yield item


async def connections_of(visit: Visit) -> list[Any]:
    """What numbers of the account can be connected to, where the visitor may see it; shared ones are among them."""
    if not visit.may("GET /connections"):
        return []
    return [item async for item in walk(visit, "GET /connections", {}, 2 * _MOST_CONNECTIONS)]


async def connection_state_of(visit: Visit, number: str) -> Any:
    """How a number, or the rental with this id, stands with its connection."""
    return (await visit.ask(STATE, path={"number": number})).data


async def with_connections(
    visit: Visit, rentals: Sequence[Any], connections: Sequence[Any] | None = None
) -> list[dict[str, Any]]:
    """Rentals with how each stands with its connection, and what that is called: one read for all of them.

    `connections` are the account's, where they are known already.
    """
    ids = [rental.id for rental in rentals if _connected(rental)]
    if not ids or not visit.may(STATE):
        return [_with_connection(rental, None, {}) for rental in rentals]
    known = await connections_of(visit) if connections is None else connections
    names, account_id = {item.id: item.name for item in known}, visit.caller.account_id
    found = await visit.entry_point.services.reader.read(
        lambda tx: find_number_connections(tx, account_id, ids), for_account=account_id
    )
    stands = {each.rental.id: number_connection_view(each) for each in found}
    return [_with_connection(rental, stands.get(rental.id), names) for rental in rentals]


def _with_connection(rental: Any, stands: NumberConnectionView | None, names: dict[str, str]) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(rental),
        "connection_name": names.get(rental.connection_id or "", rental.connection_id or ""),
        "connection_status": ("" if not rental.is_active else ConnectionState.NONE)
        if stands is None
        else stands.status,
        "connection_message": "" if stands is None else stands.message,
    }


def _connected(rental: Any) -> bool:
    return bool(rental.is_active and rental.connection_id)
