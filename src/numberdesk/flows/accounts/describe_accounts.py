"""Accounts with their credit limits, for operators.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts, list_accounts
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import find_credit_limits


class DescribedAccount(NamedTuple):
    """An account with its credit limit in micros; one of operators has none."""

    account: Account
    credit_limit: int | None


def describe_account(tx: Tx, account_id: str) -> DescribedAccount | None:
    """One account; None when there is none of this id."""
    return next(iter(_described(tx, find_accounts(tx, [account_id], lock=False).values())), None)


def describe_accounts(
    tx: Tx, *, after_id: str | None, limit: int, kind: AccountKind = AccountKind.CUSTOMER
) -> list[DescribedAccount]:
    """Accounts of a kind in the order of their making, from after the given id."""
    return _described(tx, list_accounts(tx, after_id=after_id, limit=limit, kind=kind))


def _described(tx: Tx, accounts: Iterable[Account]) -> list[DescribedAccount]:
    known = list(accounts)
    limits = find_credit_limits(tx, [account.id for account in known])
    return [DescribedAccount(account, limits.get(account.id)) for account in known]
