"""What a call to an own number would be refused for if its server asked and reserved now: nothing is written.

Touches: database.

The answer is that of the routing and of the sessions themselves, so that whoever is told it is told what happens.
"""

from __future__ import annotations

from numberdesk.core.call_record import Direction
from numberdesk.core.call_route import RefusedCall
from numberdesk.core.connection import ForwardRoute
from numberdesk.core.diagnosis import NO_SOURCE
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.routing.route_calls import RouteCall, route_call, with_session
from numberdesk.flows.usage.hold_sessions import try_opening
from numberdesk.infra.db import Tx


def refusal_of_call(tx: Tx, e164: str, *, slice_seconds: int, now: int) -> str:
    """The reason, as the routing or the session would say it; "" where the call would be let through."""
    routed = route_call(tx, RouteCall(e164, None, with_balance=False, chance=0, now=now))
    if isinstance(routed, RefusedCall):
        return routed.reason.value
    command = OpenSession("", "", "", "", Direction.INBOUND, e164, "", now)
    if isinstance(routed.route, ForwardRoute):
        command = command._replace(forward_to=routed.route.e164)
    outcome = try_opening(tx, command, slice_seconds)
    if not isinstance(outcome, SessionAnswer):
        return NO_SOURCE
    answer = with_session(routed, outcome)
    return answer.reason.value if isinstance(answer, RefusedCall) else ""
