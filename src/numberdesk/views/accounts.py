"""Accounts, keys, wallets and their statements.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from numberdesk.accounts.model import Account, ApiKey
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.core.purchase import Wallet
from numberdesk.core.spending import SpendCaps
from numberdesk.core.statement import UTC_ZONE, ZoneChange
from numberdesk.flows.statements.read_statements import LinePeriod
from numberdesk.ledger.model import Transfer, wallet_account
from numberdesk.views.formats import (
    AccountId,
    Currency,
    Instant,
    KeyId,
    OrderId,
    PhoneNumber,
    ScopeNames,
    TransferId,
    TransferKind,
)
from numberdesk.views.statements import MonthName, PeriodView, period_view

_NO_CAPS: Final = SpendCaps()


class BalanceView(msgspec.Struct, frozen=True):
    """A wallet."""

    currency: Currency
    posted: Decimal
    held: Decimal
    available: Decimal
    credit_limit: Decimal


class SpendLimitsView(msgspec.Struct, frozen=True):
    """The most that may be spent on purchases; null is without a limit."""

    per_purchase: Decimal | None
    per_day: Decimal | None
    per_month: Decimal | None


class LowBalanceView(msgspec.Struct, frozen=True):
    """Below which balance the account is told of it; null for never."""

    below: Decimal | None


class TransactionView(msgspec.Struct, frozen=True):
    """A line of the statement. `amount` is positive into the wallet; `balance` is what was posted after it."""

    id: TransferId
    entry: int
    kind: TransferKind
    amount: Decimal
    balance: Decimal
    currency: Currency
    order_id: OrderId | None
    reference: str | None
    created_at: Instant
    phone_number: PhoneNumber | None
    period: PeriodView | None


class KeyView(msgspec.Struct, frozen=True):
    """An API key without its secret. `created_by` is the id of the key that it was made with, if any."""

    id: KeyId
    account_id: AccountId
    name: str
    starts_with: str
    scopes: ScopeNames
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    created_by: KeyId | None
    spend_limits: SpendLimitsView


class NewKeyView(KeyView, frozen=True):
    """An API key with its secret, which is shown this once."""

    key: str


class AccountView(msgspec.Struct, frozen=True):
    """An account, as operators see it. One of their own has no currency and no limit."""

    id: AccountId
    name: str
    currency: Currency | None
    status: AccountState
    credit_limit: Decimal | None
    created_at: Instant
    closed_at: Instant | None
    kind: AccountKind
    low_balance: LowBalanceView | None
    spend_limits: SpendLimitsView | None
    time_zone: str | None
    time_zone_from: MonthName | None


def spend_limits_view(caps: SpendCaps) -> SpendLimitsView:
    """Caps."""
    return SpendLimitsView(*(None if cap is None else as_decimal(cap) for cap in caps))


def balance_view(wallet: Wallet) -> BalanceView:
    """A wallet."""
    return BalanceView(
        wallet.currency,
        as_decimal(wallet.posted),
        as_decimal(wallet.held),
        as_decimal(wallet.available),
        as_decimal(wallet.credit_limit),
    )


def transaction_view(transfer: Transfer, e164: str | None = None, period: LinePeriod | None = None) -> TransactionView:
    """A line of the statement, with its sign as the wallet's owner sees it, and the number and period it is for."""
    inward = transfer.credit == wallet_account(transfer.account_id or "")
    return TransactionView(
        id=transfer.id,
        entry=transfer.entry or 0,
        kind=transfer.kind,
        amount=as_decimal(transfer.amount if inward else -transfer.amount),
        balance=as_decimal(transfer.balance_after or 0),
        currency=transfer.currency,
        order_id=transfer.order_id,
        reference=transfer.reference,
        created_at=iso_seconds(transfer.created_at),
        phone_number=e164,
        period=period_view(period),
    )


def key_view(key: ApiKey, caps: SpendCaps = _NO_CAPS) -> KeyView:
    """A key without its secret."""
    return KeyView(
        id=key.id,
        account_id=key.account_id,
        name=key.name,
        starts_with=key.shown,
        scopes=key.scopes,
        created_at=iso_seconds(key.created_at),
        expires_at=iso_or_none(key.expires_at),
        revoked_at=iso_or_none(key.revoked_at),
        created_by=key.created_by,
        spend_limits=spend_limits_view(caps),
    )


def new_key_view(key: ApiKey, secret: str, caps: SpendCaps = _NO_CAPS) -> NewKeyView:
    """A key with its secret, for the one answer that shows it."""
    return NewKeyView(**msgspec.structs.asdict(key_view(key, caps)), key=secret)


def account_view(
    account: Account,
    credit_limit: int | None,
    alert_below: int | None = None,
    caps: SpendCaps | None = None,
    zone: ZoneChange | None = None,
) -> AccountView:
    """An account, with its credit limit, low balance and caps, in micros, and zone; one of operators has none."""
    is_customers = credit_limit is not None
    return AccountView(
        account.id,
        account.name,
        account.currency or None,
        account.state,
        None if credit_limit is None else as_decimal(credit_limit),
        iso_seconds(account.created_at),
        iso_or_none(account.closed_at),
        account.kind,
        LowBalanceView(None if alert_below is None else as_decimal(alert_below)) if is_customers else None,
        spend_limits_view(caps or _NO_CAPS) if is_customers else None,
        None if not is_customers else UTC_ZONE.name if zone is None else zone.time_zone,
        None if zone is None else zone.from_month,
    )
