"""Issue API keys and revoke them.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.model import SCOPES, ApiKey, key_hash, shown_part
from numberdesk.accounts.store import (
    count_live_keys,
    find_accounts,
    find_keys,
    forget_dead_keys,
    insert_keys,
    revoke_keys,
)
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import ACCOUNT_CLOSED
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.db import Tx

LONGEST_NAME: Final = 100

_TOO_MANY: Final = "This account has as many keys that work as it may have. Revoke one that is not used any more."

LONGEST_LIFE: Final = 36_525 * 86_400 * MICROSECONDS
"""How long after its making a key may expire, in microseconds: what comes later may be no date any more."""


MOST_LIVE_KEYS: Final = 100
"""Keys of one account that may work at a time: a key that makes keys may not fill the disk with them."""


MOST_DEAD_KEYS: Final = 200
"""Keys of one account that are kept though they are revoked or expired: the newest."""


class NewKey(NamedTuple):
    """A key to record. Its secret text never gets here: only what may be stored."""

    key: ApiKey


class Revocation(NamedTuple):
    """A key to revoke at `now`; `account_id` is None for an operator, who may revoke any."""

    key_id: str
    account_id: str | None
    now: int


def new_key_record(
    key_id: str,
    secret: str,
    *,
    account_id: str,
    name: str,
    scopes: Sequence[str],
    expires_at: int | None,
    now: int,
    grantable: Collection[str] = SCOPES,
) -> ApiKey:
    """Check what was asked for and make the record of a key.

    `grantable` are the scopes that whoever asks may give away. Raises InvalidRequest naming the
    field, and Forbidden for a scope that the asker has not itself.
    """
    try:
        parse_text(name, longest=LONGEST_NAME, empty_allowed=True)
    except TextError as error:
        raise InvalidRequest("name", str(error)) from None
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InvalidRequest("scopes", f"must be some of {', '.join(SCOPES)}")
    if any(scope not in grantable for scope in scopes):
        raise Forbidden("A key can only give scopes that it has itself.")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("expires_at", "must be in the future")
    if expires_at is not None and expires_at > now + LONGEST_LIFE:
        raise InvalidRequest("expires_at", "must be within a hundred years")
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    return ApiKey(key_id, account_id, name, shown_part(secret), key_hash(secret), ordered, now, expires_at, None)


def issue_keys(tx: Tx, commands: Sequence[NewKey]) -> list[ApiKey | NumberdeskError]:
    """Record keys of accounts that exist and are not closed, so many of each that MOST_LIVE_KEYS work at a time."""
    known = find_accounts(tx, [command.key.account_id for command in commands])
    live = count_live_keys(tx, known, commands[-1].key.created_at)
    outcomes: list[ApiKey | NumberdeskError] = []
    for key in (command.key for command in commands):
        if key.account_id not in known:
            outcomes.append(NotFound("There is no such account."))
        elif known[key.account_id].state is AccountState.CLOSED:
            outcomes.append(Forbidden(ACCOUNT_CLOSED))
        elif live.get(key.account_id, 0) >= MOST_LIVE_KEYS:
            outcomes.append(Forbidden(_TOO_MANY, {"limit": MOST_LIVE_KEYS}))
        else:
            live[key.account_id] = live.get(key.account_id, 0) + 1
            outcomes.append(key)
    made = [outcome for outcome in outcomes if isinstance(outcome, ApiKey)]
    if made:
        insert_keys(tx, made)
        forget_dead_keys(tx, {key.account_id for key in made}, commands[-1].key.created_at, MOST_DEAD_KEYS)
    return outcomes


def revoke(tx: Tx, commands: Sequence[Revocation]) -> list[ApiKey | NumberdeskError]:
    """Revoke keys; one that is revoked already keeps its instant."""
    known = find_keys(tx, [command.key_id for command in commands])
    outcomes: list[ApiKey | NumberdeskError] = []
    for command in commands:
        key = known.get(command.key_id)
        if key is None or command.account_id not in (None, key.account_id):
            outcomes.append(NotFound())
            continue
        if key.revoked_at is None:
            key = known[key.id] = key._replace(revoked_at=command.now)
            revoke_keys(tx, {key.id: command.now})
        outcomes.append(key)
    return outcomes
