"""The SQL of balances that fell low, and were told of.

Touches: wallets, balance_alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, update

from numberdesk.core.low_balance import BalanceAlert
from numberdesk.core.purchase import Wallet
from numberdesk.infra.db import Tx
from numberdesk.tables import balance_alerts, wallets


def save_alerts(tx: Tx, changed: Sequence[Wallet], new: Sequence[BalanceAlert]) -> None:
    """Write how locked wallets are watched, and the alerts that began."""
    if changed:
        rows = [
            {"id": one.account_id, "below": one.alert_below, "count": one.alerts, "since": one.alerted_at}
            for one in changed
        ]
        values: dict[str, Any] = {
            "alert_below": bindparam("below"),
            "alerts": bindparam("count"),
            "alerted_at": bindparam("since"),
        }
        tx.execute(update(wallets).where(wallets.c.account_id == bindparam("id")).values(values), rows)
    if new:
        tx.execute(balance_alerts.insert(), [one._asdict() for one in new])
