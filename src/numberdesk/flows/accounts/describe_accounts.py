"""Accounts with their credit limits, for operators.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts, list_accounts
from numberdesk.accounts.zone_store import find_zone_changes
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.spending import SpendCaps
from numberdesk.core.statement import ZoneChange
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import find_alerts, find_credit_limits


class DescribedAccount(NamedTuple):
    """An account with its credit limit, low balance and caps, in micros; one of operators has none of them.

    `zone` is the latest that was set for its months; None where they are all of UTC.
    """

    account: Account
    credit_limit: int | None
    alert_below: int | None = None
    caps: SpendCaps | None = None
    zone: ZoneChange | None = None


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
    ids = [account.id for account in known]
    limits, alerts, caps = find_credit_limits(tx, ids), find_alerts(tx, ids), find_caps_of(tx, ids)
    zones = {account_id: changes[-1] for account_id, changes in find_zone_changes(tx, ids).items()}
    return [
        DescribedAccount(
            account,
            limits[account.id],
            alerts.get(account.id),
            caps.get(account.id, SpendCaps()),
            zones.get(account.id),
        )
        if account.id in limits
        else DescribedAccount(account, None)
        for account in known
    ]
