"""The SQL of actions: who did what.

Touches: actions, people, api_keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, select, update

from numberdesk.accounts.actions import Action, ActionPage
from numberdesk.core.roles import Via
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import stretch_of
from numberdesk.tables import actions, api_keys, people

_COLUMNS: Final = [actions.c[name] for name in Action._fields]

MOST_WALKED: Final = 1_000
"""Actions that one page of a list looks at, however few of them fit."""


class WantedActions(NamedTuple):
    """Which actions: of an account, by an actor (email, name or id), of an object, between two instants."""

    account_id: str | None = None
    actor: str | None = None
    object_id: str | None = None
    since: int | None = None
    until: int | None = None


class ActorName(NamedTuple):
    """What an actor is called, and whose it is."""

    name: str
    account_id: str


def insert_actions(tx: Tx, new: Sequence[Action]) -> None:
    """Record actions."""
    tx.execute(actions.insert(), [action._asdict() for action in new])


def find_actors(tx: Tx, ids: Iterable[str]) -> dict[str, ActorName]:
    """People and keys by id."""
    wanted = sorted(set(ids))
    by_email = select(people.c.id, people.c.email.label("name"), people.c.account_id).where(people.c.id.in_(wanted))
    by_name = select(api_keys.c.id, api_keys.c.name, api_keys.c.account_id).where(api_keys.c.id.in_(wanted))
    return {row.id: ActorName(row.name, row.account_id) for each in (by_email, by_name) for row in tx.execute(each)}


def page_actions(
    tx: Tx, wanted: WantedActions, *, before_id: str | None, limit: int, most: int = MOST_WALKED
) -> ActionPage:
    """Actions, the newest first: `limit` that fit, among the next `most` of those of the account, actor or object."""
    before, after = _bounds(tx, wanted, before_id)
    owner = _owner(wanted)
    walk = select(*_COLUMNS).where(*stretch_of(owner, actions.c.id, after=after, before=before))
    walk = walk.order_by(*(column.desc() for column in owner), actions.c.id.desc())
    walked = walk.limit(most).subquery("walked")
    fit = select(walked).where(*_conditions(wanted, walked.c)).order_by(walked.c.id.desc()).limit(limit)
    found = [_action_of(row) for row in tx.execute(fit)]
    edge = None
    if len(found) < limit:
        edge = tx.execute(walk.with_only_columns(actions.c.id).limit(1).offset(most - 1)).scalar()
    return ActionPage(found, edge)


def _owner(wanted: WantedActions) -> dict[Any, str]:
    """The first column that is asked for, whose index is walked."""
    for name in ("account_id", "actor", "object_id"):
        value = getattr(wanted, name)
        if value is not None:
            return {actions.c[name]: value}
    return {}


def _conditions(wanted: WantedActions, columns: Any) -> list[ColumnElement[bool]]:
    asked = {name: getattr(wanted, name) for name in ("account_id", "actor", "object_id")}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _bounds(tx: Tx, wanted: WantedActions, before_id: str | None) -> tuple[str | None, str | None]:
    """The ids between which the wanted actions are: ids sort by time."""
    before, after = before_id, None
    if wanted.until is not None:
        first = _first(select(actions.c.id).where(actions.c.created_at >= wanted.until).order_by(actions.c.created_at))
        found = tx.execute(first).scalar()
        before = min((each for each in (found, before_id) if each is not None), default=None)
    if wanted.since is not None:
        old = select(actions.c.id).where(actions.c.created_at < wanted.since).order_by(actions.c.created_at.desc())
        after = tx.execute(_first(old)).scalar()
    return before, after


def _first(query: Select[Any]) -> Select[Any]:
    return query.limit(1)


def actions_after(tx: Tx, after_id: str, limit: int) -> list[Action]:
    """The next actions of all accounts after an id, the oldest first."""
    query = select(*_COLUMNS).where(actions.c.id > after_id).order_by(actions.c.id).limit(limit)
    return [_action_of(row) for row in tx.execute(query)]


def actions_of_actor(tx: Tx, actor: str) -> list[Action]:
    """The latest actions of somebody, by email or name; at most MOST_WALKED."""
    query = select(*_COLUMNS).where(actions.c.actor == actor).order_by(actions.c.id.desc()).limit(MOST_WALKED)
    return [_action_of(row) for row in tx.execute(query)]


def rewrite_actions(tx: Tx, changed: Iterable[Action]) -> None:
    """Write actions anew, without somebody who was erased."""
    for action in changed:
        tx.execute(update(actions).where(actions.c.id == action.id).values(action._asdict()))


def forget_actions(tx: Tx, until: int, limit: int) -> int:
    """Delete actions that are older, at most so many; how many."""
    old = select(actions.c.id).where(actions.c.created_at < until).order_by(actions.c.created_at).limit(limit)
    ids: Collection[str] = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(actions).where(actions.c.id.in_(ids)))
    return len(ids)


def _action_of(row: Any) -> Action:
    found = Action(**row._asdict())
    return found._replace(via=Via(found.via))
