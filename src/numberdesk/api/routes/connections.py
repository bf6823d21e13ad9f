"""Connections: where calls to the account's numbers go.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import id_in_path, stated
from numberdesk.connections.model import Connection
from numberdesk.connections.sealing import route_of
from numberdesk.connections.store import find_connections, list_connections
from numberdesk.core.connection import ConnectionKind, NumberFormat, SipTransport, Srtp, WebhookDialect
from numberdesk.core.connection_presets import PRESETS
from numberdesk.core.connection_targets import (
    FORWARDED_TO,
    LONGEST_SECRET,
    LONGEST_TIMEOUT,
    LONGEST_URI,
    METHODS,
    MOST_PRIORITY,
    MOST_TARGETS,
    OBJECT_ID,
    OBJECT_KINDS,
    SECRET,
    hosts_of,
)
from numberdesk.core.errors import Forbidden, NotFound
from numberdesk.core.text import VISIBLE_ASCII
from numberdesk.flows.connections.set_up_connections import (
    LONGEST_NAME,
    NOT_THERE,
    ConnectionChange,
    change_connection,
    checked_name,
    create_connections,
    is_owned,
)
from numberdesk.flows.connections.typed_connections import TypedConnection, changed_route, new_connection
from numberdesk.infra.egress import LONGEST_URL
from numberdesk.infra.vault import VaultError
from numberdesk.views.connections import (
    ConnectionTestView,
    ConnectionView,
    PresetView,
    connection_test_view,
    connection_view,
    preset_views,
)

_TAG: Final = "Connections"
_SHARED: Final = "This connection is the operator's, for all accounts, and cannot be changed with this key."
_NO_SECRETS: Final = "The settings of this connection cannot be read: its operator has to look at it."
CONNECTION_EXAMPLE: Final = {
    "id": "con_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "name": "Front desk",
    "kind": "sip",
    "preset": "livekit",
    "shared": False,
    "hosts": ["acme-4f2k.sip.livekit.cloud"],
    "targets": [
        {
            "uri": "sip:acme-4f2k.sip.livekit.cloud",
            "priority": 10,
            "weight": 10,
            "transport": "tcp",
            "srtp": "allow",
            "timeout_seconds": 30,
        }
    ],
    "number_format": "e164",
    "username": "",
    "has_password": False,
    "url": None,
    "method": None,
    "fallback_url": None,
    "dialect": None,
    "object_kind": None,
    "object_id": None,
    "forward_to": None,
    "server_url": None,
    "api_key": None,
    "trunk_id": None,
    "steps": list(PRESETS["livekit"].steps),
    "created_at": "2026-03-20T14:30:00Z",
    "updated_at": "2026-03-20T14:30:00Z",
}


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class SipTargetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host that takes calls by SIP."""

    uri: Annotated[
        str,
        _text("Address like sip:pbx.example.com:5080; without a user, the called number stands there."),
        stated(minLength=1, maxLength=LONGEST_URI, pattern=VISIBLE_ASCII),
    ]
    priority: Annotated[
        Annotated[int, stated(minimum=0, maximum=MOST_PRIORITY)] | None,
        _text("The lowest is tried first; 10 unless it is given."),
    ] = None
    weight: Annotated[
        Annotated[int, stated(minimum=1, maximum=MOST_PRIORITY)] | None,
        _text("Among targets of one priority calls are shared by this; else 10."),
    ] = None
    transport: Annotated[SipTransport | None, _text("How SIP is carried there; else udp.")] = None
    srtp: Annotated[Srtp | None, _text("Whether the sound is encrypted; else none.")] = None
    timeout_seconds: Annotated[
        Annotated[int, stated(minimum=1, maximum=LONGEST_TIMEOUT)] | None,
        _text("How long it may ring, from 1 to 120; else 30."),
    ] = None


Name = Annotated[str, stated(minLength=1, maxLength=LONGEST_NAME)]
Secret = Annotated[str, stated(maxLength=LONGEST_SECRET, pattern=f"^{SECRET.pattern}$")]
Url = Annotated[str, stated(format="uri", maxLength=LONGEST_URL)]


class RouteBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where a connection leads: the fields of its kind."""

    targets: Annotated[
        Annotated[list[SipTargetBody], msgspec.Meta(max_length=MOST_TARGETS, extra_json_schema={"minItems": 1})] | None,
        _text("Hosts that take calls, for the kind sip."),
    ] = None
    number_format: Annotated[
        NumberFormat | None, _text("How the called number is written for the targets; e164 unless given.")
    ] = None
    username: Annotated[Secret | None, _text("The user by whom calls are sent; goes with `password`.")] = None
    password: Annotated[Secret | None, _text("Kept encrypted, and never shown.")] = None
    url: Annotated[Url | None, _text("Address that is asked what to do with a call, for the kind webhook.")] = None
    method: Annotated[
        Annotated[str, stated(enum=list(METHODS))] | None, _text("How it is asked; POST unless given.")
    ] = None
    fallback_url: Annotated[
        Annotated[str, stated(maxLength=LONGEST_URL, pattern="^(https?://.+)?$")] | None,
        _text("Address that is asked where the first fails; empty for none."),
    ] = None
    dialect: Annotated[WebhookDialect | None, _text("The language in which it answers; twiml unless given.")] = None
    object_kind: Annotated[
        Annotated[str, stated(enum=list(OBJECT_KINDS))] | None,
        _text("What of the carrier takes calls, for the kind native."),
    ] = None
    object_id: Annotated[
        Annotated[str, stated(pattern=f"^{OBJECT_ID.pattern}$")] | None, _text("Its id at the carrier.")
    ] = None
    forward_to: Annotated[
        Annotated[str, stated(pattern=f"^{FORWARDED_TO.pattern}$")] | None,
        _text("The number that calls go on to, for the kind forward."),
    ] = None
    server_url: Annotated[
        Annotated[str, stated(maxLength=LONGEST_URI)] | None,
        _text("Address of the LiveKit server, for the kind livekit: https, or wss as its clients use it."),
    ] = None
    api_key: Annotated[
        Annotated[str, stated(pattern=f"^{OBJECT_ID.pattern}$")] | None,
        _text("An API key of that server, whose secret lets numbers be put into its trunks."),
    ] = None
    api_secret: Annotated[Secret | None, _text("The secret of the API key: kept encrypted, and never shown.")] = None
    trunk_id: Annotated[
        Annotated[str, stated(pattern=f"^{OBJECT_ID.pattern}$")] | None,
        _text("The inbound trunk there that numbers are put into, and taken off."),
    ] = None


class NewConnectionBody(RouteBody, frozen=True, kw_only=True):
    """A connection to set up: a preset, or a kind with its fields."""

    name: Annotated[Name, _text("What people call it.")]
    kind: Annotated[ConnectionKind | None, _text("What a call is handed to; left out beside a preset.")] = None
    preset: Annotated[
        Annotated[str, stated(enum=sorted(PRESETS))] | None,
        _text("A voice platform, which fills in what it wants."),
    ] = None
    preset_values: Annotated[
        Annotated[dict[str, str], msgspec.Meta(max_length=10)] | None,
        _text("What the preset asks for, by name."),
    ] = None


class ConnectionBody(RouteBody, frozen=True, kw_only=True):
    """What is to change of a connection; what is left out stays as it is. Its kind stays, too."""

    name: Annotated[Name | None, _text("What people call it.")] = None


@endpoint(
    "GET",
    "/connections",
    summary="The account's connections, and those that its operator shares with all",
    tag=_TAG,
    scope="numbers:read",
    query=PageQuery,
    data=list[ConnectionView],
    paged=True,
    answer_example=[CONNECTION_EXAMPLE],
)
async def connections(request: ApiRequest) -> ApiResponse:
    """Page the account's connections, oldest first."""
    query, account_id = request.query, request.caller.account_id
    after = position(query.page_token, "con_")
    found = await request.read(lambda tx: list_connections(tx, account_id, after_id=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([connection_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/connection-presets",
    summary="Voice platforms that a connection can be set up for",
    tag=_TAG,
    scope="numbers:read",
    data=list[PresetView],
    answer_example=[msgspec.to_builtins(preset_views()[0])],
)
async def presets(request: ApiRequest) -> ApiResponse:  # noqa: ARG001  every handler takes it
    """List presets."""
    return ApiResponse(preset_views())


@endpoint(
    "POST",
    "/connections",
    summary="Set up a connection",
    tag=_TAG,
    scope="numbers:manage",
    body=NewConnectionBody,
    data=ConnectionView,
    example={"name": "Front desk", "preset": "livekit", "preset_values": {"subdomain": "acme-4f2k"}},
    answer_example=CONNECTION_EXAMPLE,
)
async def create_connection(request: ApiRequest) -> ApiResponse:
    """Check where it leads, and record it with its secrets sealed."""
    body: NewConnectionBody = request.body
    kind = None if body.kind is None else ConnectionKind(body.kind)
    typed = TypedConnection(body.name, kind, body.preset or "", body.preset_values or {}, _fields(body))
    services = request.services
    new = await new_connection(
        typed,
        services.new_id("con"),
        request.caller.account_id,
        egress=services.egress,
        vault=services.vault,
        now=request.now,
    )
    return ApiResponse(connection_view(await services.writer.submit(create_connections, new)), "Connection created")


@endpoint(
    "GET",
    "/connections/{connection_id:str}",
    summary="One connection",
    tag=_TAG,
    scope="numbers:read",
    data=ConnectionView,
    errors=("not_found",),
    answer_example=CONNECTION_EXAMPLE,
)
async def get_connection(request: ApiRequest) -> ApiResponse:
    """Find one connection that the account has."""
    return ApiResponse(connection_view(await _found(request)))


@endpoint(
    "PATCH",
    "/connections/{connection_id:str}",
    summary="Change a connection; the numbers that are connected to it follow",
    tag=_TAG,
    scope="numbers:manage",
    body=ConnectionBody,
    data=ConnectionView,
    errors=("not_found", "connection_in_use"),
    example={"number_format": "plain"},
    answer_example={**CONNECTION_EXAMPLE, "number_format": "plain"},
)
async def change(request: ApiRequest) -> ApiResponse:
    """Write what was sent; where it leads is checked as at first."""
    body, services = request.body, request.services
    connection = await _own(request)
    new = await changed_route(connection, _fields(body), egress=services.egress, vault=services.vault)
    name = None if body.name is None else checked_name(body.name)
    command = ConnectionChange(connection.id, request.caller.account_id, request.now, name=name)
    if new is not None:
        command = command._replace(sealed=new.connection, route=new.route)
    changed = await services.writer.submit(change_connection, command)
    return ApiResponse(connection_view(changed), "Connection changed")


@endpoint(
    "DELETE",
    "/connections/{connection_id:str}",
    summary="Delete a connection that no number is connected to",
    tag=_TAG,
    scope="numbers:manage",
    data=ConnectionView,
    errors=("not_found", "connection_in_use"),
    answer_example=CONNECTION_EXAMPLE,
)
async def delete_connection(request: ApiRequest) -> ApiResponse:
    """Delete it, unless that would silence numbers."""
    connection = await _own(request)
    command = ConnectionChange(connection.id, request.caller.account_id, request.now, delete=True)
    await request.services.writer.submit(change_connection, command)
    return ApiResponse(connection_view(connection), "Connection deleted")


@endpoint(
    "POST",
    "/connections/{connection_id:str}/test",
    summary="Try a connection at once, and say what came back",
    tag=_TAG,
    scope="numbers:manage",
    data=ConnectionTestView,
    errors=("not_found",),
    answer_example={
        "reached": True,
        "places": [
            {"place": "sip:pbx.example.com by tls", "reached": True, "said": "answered 200 OK after 41 ms"},
        ],
    },
)
async def test_connection(request: ApiRequest) -> ApiResponse:
    """Try each place once. It is no failure of this request when nothing answers there."""
    connection = await _found(request)
    try:
        route = route_of(connection, request.services.vault)
    except (VaultError, ValueError):
        raise Forbidden(_NO_SECRETS) from None
    probes = await request.services.connection_tests.run(request.caller.account_id, route)
    hosts = None if connection.account_id is not None else hosts_of(route)
    return ApiResponse(connection_test_view(probes, hosts), "Connection tested")


async def _found(request: ApiRequest) -> Connection:
    wanted = id_in_path(request.path["connection_id"])
    found = (await request.read(lambda tx: find_connections(tx, [wanted]))).get(wanted)
    if found is None or not found.is_for(request.caller.account_id):
        raise NotFound(NOT_THERE)
    return found


async def _own(request: ApiRequest) -> Connection:
    found = await _found(request)
    if not is_owned(found, request.caller.account_id):
        raise Forbidden(_SHARED)
    return found


def _fields(body: RouteBody) -> dict[str, Any]:
    """What was sent of a route, by field."""
    sent = {field: getattr(body, field) for field in RouteBody.__struct_fields__}
    if body.targets is not None:
        sent["targets"] = [msgspec.structs.asdict(target) for target in body.targets]
    return sent
