"""Create accounts, those of customers with a wallet each.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_names, insert_accounts, lock_names
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.purchase import Wallet
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import insert_wallets

LONGEST_NAME: Final = 100


class NewAccount(NamedTuple):
    """An account to create; `credit_limit` in micros, 0 for a prepaid account. One of operators has no currency: ""."""

    id: str
    name: str
    currency: str
    credit_limit: int
    now: int
    kind: AccountKind = AccountKind.CUSTOMER


def checked_name(text: str) -> str:
    """An account's name, without blanks around it. Raises InvalidRequest naming the field for what cannot be one."""
    try:
        return parse_text(text.strip(), longest=LONGEST_NAME)
    except TextError as error:
        raise InvalidRequest("name", str(error)) from None


def new_account(account_id: str, name: str, currency: str, credit_limit: int, now: int) -> NewAccount:
    """Check what a person typed of a customer's account. Raises InvalidRequest naming the field."""
    name = checked_name(name)
    try:
        parse_currency(currency)
    except MoneyError as error:
        raise InvalidRequest("currency", str(error)) from None
    if credit_limit < 0:
        raise InvalidRequest("credit_limit", "must not be negative")
    return NewAccount(account_id, name, currency, credit_limit, now)


def new_operator_account(account_id: str, name: str, now: int) -> NewAccount:
    """Check what a person typed of an operators' account, which never has a wallet. Raises InvalidRequest."""
    return NewAccount(account_id, checked_name(name), "", 0, now, AccountKind.OPERATOR)


def create_accounts(tx: Tx, commands: Sequence[NewAccount]) -> list[Account | NumberdeskError]:
    """Write accounts, and the empty wallets of customers. A name that an account has already is refused."""
    lock_names(tx)
    names = find_names(tx, [new.name for new in commands])
    outcomes: list[Account | NumberdeskError] = []
    made: dict[str, NewAccount] = {}
    for new in commands:
        if new.name in names:
            outcomes.append(InvalidRequest("name", f"is that of {names[new.name]} already: take another one"))
            continue
        names[new.name] = new.id
        made[new.id] = new
        outcomes.append(Account(new.id, new.name, new.currency, AccountState.ACTIVE, new.now, new.kind))
    if made:
        insert_accounts(tx, [account for account in outcomes if isinstance(account, Account)])
    customers = [new for new in made.values() if new.kind is AccountKind.CUSTOMER]
    if customers:
        insert_wallets(
            tx, [Wallet(new.id, AccountState.ACTIVE, new.currency, 0, 0, new.credit_limit, 0) for new in customers]
        )
    return outcomes
