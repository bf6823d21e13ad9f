"""A low balance is told once for each time that it falls."""

from __future__ import annotations

from numberdesk.core.lifecycle import AccountState
from numberdesk.core.low_balance import BalanceAlert, watched
from numberdesk.core.purchase import Wallet

PURSE = Wallet("acc_1", AccountState.ACTIVE, "USD", 10, 0, 100, 1, alert_below=5)


def test_it_is_told_as_it_falls_and_again_only_after_it_rose() -> None:
    told = []
    wallet = PURSE
    for posted in (10, 5, 4, 3, -2, 4, 5, 4, 9, 0):
        wallet, alert = watched(wallet._replace(posted=posted), posted)
        told.append(alert is not None)
        assert (wallet.alerted_at is not None) is (posted < 5)
    assert told == [False, False, True, False, False, False, False, True, False, True]
    assert wallet.alerts == 3


def test_what_is_held_counts_and_credit_does_not() -> None:
    wallet, alert = watched(PURSE._replace(held=6), 7)
    assert alert == BalanceAlert("alr_1_1", "acc_1", 5, 4, 7)
    assert (wallet.alerts, wallet.alerted_at) == (1, 7)


def test_a_wallet_that_is_not_watched_is_never_low() -> None:
    assert watched(PURSE._replace(posted=-9, alert_below=None, alerted_at=3), 7) == (
        PURSE._replace(posted=-9, alert_below=None),
        None,
    )
