"""Planted damage to wallets, transfers, holds and charges: each is named with its invariant, table and row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import ONLY_SQLITE, Copy, Damage, must_be_named, said

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

LAST: Final = "trf_5_rental"
COPY: Final = (
    "INSERT INTO transfers SELECT {}, kind, {}, amount, currency, {}, NULL, created_at, NULL, NULL "
    "FROM transfers WHERE id = 'trf_3_rental'"
)
TWICE: Final = COPY.format("'trf_again'", "debit, credit", "account_id, 7, balance_after - amount, order_id")
FOR_FAILED: Final = COPY.format("'trf_f_rental'", "debit, credit", "account_id, 7, balance_after - amount, 'ord_f'")
NO_ACCOUNT: Final = COPY.format("'trf_out'", "'{}', '{}'", "NULL, NULL, NULL, NULL")
PAID_AGAIN: Final = "UPDATE wallets SET posted = posted - 1150000, entries = 7 WHERE account_id = 'acc_1'"

DAMAGE: Final[dict[str, Damage]] = {
    "I1 an operators' account that has a wallet": (
        (
            "INSERT INTO accounts VALUES ('acc_0', 'Operators', '', 'active', 1, 'operator', NULL)",
            "INSERT INTO wallets (account_id, currency) VALUES ('acc_0', 'USD')",
        ),
        {("I1", "accounts", "acc_0")},
        "an operators' account has a wallet",
    ),
    "I1 a customer's account without a wallet": (
        ("INSERT INTO accounts VALUES ('acc_0', 'Customer', 'USD', 'active', 1, 'customer', NULL)",),
        {("I1", "accounts", "acc_0")},
        "the account has no wallet",
    ),
    "I1 an amount that is not above zero": (
        ("UPDATE transfers SET amount = 0 WHERE id = 'trf_acc_2_top_up'",),
        {("I1", "transfers", "trf_acc_2_top_up"), ("I2", "transfers", "trf_acc_2_top_up")}
        | {("storage", "transfers", "trf_acc_2_top_up")},
        "it moves 0: not above zero and at most 1000000000",
    ),
    "I1 both sides the same": (
        ("UPDATE transfers SET debit = credit WHERE id = 'trf_acc_1_top_up'",),
        {("I1", "transfers", "trf_acc_1_top_up"), ("I2", "transfers", "trf_acc_1_top_up")}
        | {("storage", "transfers", "trf_acc_1_top_up")},
        "from wallet:acc_1 to wallet:acc_1: not between",
    ),
    "I1 a ledger account of no known kind": (
        ("UPDATE transfers SET debit = 'gifts:manual' WHERE id = 'trf_acc_1_top_up'",),
        {("I1", "transfers", "trf_acc_1_top_up")},
        "from gifts:manual to wallet:acc_1",
    ),
    "I1 the wallet of somebody else": (
        ("UPDATE transfers SET credit = 'wallet:acc_2' WHERE id = 'trf_acc_1_top_up'",),
        {("I1", "transfers", "trf_acc_1_top_up"), ("I13", "events", "evt_credit_acc_1_top_up")},
        "not between wallet:acc_1 and a known account",
    ),
    "I1 another currency than the wallet's": (
        ("UPDATE transfers SET currency = 'EUR' WHERE id = 'trf_acc_1_top_up'",),
        {("I1", "transfers", "trf_acc_1_top_up")},
        "it is in EUR, its wallet in USD",
    ),
    "I1 a wallet moved without naming its account": (
        (NO_ACCOUNT.format("wallet:acc_1", "revenue:rental"),),
        {("I1", "transfers", "trf_out")},
        "from wallet:acc_1 to revenue:rental and names no account",
    ),
    "I1 an account without a wallet": (
        ("DELETE FROM wallets WHERE account_id = 'acc_2'",),
        {("I1", "accounts", "acc_2"), ("I1", "transfers", "trf_acc_2_top_up")}
        | {("I1", "transfers", "trf_4_rental"), ("I1", "transfers", LAST)},
        "account_id is acc_2, which has no wallet",
    ),
    "I1 a wallet in another currency than its account": (
        ("UPDATE wallets SET currency = 'EUR' WHERE account_id = 'acc_3'",),
        {("I1", "accounts", "acc_3")},
        "the account pays in USD, its wallet is in EUR",
    ),
    "I2 a posted balance": (
        ("UPDATE wallets SET posted = posted + 1 WHERE account_id = 'acc_2'",),
        {("I2", "wallets", "acc_2")},
        "posted is -1.299999, but its transfers come to -1.3",
    ),
    "I2 a balance without any transfer": (
        ("UPDATE wallets SET posted = 1 WHERE account_id = 'acc_3'",),
        {("I2", "wallets", "acc_3")},
        "posted is 0.000001, but its transfers come to 0",
    ),
    "I2 a held total": (
        ("UPDATE wallets SET held = 2000000 WHERE account_id = 'acc_1'",),
        {("I2", "wallets", "acc_1")},
        "held is 2, its open holds come to 1.15",
    ),
    "I2 a count of entries": (
        ("UPDATE wallets SET entries = 4 WHERE account_id = 'acc_2'",),
        {("I2", "wallets", "acc_2")},
        "entries is 4, but its transfers end at entry 3",
    ),
    "I2 a line's balance": (
        ("UPDATE transfers SET balance_after = balance_after + 10 WHERE id = 'trf_2_rental'",),
        {("I2", "transfers", "trf_2_rental")},
        "balance_after is 14.20001, but 15.35 and -1.15 make 14.2",
    ),
    "I2 two lines' balances swapped": (
        ("UPDATE transfers SET balance_after = 29550000 - balance_after WHERE id IN ('trf_1_setup', 'trf_2_rental')",),
        {("I2", "transfers", "trf_1_setup")},
        "balance_after is 14.2, but 15.85 and -0.5 make 15.35",
    ),
    "I2 the balances of two equal charges swapped": (
        ("UPDATE transfers SET balance_after = 27250000 - balance_after WHERE id IN ('trf_2_rental', 'trf_3_rental')",),
        {("I2", "transfers", "trf_2_rental")},
        "balance_after is 13.05, but 15.35 and -1.15 make 14.2",
    ),
    "I2 an amount": (
        ("UPDATE transfers SET amount = 1 WHERE id = 'trf_acc_1_adjustment'",),
        {("I2", "transfers", "trf_acc_1_adjustment")},
        "balance_after is 17, but 20 and -0.000001 make 19.999999",
    ),
    "I2 a balance past all reason, which could not be computed with": (
        ("UPDATE transfers SET balance_after = 9223372036854775807 WHERE id = 'trf_5_rental'",),
        {("I1", "transfers", LAST), ("I2", "transfers", LAST)},
        "entry 3 with balance_after 9223372036854.775807 cannot be",
    ),
    "I4 an entry past all reason": (
        ("UPDATE transfers SET entry = 9223372036854775807 WHERE id = 'trf_5_rental'",),
        {("I1", "transfers", LAST), ("I4", "transfers", LAST)},
        "entry 9223372036854775807 with balance_after -1.3 cannot be",
    ),
    "I3 an overdrawn wallet, and the lines that overdrew it": (
        ("UPDATE wallets SET credit_limit = 1000000 WHERE account_id = 'acc_2'",),
        {
            *(("I3", table, "acc_2") for table in ("wallets", "credit_limit_changes")),
            ("I3", "transfers", LAST),
            ("storage", "wallets", "acc_2"),
        },
        "balance_after is -1.3, the credit limit was 1\n",
    ),
    "I4 a line that was deleted": (
        ("DELETE FROM transfers WHERE id = 'trf_acc_1_adjustment'",),
        {("I4", "transfers", "trf_1_rental")},
        "entry 3 comes after entry 1: what lay between is gone",
    ),
    "I4 the last line deleted": (
        ("DELETE FROM transfers WHERE id = 'trf_5_rental'",),
        {("I2", "wallets", "acc_2"), ("I6", "orders", "ord_5"), ("I6", "rent_charges", "rch_5_0")},
        "entries is 3, but its transfers end at entry 2",
    ),
    "I4 two lines with one number": (
        ("DROP INDEX uq_transfers_account_id_entry", "UPDATE transfers SET entry = 3 WHERE id = 'trf_1_setup'"),
        {("I4", "transfers", "trf_1_setup"), ("storage", "transfers", "uq_transfers_account_id_entry")},
        "entry 3 comes after entry 3: there are two of it",
    ),
    "I6 another charge than the order's price": (
        ("UPDATE orders SET price = 2000000 WHERE id = 'ord_3'",),
        {("I6", "transfers", "trf_3_rental"), ("I5", "rentals", "rnt_3"), ("hold", "orders", "ord_3")},
        "as the rental charge of ord_3, its amount is 1.15, not 2",
    ),
    "I6 a setup charged where there is none": (
        ("UPDATE orders SET setup = 0 WHERE id = 'ord_1'",),
        {("I6", "transfers", "trf_1_setup"), ("hold", "orders", "ord_1")},
        "it moves 0.5 for ord_1, which is completed and owes no setup",
    ),
    "I6 a setup not charged": (
        ("UPDATE orders SET setup = 7 WHERE id = 'ord_3'",),
        {("I6", "orders", "ord_3"), ("hold", "orders", "ord_3")},
        "its setup of 0.000007 USD was not charged",
    ),
    "I6 a charge twice": (
        (TWICE, PAID_AGAIN),
        {("I6", "transfers", "trf_again")},
        "it moves 1.15 for ord_3, which is completed, beside that order's own charges",
    ),
    "I6 a charge for an order that did not complete": (
        (FOR_FAILED, PAID_AGAIN),
        {("I6", "transfers", "trf_f_rental")},
        "it moves 1.15 for ord_f, which is failed and owes no rental",
    ),
    "I6 a charge for an order that does not exist": (
        ("UPDATE transfers SET order_id = 'ord_none' WHERE id = 'trf_acc_1_adjustment'",),
        {("I6", "transfers", "trf_acc_1_adjustment")},
        "for the order ord_none, which does not exist",
    ),
    "I6 a charge to another revenue account": (
        ("UPDATE transfers SET credit = 'revenue:usage' WHERE id = 'trf_3_rental'",),
        {("I6", "transfers", "trf_3_rental"), ("I6", "rent_charges", "rch_3_0")},
        "its credit is revenue:usage, not revenue:rental",
    ),
    "hold an order without one": (
        ("DELETE FROM holds WHERE owner_id = 'ord_3'",),
        {("hold", "orders", "ord_3")},
        "the order is completed and has no hold",
    ),
    "hold one that outlived its order": (
        ("UPDATE holds SET state = 'open', resolved_at = NULL WHERE owner_id = 'ord_3'",),
        {("hold", "orders", "ord_3"), ("I2", "wallets", "acc_1")},
        "the order is completed; of its hold state is open, not captured",
    ),
    "hold one of a failed order captured": (
        ("UPDATE holds SET state = 'captured' WHERE owner_id = 'ord_f'",),
        {("hold", "orders", "ord_f")},
        "state is captured, not voided",
    ),
    "hold another amount": (
        ("UPDATE holds SET amount = 1150000 WHERE owner_id = 'ord_1'",),
        {("hold", "orders", "ord_1")},
        "amount is 1.15, not 1.65",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_planted_damage_is_named_with_invariant_table_and_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


@ONLY_SQLITE
def test_a_balance_that_is_no_number_is_named(damaged: Copy) -> None:
    """PostgreSQL takes none."""
    adjustment = ("transfers", "trf_acc_1_adjustment")
    much = "UPDATE transfers SET balance_after = 'much' WHERE id = 'trf_acc_1_adjustment'"
    says = "entry, amount or balance_after is not a whole number"
    must_be_named(damaged, ((much,), {("I1", *adjustment), ("I2", *adjustment)}, says))


def test_a_transfer_between_other_accounts_than_wallets_is_in_order(damaged: Copy) -> None:
    damaged.plant(NO_ACCOUNT.format("cost:acme", "payable:acme"))
    report = damaged.audit()
    assert report.ok, said(report)
