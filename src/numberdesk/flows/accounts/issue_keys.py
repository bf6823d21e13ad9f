"""Issue API keys and revoke them.

Touches: database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import SCOPES, Account, ApiKey, Scope, key_hash, scopes_out_of_place, shown_part
from numberdesk.accounts.store import (
    count_live_keys,
    find_accounts,
    find_key_ends,
    find_keys,
    forget_dead_keys,
    insert_keys,
    revoke_descendants,
    revoke_keys,
)
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.purchase_refusals import ACCOUNT_CLOSED
from numberdesk.core.spending import SpendCaps
from numberdesk.core.text import TextError, parse_text
from numberdesk.flows.accounts.cap_spending import cap_owner, looser_than_account, makes_no_buyers
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets

LONGEST_NAME: Final = 100

_TOO_MANY: Final = "This account has as many keys that work as it may have. Revoke one that is not used any more."

LONGEST_LIFE: Final = 36_525 * 86_400 * MICROSECONDS
"""How long after its making a key may expire, in microseconds: what comes later may be no date any more."""


MOST_LIVE_KEYS: Final = 100
"""Keys of one account that may work at a time: a key that makes keys may not fill the disk with them."""


MOST_DEAD_KEYS: Final = 200
"""Keys of one account that are kept though they are revoked or expired: the newest."""

_BUYS_NOTHING: Final = "are for keys of customers: operators' keys buy nothing"

_OUT_OF_PLACE: Final = {
    AccountKind.CUSTOMER: "it is for the accounts of operators, which `numberdesk operators create` makes",
    AccountKind.OPERATOR: "an operators' account has no wallet and rents no numbers",
}


class NewKey(NamedTuple):
    """A key to record, and its caps. Its secret text never gets here: only what may be stored."""

    key: ApiKey
    caps: SpendCaps = SpendCaps()

    @property
    def account_id(self) -> str:
        """Whose it will be."""
        return self.key.account_id


class Revocation(NamedTuple):
    """A key to revoke at `now`, out of those of an account (None: of any) that have no other than these scopes."""

    key_id: str
    account_id: str | None
    now: int
    scopes: Collection[str] = SCOPES
    with_descendants: bool = False


class Revoked(NamedTuple):
    """A revoked key, and how many that were made with it, at any remove, were revoked with it."""

    key: ApiKey
    descendants: int


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
    created_by: str | None = None,
    made_by: str | None = None,
) -> ApiKey:
    """Check what was asked for and make the record of a key.

    `grantable` are the scopes that whoever asks may give away, `created_by` the id of the key that asks, `made_by` that
    of the person. Raises InvalidRequest naming the field, and Forbidden for a scope that the asker has not itself.
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
    shown, hashed = shown_part(secret), key_hash(secret)
    return ApiKey(key_id, account_id, name, shown, hashed, ordered, now, expires_at, None, created_by, made_by)


class LiveKeys:
    """How many keys of accounts work at each time of a batch, which lies from `first` to `last`."""

    def __init__(self, tx: Tx, account_ids: Collection[str], first: int, last: int) -> None:
        self._last = last
        self._for_long = Counter(count_live_keys(tx, account_ids, last))
        self._ending = find_key_ends(tx, account_ids, first, last) if first < last else {}

    def at(self, account_id: str, now: int) -> int:
        """How many keys of an account work."""
        return self._for_long[account_id] + sum(end > now for end in self._ending.get(account_id, ()))

    def add(self, key: ApiKey) -> None:
        """A key more."""
        if key.expires_at is None or key.expires_at > self._last:
            self._for_long[key.account_id] += 1
        else:
            self._ending.setdefault(key.account_id, []).append(key.expires_at)


