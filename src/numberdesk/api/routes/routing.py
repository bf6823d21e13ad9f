"""Where calls to rented numbers go: asked by media servers and proxies, answered in their own formats.

Touches: nothing.

Answering is a read and writes nothing, unless the asker reserves: then the call's session is opened as well.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import JSON, ApiRequest, DocumentResponse, endpoint
from numberdesk.api.errors import ENCODER
from numberdesk.api.request_body import body_pieces
from numberdesk.api.routing_fields import FORM, WORD, AskedCall, read_asked
from numberdesk.api.shapes import stated
from numberdesk.api.sources import source_of
from numberdesk.core.call_record import LONGEST_CALL_ID, Direction
from numberdesk.core.call_route import CallAnswer, RefusedCall, RoutedCall, RoutingRefusal, read_called
from numberdesk.core.connection import ForwardRoute
from numberdesk.core.errors import BodyTooLarge, Forbidden, NotFound
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.routing.route_calls import RouteCall, route_call, with_session
from numberdesk.views.call_routes import FORMATS, TEXT, XML, RoutingDocument, RoutingView, routing_view

_CACHED: Final = "private, max-age=5, stale-if-error=3600"
_UNCACHED: Final = "private, no-store"
_STAYS: Final = (RoutingRefusal.NOT_IN_SERVICE, RoutingRefusal.NO_CONNECTION, RoutingRefusal.SUSPENDED)
"""Refusals that no call changes."""

_RESERVING: Final = "usage:write"
_CHANCE_BYTES: Final = 16
_EXAMPLE: Final = {
    "allowed": True,
    "reason": None,
    "phone_number": "+13612738809",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "rental_id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "kind": "sip",
    "targets": [
        {
            "uri": "sip:+13612738809@pbx.example.com;transport=tcp",
            "transport": "tcp",
            "srtp": "none",
            "priority": 10,
            "weight": 10,
            "timeout_seconds": 30,
        }
    ],
    "url": None,
    "method": None,
    "fallback_url": None,
    "dialect": None,
    "forward_to": None,
    "max_seconds": 3600,
    "session_id": None,
    "forward_session_id": None,
    "expires_at": None,
}


Word = Annotated[str, stated(pattern=f"^{WORD.pattern}$")]


class RoutingQuery(msgspec.Struct, frozen=True):
    """The call that is asked about. Each server's own names for these are taken as well, and others ignored."""

    to: Annotated[str, stated(minLength=1), msgspec.Meta(description="The called number, with or without its plus.")]
    caller: Annotated[str, msgspec.Meta(description="Who calls.")] = msgspec.field(default="", name="from")
    call_id: Annotated[
        str,
        stated(maxLength=LONGEST_CALL_ID, pattern="^[!-~]*$"),
        msgspec.Meta(description="The asker's name for the call; needed to reserve."),
    ] = ""
    reserve: Annotated[bool, msgspec.Meta(description="Open a session for the call as well.")] = False
    limit: Annotated[bool, msgspec.Meta(description="Say how long the balance lets the call be.")] = True
    context: Annotated[Word, msgspec.Meta(description="FreeSWITCH alone: the context of the dialplan.")] = "public"
    profile: Annotated[Word, msgspec.Meta(description="FreeSWITCH alone: the profile that calls leave by.")] = (
        "external"
    )


_asking = partial(
    endpoint,
    path="/routing/{form:str}",
    tag="Routing",
    scope="routing:read",
    query=RoutingQuery,
    data=RoutingView,
    errors=("not_found", "wrong_source", "idempotency_conflict"),
    answer_example=_EXAMPLE,
    operators_too=True,
    other_forms=(XML, TEXT),
    loose=True,
)


@_asking("GET", summary="Ask where a call to a rented number goes")
async def ask_by_query(request: ApiRequest) -> DocumentResponse:
    """Answer in the asker's format."""
    return await _answered(request, b"")


@_asking(
    "POST",
    summary="Ask where a call goes, as servers that post do",
    raw_body=FORM,
    raw_limit="body_limit_bytes",
    example="Hunt-Destination-Number=%2B13612738809",
    key_refusal="is not taken by this request: the same call has the same session",
)
async def ask_by_body(request: ApiRequest) -> DocumentResponse:
    """The same, for fields in a body."""
    limit, pieces, size = request.services.settings.body_limit_bytes, [], 0
    async for piece in body_pieces(request.receive):
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        pieces.append(piece)
    return await _answered(request, b"".join(pieces))


async def _answered(request: ApiRequest, body: bytes) -> DocumentResponse:
    form = request.path["form"]
    if form != "json" and form not in FORMATS:
        raise NotFound
    asked = read_asked(form, request.query, request.headers.get(b"content-type", b""), body)
    reserves = asked.reserve and not request.is_head
    if reserves and _RESERVING not in request.caller.scopes:
        raise Forbidden(f"This key lacks the scope {_RESERVING}, which reserving needs.", {"scope": _RESERVING})
    answer = await _route(request, asked, with_balance=asked.limit and not reserves)
    if reserves and isinstance(answer, RoutedCall):
        answer = await _reserved(request, asked, answer)
    document = _json(answer) if form == "json" else FORMATS[form](answer, asked.options)
    steady = not asked.reserve and (answer.reason in _STAYS if isinstance(answer, RefusedCall) else not asked.limit)
    headers = {"Cache-Control": _CACHED if steady else _UNCACHED, "Vary": "Authorization, X-Api-Key"}
    return DocumentResponse(document.content, document.media_type, document.status, headers)


async def _route(request: ApiRequest, asked: AskedCall, *, with_balance: bool) -> CallAnswer:
    caller, services = request.caller, request.services
    whose = None if caller.kind is AccountKind.OPERATOR else caller.account_id
    chance = int.from_bytes(services.random_bytes(_CHANCE_BYTES), "big")
    command = RouteCall(read_called(asked.to), whose, with_balance, chance, request.now)
    return await services.reader.look_up(lambda tx: route_call(tx, command), for_account=whose)


async def _reserved(request: ApiRequest, asked: AskedCall, routed: RoutedCall) -> CallAnswer:
    """The same, once the call's session is open, or that it may not begin. Raises WrongSource."""
    services = request.services
    session_id, source = services.new_id("ses"), source_of(request.caller)
    command = OpenSession(
        session_id, source, asked.call_id, "", Direction.INBOUND, routed.e164, asked.other, request.now
    )
    if isinstance(routed.route, ForwardRoute):
        command = command._replace(forward_to=routed.route.e164, forward_session_id=services.new_id("ses"))
    outcome = await services.writer.submit(services.open_sessions, command)
    if not isinstance(outcome, SessionAnswer):
        raise outcome
    return with_session(routed, outcome)


def _json(answer: CallAnswer) -> RoutingDocument:
    told = "OK" if isinstance(answer, RoutedCall) else f"Refused: {answer.reason.value}"
    body = {"success": True, "message": told, "data": routing_view(answer)}
    return RoutingDocument(ENCODER.encode(body), JSON)
