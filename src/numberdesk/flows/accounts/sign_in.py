"""Begin sessions of the console, keep them going, and end them.

Touches: database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.session_store import (
    ConsoleSession,
    SignInLink,
    delete_links,
    delete_sessions,
    find_links,
    find_usable_keys,
    insert_links,
    insert_sessions,
    touch_sessions,
)
from numberdesk.core.errors import InvalidApiKey, NotFound, NumberdeskError
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx

TOKEN_BYTES: Final = 32
"""Random bytes of a session's or a link's token."""

IDLE: Final = 12 * 3600 * MICROSECONDS
"""How long a session lasts after it was last used, in microseconds."""

SEEN_EVERY: Final = 300 * MICROSECONDS
"""How exactly it is noted when a session was last used, in microseconds."""

_LINK_USED: Final = "This link was used already, or is too old. Ask for a new one, or sign in with an API key instead."


class SignIn(NamedTuple):
    """Begin a session at `now`, under the hash of its token, for a key or for the one of a link, which is used up."""

    token_hash: str
    now: int
    key_id: str | None = None
    link_hash: str | None = None


class Seen(NamedTuple):
    """A session was used at `now`."""

    token_hash: str
    now: int


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_links(tx: Tx, commands: Sequence[SignInLink]) -> list[SignInLink]:
    """Record links that sign in once."""
    insert_links(tx, commands)
    return list(commands)


def sign_in(tx: Tx, commands: Sequence[SignIn]) -> list[ConsoleSession | NumberdeskError]:
    """Begin sessions. A link signs in once, however many ask at the same time; a key that is not valid does not."""
    links = find_links(tx, [command.link_hash for command in commands if command.link_hash is not None])
    used: set[str] = set()
    outcomes: list[ConsoleSession | NumberdeskError] = []
    for command in commands:
        key_id = command.key_id
        if command.link_hash is not None:
            link = None if command.link_hash in used else links.get(command.link_hash)
            if link is None or link.expires_at <= command.now:
                outcomes.append(NotFound(_LINK_USED))
                continue
            used.add(link.hash)
            key_id = link.key_id
        if key_id is None or key_id not in find_usable_keys(tx, [key_id], command.now):
            outcomes.append(InvalidApiKey())
            continue
        outcomes.append(ConsoleSession(command.token_hash, key_id, command.now, command.now))
    delete_links(tx, used)
    begun = [outcome for outcome in outcomes if isinstance(outcome, ConsoleSession)]
    if begun:
        insert_sessions(tx, begun)
    return outcomes


def keep_sessions(tx: Tx, commands: Sequence[Seen]) -> list[None]:
    """Note that sessions are used."""
    touch_sessions(tx, {command.token_hash: command.now for command in commands})
    return [None for _ in commands]


def sign_out(tx: Tx, commands: Sequence[str]) -> list[None]:
    """End sessions, by the hashes of their tokens."""
    delete_sessions(tx, set(commands))
    return [None for _ in commands]