def issue_keys(tx: Tx, commands: Sequence[NewKey]) -> list[ApiKey | NumberdeskError]:
    """Record keys of accounts that exist and are not closed, so many of each that MOST_LIVE_KEYS work at a time.

    A key that is made with another has no scope that its kind of account may not have, and expires no later than
    that one. A key that was revoked meanwhile, or whose account was closed, makes none.
    """
    wallets = lock_wallets(tx, {command.account_id for command in commands if not command.caps.is_none})
    makers = find_keys(tx, [each.key.created_by for each in commands if each.key.created_by is not None], lock=True)
    owners = {command.key.account_id for command in commands}
    known = find_accounts(tx, owners | {maker.account_id for maker in makers.values()})
    times = [command.key.created_at for command in commands]
    live = LiveKeys(tx, owners, min(times), max(times))
    outcomes: list[ApiKey | NumberdeskError] = []
    caps = find_caps_of(tx, {*owners, *makers}) if owners else {}
    for command in commands:
        key = command.key
        outcome = _issued(key, known, makers, live.at(key.account_id, key.created_at))
        if isinstance(outcome, ApiKey):
            outcome = _capped(outcome, command.caps, known[key.account_id], caps) or outcome
        if isinstance(outcome, ApiKey):
            live.add(outcome)
        outcomes.append(outcome)
    made = [outcome for outcome in outcomes if isinstance(outcome, ApiKey)]
    if made:
        insert_keys(tx, made)
        done = [command for command, outcome in zip(commands, outcomes, strict=True) if isinstance(outcome, ApiKey)]
        for command in done:
            if not command.caps.is_none:  # it has spent nothing yet
                cap_owner(tx, command.key.id, wallets[command.account_id], command.caps, command.key.created_at)
        forget_dead_keys(tx, {key.account_id for key in made}, commands[-1].key.created_at, MOST_DEAD_KEYS)
    return outcomes


def _issued(
    key: ApiKey, accounts: Mapping[str, Account], makers: Mapping[str, ApiKey], live: int
) -> ApiKey | NumberdeskError:
    account = accounts.get(key.account_id)
    if account is None:
        return NotFound("There is no such account.")
    if account.state is AccountState.CLOSED:
        return Forbidden(ACCOUNT_CLOSED)
    out_of_place = scopes_out_of_place(account.kind, key.scopes)
    if out_of_place:
        return InvalidRequest("scopes", f"must not have {', '.join(out_of_place)}: {_OUT_OF_PLACE[account.kind]}")
    if live >= MOST_LIVE_KEYS:
        return Forbidden(_TOO_MANY, {"limit": MOST_LIVE_KEYS})
    return key if key.created_by is None else _within(key, accounts, makers.get(key.created_by))


def _capped(key: ApiKey, caps: SpendCaps, account: Account, known: Mapping[str, SpendCaps]) -> NumberdeskError | None:
    """Why a new key may not have these caps, or may not be made by one that has some."""
    if account.kind is AccountKind.OPERATOR:
        return None if caps.is_none else InvalidRequest("spend_limits", _BUYS_NOTHING)
    if Scope.NUMBERS_BUY in key.scopes:
        refusal = makes_no_buyers(known.get(key.created_by or "", SpendCaps()))
        if refusal is not None:
            return refusal
    return looser_than_account(caps, known.get(key.account_id, SpendCaps()))


def _within(key: ApiKey, accounts: Mapping[str, Account], maker: ApiKey | None) -> ApiKey | NumberdeskError:
    """A key that another one makes, which it does not outlive."""
    if maker is None or not maker.valid_at(key.created_at) or accounts[maker.account_id].state is AccountState.CLOSED:
        return InvalidApiKey()
    if maker.expires_at is None:
        return key
    if key.expires_at is None:
        return key._replace(expires_at=maker.expires_at)
    if key.expires_at > maker.expires_at:
        end = iso_seconds(maker.expires_at)
        return InvalidRequest("expires_at", f"must be no later than {end}, when the key that makes it expires")
    return key


def revoke(tx: Tx, commands: Sequence[Revocation]) -> list[Revoked | NumberdeskError]:
    """Revoke keys; one that is revoked already keeps its instant.

    Keys that were made with it, at any remove, stay as they are unless they are to go along.
    """
    known = find_keys(tx, [command.key_id for command in commands], lock=True)
    outcomes: list[Revoked | NumberdeskError] = []
    for command in commands:
        key = known.get(command.key_id)
        if (
            key is None
            or command.account_id not in (None, key.account_id)
            or not set(key.scopes) <= set(command.scopes)
        ):
            outcomes.append(NotFound())
            continue
        if key.revoked_at is None:
            key = known[key.id] = key._replace(revoked_at=command.now)
            revoke_keys(tx, {key.id: command.now})
        descendants = revoke_descendants(tx, key.id, command.now) if command.with_descendants else 0
        outcomes.append(Revoked(key, descendants))
    return outcomes
