"""Prepaid sessions: whoever carries a call asks whether it may begin and go on, and says how long it was.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.shapes import E164, id_in_path, stated
from numberdesk.api.sources import source_of
from numberdesk.core.call_record import (
    LONGEST_CALL_ID,
    LONGEST_DISPOSITION,
    LONGEST_LEG,
    LONGEST_OTHER,
    MOST_SECONDS,
    Direction,
)
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.session import ExtendSession, OpenSession, SessionAnswer, SessionOutcome
from numberdesk.core.text import VISIBLE_ASCII, TextError, parse_text, parse_token
from numberdesk.flows.usage.end_sessions import EndSession, end_sessions
from numberdesk.views.usage import EndedSessionView, SessionView, ended_session_view, session_view

_SESSION_EXAMPLE: Final = {
    "allowed": True,
    "reason": None,
    "session_id": "ses_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "call_id": "b2f4-1",
    "leg": "",
    "phone_number": "+13612738809",
    "direction": "inbound",
    "status": "open",
    "max_seconds": 60,
    "held": 0.0085,
    "currency": "USD",
    "opened_at": "2026-03-20T14:30:00Z",
    "expires_at": "2026-03-20T14:31:00Z",
    "ended_at": None,
}
_SAFE: Final = "is not taken by this request: the same call has the same session, and is charged once"


class SessionBody(msgspec.Struct, frozen=True):
    """A call that is about to begin. The same call_id and leg are the same session."""

    other_names: ClassVar = {"number": "phone_number"}

    call_id: Annotated[str, stated(minLength=1, maxLength=LONGEST_CALL_ID, pattern=VISIBLE_ASCII)]
    phone_number: E164
    direction: Direction
    other: Annotated[str, stated(maxLength=LONGEST_OTHER)] = ""
    leg: Annotated[str, stated(maxLength=LONGEST_LEG)] = ""


class ExtensionQuery(msgspec.Struct, frozen=True):
    """What makes an extension safe to send again."""

    max_seconds: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=MOST_SECONDS)] | None,
        msgspec.Meta(
            description="The max_seconds that you were told last. Where more are held for already, you have asked "
            "before, and are answered the same without holding once more."
        ),
    ] = None


class SessionEndBody(msgspec.Struct, frozen=True):
    """How the call ended."""

    seconds: Annotated[int, msgspec.Meta(ge=0, le=MOST_SECONDS)]
    disposition: Annotated[str, stated(maxLength=LONGEST_DISPOSITION)] = ""


@endpoint(
    "POST",
    "/usage/sessions",
    summary="Ask whether a call may begin; its first slice of seconds is held for",
    tag="Usage",
    scope="usage:write",
    body=SessionBody,
    data=SessionView,
    errors=("wrong_source", "idempotency_conflict"),
    example={"call_id": "b2f4-1", "phone_number": "+13612738809", "direction": "inbound", "other": "+13612738000"},
    answer_example=_SESSION_EXAMPLE,
    key_refusal=_SAFE,
    operators_too=True,
)
async def open_session(request: ApiRequest) -> ApiResponse:
    """Open a session, give that of the call again, or say why not."""
    body: SessionBody = request.body
    command = OpenSession(
        request.services.new_id("ses"),
        source_of(request.caller),
        _read("call_id", body.call_id, _token(LONGEST_CALL_ID)),
        _read("leg", body.leg, _token(LONGEST_LEG)),
        body.direction,
        body.phone_number,
        _read("other", body.other, lambda text: parse_text(text, longest=LONGEST_OTHER, empty_allowed=True)),
        request.now,
    )
    return _answered(await request.services.writer.submit(request.services.open_sessions, command))


@endpoint(
    "POST",
    "/usage/sessions/{session_id:str}/extend",
    summary="Ask whether a call may go on; the next slice of seconds is held for",
    tag="Usage",
    scope="usage:write",
    query=ExtensionQuery,
    data=SessionView,
    errors=("not_found", "session_ended"),
    answer_example={
        **_SESSION_EXAMPLE, "max_seconds": 120, "held": 0.017, "expires_at": "2026-03-20T14:32:00Z"
    },
    key_refusal="is not taken by this request: say `?max_seconds=` as you were told last, and it is safe to send again",
    operators_too=True,
)  # fmt: skip
async def extend_session(request: ApiRequest) -> ApiResponse:
    """Extend a session, or say why not."""
    session_id, known = id_in_path(request.path["session_id"]), request.query.max_seconds
    command = ExtendSession(session_id, source_of(request.caller), request.now, known)
    return _answered(await request.services.writer.submit(request.services.extend_sessions, command))


@endpoint(
    "POST",
    "/usage/sessions/{session_id:str}/end",
    summary="Say how long a call was, which charges it",
    tag="Usage",
    scope="usage:write",
    body=SessionEndBody,
    data=EndedSessionView,
    errors=("not_found",),
    example={"seconds": 91},
    answer_example={
        "session_id": "ses_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "outcome": "accepted",
        "call_id": "b2f4-1",
        "leg": "",
        "status": "charged",
        "amount": 0.017,
        "field": None,
        "reason": None,
    },
    key_refusal=_SAFE,
    operators_too=True,
)
async def end_session(request: ApiRequest) -> ApiResponse:
    """Record the call of a session."""
    body: SessionEndBody = request.body
    services, session_id = request.services, id_in_path(request.path["session_id"])
    disposition = _read("disposition", body.disposition, _token(LONGEST_DISPOSITION))
    command = EndSession(
        session_id, source_of(request.caller), body.seconds, disposition, services.new_id("bat"), request.now
    )
    result = await services.writer.submit(end_sessions, command)
    if isinstance(result, NumberdeskError):
        raise result
    return ApiResponse(ended_session_view(session_id, result), f"The call is {result.outcome.value}")


def _answered(outcome: SessionOutcome) -> ApiResponse:
    if not isinstance(outcome, SessionAnswer):
        raise outcome
    told = "Allowed" if outcome.denial is None else f"Denied: {outcome.denial.value}"
    return ApiResponse(session_view(outcome), told)


def _token(longest: int) -> Callable[[str], str]:
    return lambda text: parse_token(text, longest=longest)


def _read(name: str, text: str, parse: Callable[[str], str]) -> str:
    """A text as call records have it. Raises InvalidRequest naming the field."""
    if not text and name != "call_id":
        return text
    try:
        return parse(text)
    except TextError as error:
        raise InvalidRequest(name, str(error)) from None
