"""Events: those of the account, and for operators those that are about no account.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from numberdesk.accounts.model import Scope
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageSize, PageToken, numbered_position, page
from numberdesk.core.errors import Forbidden
from numberdesk.outbox.event_type import OPERATORS
from numberdesk.outbox.store import list_events
from numberdesk.views.webhooks import EventView, event_view

LONGEST_NUMBER: Final = 10**15

EVENT_EXAMPLE: Final = {
    "type": "number.purchased",
    "timestamp": "2026-03-20T14:30:00Z",
    "id": "evt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "number": 7,
    "data": {
        "phone_number": "+13612738809",
        "order_id": "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "price": "1.15",
        "currency": "USD",
        "purchased_at": "2026-03-20T14:30:00Z",
    },
}


class StreamName(StrEnum):
    """Whose events: each stream has numbers of its own."""

    ACCOUNT = "account"  # the caller's account's
    OPERATORS = "operators"  # those that are about no account


class EventsQuery(msgspec.Struct, frozen=True):
    """Where the list begins and goes on."""

    stream: StreamName = StreamName.ACCOUNT
    after: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_NUMBER)] = 0
    page_size: PageSize = 10
    page_token: PageToken | None = None


@endpoint(
    "GET",
    "/events",
    summary="The account's events after a number, the oldest first; none comes later below one that was listed",
    tag="Webhooks",
    scope="webhooks:manage",
    query=EventsQuery,
    data=list[EventView],
    paged=True,
    answer_example=[EVENT_EXAMPLE],
    operators_too=True,
)
async def events(request: ApiRequest) -> ApiResponse:
    """Page the numbered events of the account, or of operators."""
    query, account_id = request.query, request.caller.account_id
    if query.stream is StreamName.OPERATORS:
        if Scope.ADMIN not in request.caller.scopes:
            raise Forbidden("Only a key with the scope admin may read the events of operators.")
        account_id = OPERATORS
    after = max(query.after, numbered_position(query.page_token) or 0)
    found = await request.read(lambda tx: list_events(tx, account_id, after=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "number")
    return ApiResponse([event_view(item) for item in items], rest=rest)
