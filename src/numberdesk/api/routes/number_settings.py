"""Emergency address and caller name of a number.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.shapes import named_rental, stated
from numberdesk.core.errors import NotFound
from numberdesk.core.number_settings import CALLER_NAME, EMERGENCY_ADDRESS
from numberdesk.flows.settings.want_settings import SetSettings, find_number_settings, want_settings
from numberdesk.views.settings import NumberSettingsView, number_settings_view

_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "emergency_address": "AD0123456789abcdef0123456789abcdef",
    "caller_name": "",
    "status": "active",
    "message": "set",
    "next_attempt_at": None,
}


class NumberSettingsBody(msgspec.Struct, frozen=True):
    """What a number is to have; what is left out stays, and an empty text takes it away."""

    emergency_address: Annotated[str, stated(pattern=f"^({EMERGENCY_ADDRESS.pattern})?$")] | None = None
    caller_name: Annotated[str, stated(pattern=f"^({CALLER_NAME.pattern})?$")] | None = None


@endpoint(
    "GET",
    "/phone-numbers/{number:str}/settings",
    summary="Emergency address and caller name of a number, and whether its carrier has them",
    tag="Numbers",
    scope="numbers:read",
    data=NumberSettingsView,
    errors=("not_found",),
    answer_example=_EXAMPLE,
)
async def number_settings(request: ApiRequest) -> ApiResponse:
    """Find what a rental is to have."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    found = await request.read(lambda tx: find_number_settings(tx, account_id, e164, rental_id))
    if found is None:
        raise NotFound("This account does not rent this number.")
    return ApiResponse(number_settings_view(found))


@endpoint(
    "POST",
    "/phone-numbers/{number:str}/settings",
    summary="Set emergency address and caller name of a number, or take them away; safe to send again",
    tag="Numbers",
    scope="numbers:manage",
    body=NumberSettingsBody,
    data=NumberSettingsView,
    errors=("not_found",),
    example={"caller_name": "VOICE AGENCY"},
    answer_example={
        **_EXAMPLE,
        "caller_name": "VOICE AGENCY",
        "status": "pending",
        "message": "",
        "next_attempt_at": "2026-03-20T14:30:00Z",
    },
)
async def set_number_settings(request: ApiRequest) -> ApiResponse:
    """Note what is wanted; its carrier is told after the answer."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    body: NumberSettingsBody = request.body
    command = SetSettings(account_id, e164, request.now, body.emergency_address, body.caller_name, rental_id=rental_id)
    found = await request.services.writer.submit(want_settings, command)
    return ApiResponse(number_settings_view(found), "Settings noted")
