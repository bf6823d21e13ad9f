"""Erase people: what tells who they are goes, and what they did stays, as that of somebody with an id.

Touches: database.

It begins with disabling the person (invite_people.py), who is then erased a stretch of the record of changes at a time.
Whoever stops in between finds them disabled, and erases them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.action_store import actions_after, actions_of_actor, rewrite_actions
from numberdesk.accounts.erased_people import without_person
from numberdesk.accounts.passkey_store import delete_passkeys_of
from numberdesk.accounts.people import Person
from numberdesk.accounts.person_store import delete_people, find_people
from numberdesk.accounts.session_store import delete_links_of, end_sessions_of
from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.infra.db import Tx

MOST_LOOKED_AT: Final = 2_000
"""Actions that one step of an erasure looks at."""


class Erasure(NamedTuple):
    """Erase a person who is disabled; the record of changes is looked through from after an id on."""

    person_id: str
    after: str = ""
    most: int = MOST_LOOKED_AT


class ErasedSoFar(NamedTuple):
    """How far the record was looked through; None once the person is erased."""

    person: Person
    looked_to: str | None


def erase_people(tx: Tx, commands: Sequence[Erasure]) -> list[ErasedSoFar | NumberdeskError]:
    """Take what tells who people are out of the next stretch of the record, and delete them where it ends."""
    known = find_people(tx, [command.person_id for command in commands], lock=True)
    return [_erased(tx, command, known.get(command.person_id)) for command in commands]


def _erased(tx: Tx, command: Erasure, person: Person | None) -> ErasedSoFar | NumberdeskError:
    if person is None or person.disabled_at is None:
        return NotFound()
    looked_at = actions_after(tx, command.after, command.most)
    ends = len(looked_at) < command.most
    if ends:  # with what was written meanwhile of what they had begun
        looked_at += actions_of_actor(tx, person.email)
    changed = [(action, without_person(action, person.id, person.email)) for action in looked_at]
    rewrite_actions(tx, [now for before, now in changed if now != before])
    if not ends:
        return ErasedSoFar(person, looked_at[-1].id)
    end_sessions_of(tx, person.id)
    delete_links_of(tx, [person.id])
    delete_passkeys_of(tx, person.id)
    delete_people(tx, [person.id])
    return ErasedSoFar(person, None)
