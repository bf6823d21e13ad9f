"""Wallets, transfers and holds as values, and the names of ledger accounts.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.lifecycle import HoldState

REVENUE: Final = {"rental": "revenue:rental", "setup": "revenue:setup", "usage": "revenue:usage"}
"""The revenue account that each kind of charge goes to."""


class Transfer(NamedTuple):
    """One movement: `amount` micros from the ledger account `debit` to `credit`, for ever.

    `entry` is its number in the wallet's statement and `balance_after` what was posted after it. It belongs to an
    order, to a `period` of a rental, or to neither.
    """

    id: str
    kind: str
    debit: str
    credit: str
    amount: int
    currency: str
    account_id: str | None
    entry: int | None
    balance_after: int | None
    order_id: str | None
    reference: str | None
    created_at: int
    rental_id: str | None = None
    period: int | None = None


class Hold(NamedTuple):
    """Micros set aside for one order or session, its owner."""

    owner_id: str
    account_id: str
    amount: int
    state: HoldState
    opened_at: int
    resolved_at: int | None


class CreditLimitChange(NamedTuple):
    """A credit limit that was `before` until the wallet had so many `entries`, and is `after` since; in micros."""

    account_id: str
    before: int
    after: int
    entries: int
    changed_at: int


def wallet_account(account_id: str) -> str:
    """The ledger account of an account's wallet."""
    return f"wallet:{account_id}"


def receivable_account(account_id: str) -> str:
    """The ledger account of what an account owes."""
    return f"receivable:{account_id}"


def funding_account(method: str) -> str:
    """The ledger account where money of a payment method comes from."""
    return f"funding:{method}"
