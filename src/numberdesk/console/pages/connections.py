"""Connections: where calls go, what remains to be done at the other side, and whether anything answers there.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.connections.store import find_permits
from numberdesk.console.connection_states import of_account, with_connections
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, perform, screen, show, show_again
from numberdesk.console.tables import Column, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.connection import ConnectionKind, NumberFormat, SipTransport, Srtp, WebhookDialect
from numberdesk.core.connection_targets import METHODS, OBJECT_KINDS, OFFERED_KINDS
from numberdesk.core.errors import NumberdeskError

_HERE: Final = "/console/connections"
_ALL: Final = "GET /connections"
_ONE: Final = "GET /connections/{connection_id}"
_ADD: Final = "POST /connections"
_CHANGE: Final = "PATCH /connections/{connection_id}"
_CONNECT: Final = "POST /phone-numbers/{number}/connection"
_PRESETS: Final = "GET /connection-presets"
_ASKED: Final = "asked."
"""What a preset asks for stands in the form behind this."""

_PLAIN: Final = ("number_format", "username", "password", "url", "method", "fallback_url", "dialect", "object_kind",
                 "object_id", "forward_to", "server_url", "api_key", "api_secret", "trunk_id")  # fmt: skip
_CHOICES: Final = {
    "transports": list(SipTransport),
    "srtps": list(Srtp),
    "number_formats": list(NumberFormat),
    "methods": METHODS,
    "dialects": list(WebhookDialect),
    "object_kinds": OBJECT_KINDS,
}
_MOST_SHOWN: Final = 25
_MOST_OFFERED: Final = 100

CONNECTIONS: Final = ScreenTable(
    _HERE,
    "Connections",
    _ALL,
    (
        Column("Name", "name", link="/console/connections/{id}"),
        Column("Kind", "kind"),
        Column("Set up for", "preset"),
        Column("For all accounts", "shared", "yes"),
        Column("Made", "created_at", "time"),
        Column("Changed", "updated_at", "time"),
        Column("Id", "id", "mono"),
    ),
    empty="No connection yet. A number rings nowhere until it has one.",
    about="Where calls go: to a voice platform, to a server of yours. Set up once, for any number of numbers.",
    new="new/connection_link.html",
)


@screen("GET", "/connections", _ALL)
async def connections(visit: Visit) -> Response:
    """All connections, and the way to another."""
    return show(visit, "table.html", _HERE, "Connections", table=await load(visit, CONNECTIONS))


@screen("GET", "/connections/csv", _ALL)
async def connections_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, CONNECTIONS)


@screen("GET", "/connections/new", _ADD, _PRESETS)
async def choose(visit: Visit) -> Response:
    """What a connection can be for; once that is chosen, what has to be known of it."""
    presets = (await visit.ask(_PRESETS)).data
    account_id = visit.caller.account_id
    permits = await visit.entry_point.services.reader.read(
        lambda tx: find_permits(tx, [account_id]), for_account=account_id
    )
    allowed = {ConnectionKind.SIP, ConnectionKind.WEBHOOK, ConnectionKind.LIVEKIT, *(permit.kind for permit in permits)}
    preset = visit.sent("preset") or visit.asked("preset")
    kind = visit.sent("kind") or visit.asked("kind")
    return show(
        visit,
        "connect.html",
        _HERE,
        "New connection",
        presets=presets,
        kinds=[each for each in OFFERED_KINDS if each in allowed],
        missing=[each for each in OFFERED_KINDS if each not in allowed],
        preset=next((each for each in presets if each.name == preset), None),
        kind=kind if kind in tuple(OFFERED_KINDS) else "",
        objects=[permit.object_id for permit in permits if permit.kind is ConnectionKind.NATIVE],
        asked=_ASKED,
        **_CHOICES,
    )


@screen("POST", "/connections/new", _ADD, _PRESETS)
async def create(visit: Visit) -> Response:
    """Set one up."""
    try:
        made = (await visit.ask(_ADD, body={**visit.filled("name", "kind"), **_preset(visit), **_route(visit)})).data
    except NumberdeskError as error:
        return await show_again(visit, error, choose)
    return redirect(f"{_HERE}/{made.id}?said=connection")


@screen("GET", "/connections/{connection_id}", _ONE, "GET /phone-numbers")
async def connection(visit: Visit) -> Response:
    """One connection, the numbers that have it, and what remains to be done."""
    return await _page(visit)


@screen("POST", "/connections/{connection_id}/test", "POST /connections/{connection_id}/test", "GET /phone-numbers")
async def test(visit: Visit) -> Response:
    """Try it at once, and say what came back."""
    outcome = await perform(visit, Deed("", "POST /connections/{connection_id}/test", "", ""))
    return await _page(visit, outcome)


@screen("POST", "/connections/{connection_id}/change", _CHANGE, _ONE, "GET /phone-numbers")
async def change(visit: Visit) -> Response:
    """Change its name or where it leads; its numbers follow."""
    try:
        await visit.ask(_CHANGE, path=visit.path, body={**visit.filled("name"), **_route(visit)})
    except NumberdeskError as error:
        return await show_again(visit, error, connection)
    return redirect(f"{_HERE}/{visit.path['connection_id']}?said=followed")


@screen("POST", "/connections/{connection_id}/numbers", _CONNECT, _ONE, "GET /phone-numbers")
async def connect(visit: Visit) -> Response:
    """Connect one more number to it."""
    path, connection_id = {"number": visit.sent("number").strip()}, visit.path["connection_id"]
    try:
        await visit.ask(_CONNECT, path=path, body={"connection_id": connection_id})
    except NumberdeskError as error:
        return await show_again(visit, error, connection)
    return redirect(f"{_HERE}/{connection_id}?said=connecting")


deed(
    Deed("/connections/{connection_id}/delete", "DELETE /connections/{connection_id}", "/connections", "deleted"),
    connection,
)


async def _page(visit: Visit, outcome: Any = None) -> Response:
    found = (await visit.ask(_ONE, path=visit.path)).data
    numbers = [item async for item in of_account(visit)]
    mine = [item for item in numbers if item.connection_id == found.id]
    return show(
        visit,
        "connection.html",
        _HERE,
        found.name,
        connection=found,
        outcome=outcome,
        count=len(mine),
        numbers=await with_connections(visit, mine[:_MOST_SHOWN]),
        others=[item for item in numbers if item.connection_id != found.id][:_MOST_OFFERED],
        may_manage=visit.may(_ADD),
        **_CHOICES,
    )


def _preset(visit: Visit) -> dict[str, Any]:
    name = visit.sent("preset")
    if not name:
        return {}
    given = {field.removeprefix(_ASKED): text.strip() for field, text in visit.form_values.items()}
    return {"preset": name, "preset_values": {field: given[field] for field in given if _ASKED + field in visit.form}}


def _route(visit: Visit) -> dict[str, Any]:
    """Where it leads, as the form has it: one host, and maybe a second one for when the first does not answer."""
    found: dict[str, Any] = visit.filled(*_PLAIN)
    if "fallback_url" in visit.form:
        found["fallback_url"] = visit.sent("fallback_url").strip()
    how = visit.filled("transport", "srtp")
    uris = [visit.sent(f"targets[{place}].uri").strip() for place in range(2)]
    if uris[0] or uris[1]:
        found["targets"] = [{"uri": uri, "priority": 10 * place, **how} for place, uri in enumerate(uris, 1) if uri]
    return found
