"""Planted damage to caps and to balances that are watched: each is named with its invariant, table and row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import Copy, Damage, must_be_named

CAP: Final = "INSERT INTO spend_caps (owner_id, account_id, per_day, updated_at) VALUES ('{}', 'acc_1', 1, 1)"
DAMAGE: Final[dict[str, Damage]] = {
    "I18 a balance that is low and not told of": (
        ("UPDATE wallets SET alert_below = posted + 1 WHERE account_id = 'acc_1'",),
        {("I18", "wallets", "acc_1")},
        "is low, which is not told of",
    ),
    "I18 a balance that is told of and not low": (
        ("UPDATE wallets SET alert_below = posted - held, alerted_at = 1 WHERE account_id = 'acc_1'",),
        {("I18", "wallets", "acc_1")},
        "is low, which is told of",
    ),
    "I18 a wallet that is told of and not watched": (
        ("UPDATE wallets SET alerted_at = 1 WHERE account_id = 'acc_1'",),
        {("I18", "wallets", "acc_1")},
        "nothing is low, which is told of",
    ),
    "I18 an alert that is not kept": (
        ("UPDATE wallets SET alerts = 1 WHERE account_id = 'acc_1'",),
        {("I18", "wallets", "acc_1")},
        "it fell low 1 times, and 0 alerts are kept",
    ),
    "I18 a cap that no purchase looks at": (
        (CAP.format("acc_1"),),
        {("I18", "spend_caps", "acc_1")},
        "it is capped, and purchases of acc_1 look at no caps",
    ),
    "I18 a cap of nobody's key": (
        (CAP.format("key_nobody"), "UPDATE wallets SET capped = 1 WHERE account_id = 'acc_1'"),
        {("I18", "spend_caps", "key_nobody")},
        "it is capped for acc_1, and is neither that nor one of its keys",
    ),
    "I18 an order that counts from another time on": (
        ("UPDATE orders SET counted_at = created_at + 1 WHERE id = 'ord_3'",),
        {("I18", "orders", "ord_3")},
        "it counts towards caps from",
    ),
    "I13 an alert that no event tells of": (
        (
            "INSERT INTO balance_alerts VALUES ('alr_1_1', 'acc_1', 2, 1, 2000000000000000)",
            "UPDATE wallets SET alerts = 1 WHERE account_id = 'acc_1'",
        ),
        {("I13", "balance_alerts", "alr_1_1")},
        "no event account.low_balance tells of alr_1_1",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_to_limits_is_named(damaged: Copy, what: str) -> None:
    must_be_named(damaged, DAMAGE[what])
