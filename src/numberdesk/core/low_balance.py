"""When an account is told that its balance is low: once as it falls below a threshold, and again only after it rose.

Touches: nothing.

The balance is what is posted less what is held for open orders, without the credit limit: so any charge counts, also
one that is only set aside. It is looked at as a transaction leaves it, so that a batch crosses once or not at all.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.purchase import Wallet


class BalanceAlert(NamedTuple):
    """A balance that fell below what its account wants to be told of, in micros."""

    id: str
    account_id: str
    below: int
    balance: int
    created_at: int


def watched(wallet: Wallet, now: int) -> tuple[Wallet, BalanceAlert | None]:
    """The wallet as it is watched after a change, and the alert that begins with it."""
    balance = wallet.posted - wallet.held
    is_low = wallet.alert_below is not None and balance < wallet.alert_below
    if wallet.alert_below is None or not is_low:
        return wallet._replace(alerted_at=None), None
    if wallet.alerted_at is not None:
        return wallet, None
    told = wallet._replace(alerts=wallet.alerts + 1, alerted_at=now)
    alert_id = f"alr_{wallet.account_id.partition('_')[2]}_{told.alerts}"
    return told, BalanceAlert(alert_id, wallet.account_id, wallet.alert_below, balance, now)
