"""Save wallets that changed, and tell accounts whose balance fell low: what every flow that moves money ends with.

Touches: database.

A test sees to it that no flow saves wallets past this one.
"""

from __future__ import annotations

from numberdesk.core.low_balance import BalanceAlert, watched
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import Wallet
from numberdesk.infra.db import Tx
from numberdesk.ledger.alert_store import save_alerts
from numberdesk.ledger.store import save_wallets
from numberdesk.outbox.model import ACCOUNT_LOW_BALANCE, Event
from numberdesk.outbox.store import insert_events


def keep_wallets(tx: Tx, changed: dict[str, Wallet], now: int) -> None:
    """Write locked wallets as they are after a change, each once in a flow. Unwatched ones cost nothing more."""
    save_wallets(tx, changed)
    low = {key: wallet for key, wallet in changed.items() if wallet.alert_below is not None}
    if low:
        _watch(tx, low, now)


def watch_anew(tx: Tx, wallet: Wallet, now: int) -> None:
    """Watch a locked wallet for another low balance, from now on: it is told of at once where it is low already."""
    after, alert = watched(wallet._replace(alerted_at=None), now)
    save_alerts(tx, [after], [] if alert is None else [alert])
    _tell(tx, [] if alert is None else [(after, alert)])


def _watch(tx: Tx, wallets: dict[str, Wallet], now: int) -> None:
    """Tell of balances that are low now and were not before; let those rise that are not low any more."""
    looked = [(wallet, *watched(wallet, now)) for wallet in wallets.values()]
    began = [(wallet, alert) for _, wallet, alert in looked if alert is not None]
    save_alerts(tx, [after for before, after, _ in looked if after != before], [alert for _, alert in began])
    _tell(tx, began)


def _tell(tx: Tx, began: list[tuple[Wallet, BalanceAlert]]) -> None:
    if began:
        insert_events(tx, [_low(wallet, alert) for wallet, alert in began])


def _low(wallet: Wallet, alert: BalanceAlert) -> Event:
    payload = {
        "id": alert.id,
        "balance": format_micros(alert.balance),
        "below": format_micros(alert.below),
        "available": format_micros(wallet.available),
        "currency": wallet.currency,
        "since": iso_seconds(alert.created_at),
    }
    return ACCOUNT_LOW_BALANCE.event(alert.id, alert.account_id, payload, alert.created_at)
