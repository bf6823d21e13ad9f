"""Who did what: changes by people, keys and commands, the newest first.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import msgspec

from numberdesk.accounts.action_store import WantedActions, page_actions
from numberdesk.accounts.actions import Action, as_seen_by
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import Label
from numberdesk.views.actions import ActionView, action_view

_EXAMPLE: Final = {
    "id": "act_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "created_at": "2026-03-20T14:30:00Z",
    "actor": "ann@example.com",
    "actor_id": "per_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "actor_account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "via": "console",
    "address": "192.0.2.7",
    "what": "PATCH /admin/accounts/{account_id}",
    "object_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "details": {"status": "suspended"},
    "before": {"status": "active"},
    "after": {"status": "suspended"},
}


class ActionsQuery(PageQuery, frozen=True):
    """Which changes: those from `since` to before `until`."""

    actor: Label | None = None
    object_id: Label | None = None
    since: Annotated[Written, msgspec.Meta(description="Only changes then or later; ISO 8601.")] | None = None
    until: Annotated[Written, msgspec.Meta(description="Only changes before; ISO 8601.")] | None = None


class AllActionsQuery(ActionsQuery, frozen=True):
    """Which changes, of which account."""

    account_id: Label | None = None


@endpoint(
    "GET",
    "/actions",
    summary="Who changed what of the account, the newest first",
    tag="People",
    scope="keys:manage",
    query=ActionsQuery,
    data=list[ActionView],
    paged=True,
    answer_example=[_EXAMPLE],
)
async def actions(request: ApiRequest) -> ApiResponse:
    """Page the changes of the account."""
    own = request.caller.account_id
    return await _listed(request, own, partial(as_seen_by, own))


@endpoint(
    "GET",
    "/admin/actions",
    summary="Who changed what, of all accounts, the newest first",
    tag="Operators",
    scope="admin",
    query=AllActionsQuery,
    data=list[ActionView],
    paged=True,
    answer_example=[_EXAMPLE],
)
async def all_actions(request: ApiRequest) -> ApiResponse:
    """Page the changes of all accounts, and those of none."""
    return await _listed(request, request.query.account_id or None, lambda item: item)


async def _listed(request: ApiRequest, account_id: str | None, shown: Callable[[Action], Action]) -> ApiResponse:
    query: ActionsQuery = request.query
    wanted = WantedActions(
        account_id,
        query.actor or None,
        query.object_id or None,
        instant_of("since", query.since),
        instant_of("until", query.until),
    )
    before = position(query.page_token, "act_")
    found = await request.read(lambda tx: page_actions(tx, wanted, before_id=before, limit=query.page_size + 1))
    items, rest = page(found.items, query.page_size, "id", walked_to=found.walked_to)
    return ApiResponse([action_view(shown(item)) for item in items], rest=rest)
