"""Add passkeys to people, name them and remove them; and the challenges that they answer.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.accounts.passkey_store import (
    delete_passkeys,
    find_passkey_by_credential,
    find_passkeys,
    insert_challenge,
    insert_passkey,
    list_passkeys,
    save_passkey,
    take_challenge,
)
from numberdesk.accounts.passkeys import MOST_PASSKEYS, Passkey, PasskeyChallenge
from numberdesk.accounts.person_store import find_people
from numberdesk.accounts.session_store import end_sessions_of
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound, NumberdeskError
from numberdesk.infra.db import Tx


class TakenChallenge(NamedTuple):
    """A challenge is answered at `now`, by a person who adds a passkey or by somebody who signs in."""

    hash: str
    now: int
    person_id: str = ""


class PasskeyChange(NamedTuple):
    """Give a passkey of a person another name or, without one, remove it, which ends their sessions but `keep`."""

    passkey_id: str
    person_id: str
    name: str | None = None
    keep: str | None = None


def make_challenges(tx: Tx, commands: Sequence[PasskeyChallenge]) -> list[None]:
    """Record challenges."""
    for command in commands:
        insert_challenge(tx, command)
    return [None for _ in commands]


def take_challenges(tx: Tx, commands: Sequence[TakenChallenge]) -> list[bool]:
    """Whether challenges are open: each for one answer, whatever comes of it."""
    return [take_challenge(tx, command.hash, command.person_id, command.now) for command in commands]


def add_passkeys(tx: Tx, commands: Sequence[Passkey]) -> list[Passkey | NumberdeskError]:
    """Record passkeys of people who may sign in."""
    outcomes: list[Passkey | NumberdeskError] = []
    for command in commands:
        refusal = _unfit(tx, command)
        if refusal is None:
            insert_passkey(tx, command)
        outcomes.append(refusal or command)
    return outcomes


def _unfit(tx: Tx, new: Passkey) -> NumberdeskError | None:
    person = find_people(tx, [new.person_id], lock=True).get(new.person_id)
    if person is None or person.disabled_at is not None:
        return InvalidApiKey()
    if len(list_passkeys(tx, person.id)) >= MOST_PASSKEYS:
        return Forbidden("You have as many passkeys as one may have: remove one first.", {"limit": MOST_PASSKEYS})
    if find_passkey_by_credential(tx, new.credential) is not None:
        return InvalidRequest("credential", "is registered already")
    return None


def change_passkeys(tx: Tx, commands: Sequence[PasskeyChange]) -> list[Passkey | NumberdeskError]:
    """Name passkeys, or remove them."""
    outcomes: list[Passkey | NumberdeskError] = []
    for command in commands:
        person = find_people(tx, [command.person_id], lock=True)
        found = find_passkeys(tx, [command.passkey_id], lock=True).get(command.passkey_id)
        if not person or found is None or found.person_id != command.person_id:
            outcomes.append(NotFound())
            continue
        if command.name is not None:
            found = found._replace(name=command.name)
            save_passkey(tx, found)
        else:
            delete_passkeys(tx, [found.id])
            end_sessions_of(tx, found.person_id, keep=command.keep)
        outcomes.append(found)
    return outcomes
