"""Who did what.

Touches: nothing.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

from numberdesk.accounts.actions import Action
from numberdesk.core.periods import iso_seconds
from numberdesk.core.roles import Via
from numberdesk.views.formats import AccountId, ActionId, Instant


class ActionView(msgspec.Struct, frozen=True):
    """A change that somebody made."""

    id: ActionId
    created_at: Instant
    actor: str
    actor_id: str
    actor_account_id: AccountId | None
    via: Via
    address: str | None
    what: str
    object_id: str | None
    account_id: AccountId | None
    details: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"additionalProperties": True})]


def action_view(action: Action) -> ActionView:
    """A change."""
    return ActionView(
        action.id,
        iso_seconds(action.created_at),
        action.actor,
        action.actor_id,
        action.actor_account_id or None,
        action.via,
        action.address or None,
        action.what,
        action.object_id or None,
        action.account_id or None,
        json.loads(action.details),
    )
