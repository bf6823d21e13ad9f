"""Begin sessions of the console, keep them going, and end them.

Touches: database.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.passkey_store import find_passkeys, save_passkey
from numberdesk.accounts.people import PERSON_ID, Person
from numberdesk.accounts.person_store import find_people, save_people
from numberdesk.accounts.session_store import (
    ConsoleSession,
    SignInLink,
    delete_links,
    delete_links_of,
    delete_sessions,
    end_sessions_of,
    find_links,
    find_usable_holders,
    insert_links,
    insert_sessions,
    touch_sessions,
)
from numberdesk.core.errors import InvalidApiKey, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx

LINK_LIFE: Final = 7 * 86_400 * MICROSECONDS
"""How long a link that lets somebody choose a password is good for, in microseconds."""

TOKEN_BYTES: Final = 32
"""Random bytes of a session's or a link's token."""

IDLE: Final = 12 * 3600 * MICROSECONDS
"""How long a session lasts after it was last used, in microseconds."""

SEEN_EVERY: Final = 300 * MICROSECONDS
"""How exactly it is noted when a session was last used, in microseconds."""

_LINK_USED: Final = "This link was used already, or is too old. Ask for a new one, or sign in with an API key instead."


class UsedPasskey(NamedTuple):
    """A passkey that signed what it was asked to, and what it counted until then and counts now."""

    id: str
    counted_before: int
    counts_now: int


class SignIn(NamedTuple):
    """Begin a session at `now`, under the hash of its token, for a key or a person, or for that of a link.

    The link is used up. One of a person sets the hash of a new `password`; where a person signs in by a password,
    `proven` is the hash that it was compared with, and where by a passkey, `passkey` is what it counted.
    """

    token_hash: str
    now: int
    key_id: str | None = None
    link_hash: str | None = None
    password: str | None = None
    proven: str | None = None
    address: str | None = None
    browser: str | None = None
    passkey: UsedPasskey | None = None


class NewPassword(NamedTuple):
    """A person's new password, as its hash, in place of the one that was `proven`; one session goes on."""

    person_id: str
    proven: str | None
    password: str
    keep: str


class EndSessions(NamedTuple):
    """End sessions of a key or a person: all but `keep`, or the one whose hash begins with `only`."""

    key_id: str
    keep: str | None = None
    only: str | None = None


class Seen(NamedTuple):
    """A session was used at `now`."""

    token_hash: str
    now: int


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(random: bytes) -> str:
    """A token out of TOKEN_BYTES random bytes, as it stands in addresses and cookies."""
    return base64.urlsafe_b64encode(random).decode().rstrip("=")


def new_link(random_bytes: Callable[[int], bytes], holder_id: str, now: int) -> tuple[str, SignInLink]:
    """The token of a new link for a person, and what is stored of it."""
    token = new_token(random_bytes(TOKEN_BYTES))
    return token, SignInLink(token_hash(token), holder_id, now + LINK_LIFE)


def make_links(tx: Tx, commands: Sequence[SignInLink]) -> list[SignInLink]:
    """Record links that sign in once."""
    insert_links(tx, commands)
    return list(commands)


def sign_in(tx: Tx, commands: Sequence[SignIn]) -> list[ConsoleSession | NumberdeskError]:
    """Begin sessions. A link signs in once, however many ask at the same time; a key that is not valid does not."""
    links = find_links(tx, [command.link_hash for command in commands if command.link_hash is not None])
    outcomes: list[ConsoleSession | NumberdeskError] = []
    for command in commands:
        link = None if command.link_hash is None else links.get(command.link_hash)
        if command.link_hash is not None and (link is None or link.expires_at <= command.now):
            outcomes.append(NotFound(_LINK_USED))
            continue
        holder = command.key_id if link is None else link.key_id
        refusal = _refusal(tx, command, holder)
        if holder is None or refusal is not None:
            outcomes.append(refusal or InvalidApiKey())
            continue
        if link is not None:
            del links[link.hash]
            delete_links(tx, [link.hash])
        outcomes.append(
            ConsoleSession(command.token_hash, holder, command.now, command.now, command.address, command.browser)
        )
    begun = [outcome for outcome in outcomes if isinstance(outcome, ConsoleSession)]
    if begun:
        insert_sessions(tx, begun)
    return outcomes


def _refusal(tx: Tx, command: SignIn, holder: str | None) -> NumberdeskError | None:
    """Why nobody is signed in; what a link of a person comes with becomes the password."""
    if holder is None or holder not in find_usable_holders(tx, [holder], command.now):
        return InvalidApiKey()
    if not holder.startswith(PERSON_ID):
        return None
    person = find_people(tx, [holder], lock=True)[holder]
    if person.disabled_at is not None:  # since a moment ago: now it is locked
        return InvalidApiKey()
    if command.link_hash is None:
        return _refusal_without_link(tx, command, person)
    if command.password is None:
        return InvalidRequest("password", "must be chosen")
    save_people(tx, [person._replace(password=command.password)])
    end_sessions_of(tx, holder)
    return None


def _refusal_without_link(tx: Tx, command: SignIn, person: Person) -> NumberdeskError | None:
    """Why a password or passkey lets its person in no more: it was changed or used since it was looked at."""
    used = command.passkey
    if used is None:
        return None if person.password is not None and person.password == command.proven else InvalidApiKey()
    found = find_passkeys(tx, [used.id], lock=True).get(used.id)
    if found is None or found.person_id != person.id or found.sign_count != used.counted_before:
        return InvalidApiKey()
    save_passkey(tx, found._replace(sign_count=used.counts_now, used_at=command.now))
    return None


def change_passwords(tx: Tx, commands: Sequence[NewPassword]) -> list[NumberdeskError | None]:
    """Change passwords, and end the other sessions of these people, and links that would choose another one."""
    outcomes: list[NumberdeskError | None] = []
    for command in commands:
        person = find_people(tx, [command.person_id], lock=True).get(command.person_id)
        if person is None or person.disabled_at is not None or person.password != command.proven:
            outcomes.append(InvalidApiKey())
            continue
        save_people(tx, [person._replace(password=command.password)])
        end_sessions_of(tx, person.id, keep=command.keep)
        delete_links_of(tx, [person.id])
        outcomes.append(None)
    return outcomes


def end_sessions(tx: Tx, commands: Sequence[EndSessions]) -> list[None]:
    """End sessions of keys and people."""
    for command in commands:
        end_sessions_of(tx, command.key_id, keep=command.keep, only=command.only)
    return [None for _ in commands]


def keep_sessions(tx: Tx, commands: Sequence[Seen]) -> list[None]:
    """Note that sessions are used."""
    touch_sessions(tx, {command.token_hash: command.now for command in commands})
    return [None for _ in commands]


def sign_out(tx: Tx, commands: Sequence[str]) -> list[None]:
    """End sessions, by the hashes of their tokens."""
    delete_sessions(tx, set(commands))
    return [None for _ in commands]
