"""What a number is connected to, and what is wrong with it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.limits import RateLimit
from numberdesk.api.shapes import ConnectionId, named_rental
from numberdesk.core.connection import CONNECTION_ID
from numberdesk.core.errors import InvalidRequest, NotFound, RateLimited
from numberdesk.flows.connections.assign_connections import NO_CONNECTION, Assignment, assign_connections
from numberdesk.flows.connections.diagnose_numbers import diagnose, find_number_connection
from numberdesk.flows.routing.try_calls import refusal_of_call
from numberdesk.views.connections import (
    DiagnosisView,
    NumberConnectionView,
    diagnosis_view,
    number_connection_view,
)

_TAG: Final = "Connections"
_NOT_RENTED: Final = "This account does not rent this number."
LOOKS_AT_ONCE: Final = 10
"""Looks at what a carrier has that an account may ask for at once; after that one a second, in each process."""

_LOOKS: Final = RateLimit(1 / LOOKS_AT_ONCE, times=LOOKS_AT_ONCE)
_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "connection_id": "con_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "status": "active",
    "message": "connected",
    "next_attempt_at": None,
}


class ConnectBody(msgspec.Struct, frozen=True):
    """What a number is to be connected to; null, or left out, for nothing."""

    connection_id: Annotated[ConnectionId | None, msgspec.Meta(description="The connection.")] = None


@endpoint(
    "GET",
    "/phone-numbers/{number:str}/connection",
    summary="How a number stands with its connection",
    tag=_TAG,
    scope="numbers:read",
    data=NumberConnectionView,
    errors=("not_found",),
    answer_example=_EXAMPLE,
)
async def number_connection(request: ApiRequest) -> ApiResponse:
    """Find what a rental is connected to."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    found = await request.read(lambda tx: find_number_connection(tx, account_id, e164, rental_id))
    if found is None:
        raise NotFound(_NOT_RENTED)
    return ApiResponse(number_connection_view(found))


@endpoint(
    "POST",
    "/phone-numbers/{number:str}/connection",
    summary="Connect a number, or disconnect it; safe to send again",
    tag=_TAG,
    scope="numbers:manage",
    body=ConnectBody,
    data=NumberConnectionView,
    errors=("not_found",),
    example={"connection_id": "con_0195b3a4c7e07d2f8a1b2c3d4e5f6071"},
    answer_example={**_EXAMPLE, "status": "pending", "message": "", "next_attempt_at": "2026-03-20T14:30:00Z"},
)
async def connect_number(request: ApiRequest) -> ApiResponse:
    """Note what is wanted; its carrier is told after the answer."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    body: ConnectBody = request.body
    if body.connection_id is not None and not CONNECTION_ID.fullmatch(body.connection_id):
        raise InvalidRequest("connection_id", NO_CONNECTION)
    rental = await request.services.writer.submit(
        assign_connections, Assignment(account_id, e164, body.connection_id, request.now, rental_id)
    )
    found = await request.read_back(lambda tx: find_number_connection(tx, account_id, "", rental.id))
    if found is None:
        raise NotFound(_NOT_RENTED)
    return ApiResponse(
        number_connection_view(found), "Phone number connected" if body.connection_id else "Disconnected"
    )


@endpoint(
    "GET",
    "/phone-numbers/{number:str}/diagnose",
    summary="Why calls to a number do not arrive: all that is known of it, and one sentence",
    tag=_TAG,
    scope="numbers:read",
    data=DiagnosisView,
    errors=("not_found",),
    answer_example={
        "phone_number": "+13612738809",
        "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "sentence": "The number is connected to nothing: give it a connection.",
        "status": "active",
        "connection": {**_EXAMPLE, "connection_id": None, "status": "none", "message": ""},
        "as_wanted": None,
        "calls": [],
        "available": 8.85,
        "currency": "USD",
    },
)
async def diagnose_number(request: ApiRequest) -> ApiResponse:
    """Look at a number from all sides; its carrier is asked what it has."""
    (e164, rental_id), services = named_rental(request.path["number"]), request.services
    found = await diagnose(
        request.caller.account_id,
        e164,
        rental_id,
        read=services.reader,
        carriers=services.carriers,
        vault=services.vault,
        now=services.now,
        may_ask=lambda: _may_ask(request.caller.account_id),
        trunks=services.trunks,
        refusal_of_call=lambda tx, number: refusal_of_call(
            tx, number, slice_seconds=services.settings.usage_session_seconds, now=request.now
        ),
    )
    if found is None:
        raise NotFound(_NOT_RENTED)
    return ApiResponse(diagnosis_view(found))


def _may_ask(account_id: str) -> bool:
    """Whether a carrier is asked for this account: what it asks too much, others and their orders would wait for."""
    try:
        _LOOKS.spend(account_id)
    except RateLimited:
        return False
    return True
