"""Write who did what, in the transaction of the change.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.accounts.action_store import ActorName, find_actors, insert_actions
from numberdesk.accounts.actions import Action
from numberdesk.accounts.model import Account
from numberdesk.core.purchase import Refusal, Replayed
from numberdesk.core.roles import Via
from numberdesk.infra.attribution import States
from numberdesk.infra.db import Tx


def note_actions(tx: Tx, done: Sequence[tuple[Action, object, States]]) -> None:
    """Write actions with what their outcomes tell of whose and which things they were about.

    What is refused changes nothing, nor does what is answered again.
    """
    made = [
        (action.with_states(*states), outcome)
        for action, outcome, states in done
        if not isinstance(outcome, Refusal | Replayed)
    ]
    if not made:
        return
    ids = [action.actor_id for action, _ in made if action.via is not Via.COMMAND]
    actors = find_actors(tx, ids) if ids else {}
    insert_actions(tx, [_completed(action, outcome, actors.get(action.actor_id)) for action, outcome in made])


def _completed(action: Action, outcome: object, actor: ActorName | None) -> Action:
    whose = outcome.id if isinstance(outcome, Account) else getattr(outcome, "account_id", None)
    return action._replace(
        account_id=action.account_id or _text(whose) or ("" if actor is None else actor.account_id),
        object_id=action.object_id or _text(getattr(outcome, "id", None)),
        actor=action.actor_id if actor is None else actor.name or action.actor_id,
        actor_account_id="" if actor is None else actor.account_id,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
