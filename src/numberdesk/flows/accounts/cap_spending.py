"""Cap what accounts and keys may spend on purchases.

Touches: database.

A customer may cap his keys, as low as he likes and no higher than his account; the account itself is capped by
operators. A key that is capped changes no caps and makes no keys that buy: it would free itself so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.cap_store import find_caps_of, save_caps
from numberdesk.accounts.model import SCOPES, ApiKey
from numberdesk.accounts.store import find_keys
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import MAX_AMOUNT, format_micros
from numberdesk.core.purchase import Wallet
from numberdesk.core.spending import SpendCaps, month_begin
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets, mark_capped
from numberdesk.orders.spent_store import begin_counting

_CAPPED_ITSELF: Final = "A key with spend limits cannot change spend limits, or make keys that buy."
_OF_OPERATORS: Final = "are for keys of customers: operators' keys buy nothing"


class CapKey(NamedTuple):
    """Cap a key from `now` on. `account_id` is whose it has to be, and `asked_by` the key that asks; None for any.

    It is one that has no other than these scopes.
    """

    key_id: str
    caps: SpendCaps
    now: int
    account_id: str | None = None
    asked_by: str | None = None
    scopes: Collection[str] = SCOPES


class CappedKey(NamedTuple):
    """A key with its caps."""

    key: ApiKey
    caps: SpendCaps


def check_caps(caps: SpendCaps) -> None:
    """Raises InvalidRequest naming the cap that is none."""
    for name, cap in zip(caps._fields, caps, strict=True):
        if cap is not None and not 0 <= cap <= MAX_AMOUNT:
            raise InvalidRequest(name, f"must be from 0 to {format_micros(MAX_AMOUNT)}")


def cap_owner(tx: Tx, owner_id: str, wallet: Wallet, caps: SpendCaps, now: int) -> None:
    """Cap an account or one of its keys, whose wallet is locked. What was spent this month counts."""
    left = save_caps(tx, owner_id, wallet.account_id, caps, now)
    if left and not caps.is_none:
        begin_counting(tx, wallet.account_id, month_begin(now))
    mark_capped(tx, wallet.account_id, capped=left > 0)


def cap_keys(tx: Tx, commands: Sequence[CapKey]) -> list[CappedKey | NumberdeskError]:
    """The write flow: keys with their caps, or why not. Caps are looser than the account's nowhere."""
    keys = find_keys(tx, [command.key_id for command in commands])
    wallets = lock_wallets(tx, {key.account_id for key in keys.values()})
    asking = {command.asked_by for command in commands if command.asked_by is not None}
    known = find_caps_of(tx, {*wallets, *asking})
    outcomes: list[CappedKey | NumberdeskError] = []
    for command in commands:
        key = keys.get(command.key_id)
        refusal = _refusal(command, key, wallets, known)
        if refusal is not None or key is None:
            outcomes.append(refusal or NotFound())
            continue
        cap_owner(tx, key.id, wallets[key.account_id], command.caps, command.now)
        known[key.id] = command.caps
        outcomes.append(CappedKey(key, command.caps))
    return outcomes


def _refusal(
    command: CapKey, key: ApiKey | None, wallets: dict[str, Wallet], known: dict[str, SpendCaps]
) -> NumberdeskError | None:
    if key is None or command.account_id not in (None, key.account_id) or not set(key.scopes) <= set(command.scopes):
        return NotFound()
    if key.account_id not in wallets:
        return InvalidRequest("spend_limits", _OF_OPERATORS)
    if not known.get(command.asked_by or "", SpendCaps()).is_none:
        return Forbidden(_CAPPED_ITSELF)
    return looser_than_account(command.caps, known.get(key.account_id, SpendCaps()))


def looser_than_account(caps: SpendCaps, of_account: SpendCaps) -> InvalidRequest | None:
    """The refusal of caps of a key that let it spend more than its account may."""
    name = caps.looser_than(of_account)
    if name is None:
        return None
    return InvalidRequest(name, f"must be at most {format_micros(getattr(of_account, name))}, that of the account")


def makes_no_buyers(caps: SpendCaps) -> Forbidden | None:
    """The refusal of a new key that buys, made by one with these caps."""
    return None if caps.is_none else Forbidden(_CAPPED_ITSELF)
