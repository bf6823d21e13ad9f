"""Who did what.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from numberdesk.accounts.actions import Action
from numberdesk.core.kept_json import fields_of
from numberdesk.core.periods import iso_seconds
from numberdesk.core.roles import Via
from numberdesk.views.formats import AccountId, ActionId, Instant

_Fields = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"additionalProperties": True})]


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
    details: _Fields
    before: Annotated[
        _Fields,
        msgspec.Meta(
            description="How stood what was changed, where that is read: what differs; `...` as in `details`."
        ),
    ]
    after: Annotated[_Fields, msgspec.Meta(description="The same as it stood then; empty for what is no more.")]


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
        *(fields_of(text) for text in (action.details, action.before, action.after)),
    )
