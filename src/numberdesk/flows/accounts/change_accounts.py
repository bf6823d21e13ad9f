"""Change accounts: rename, suspend, reactivate and close them, and set their limits, low balances and time zones.

Touches: database.

A closed account is at its end: its keys do not work, nobody pays into it, and it buys nothing. It keeps its statement.
So only one is closed that has neither money nor debts, orders nor numbers; its credit limit becomes 0 with it, so that
a purchase that read the account a moment before finds nothing to pay with.

A time zone is that of the months after the one that goes on, so that no statement changes. That one is judged by the
account's last line as well, since a clock may have been set back.

An account of operators has none of these. It is renamed and closed as others are; it has no credit limit, and since it
buys nothing it is not suspended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts, find_names, lock_names, save_accounts
from numberdesk.accounts.zone_store import find_zone_changes, save_zone_changes
from numberdesk.core.errors import AccountInUse, Details, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountState, may_move
from numberdesk.core.money import MAX_AMOUNT, as_decimal, format_micros
from numberdesk.core.purchase import Wallet
from numberdesk.core.spending import SpendCaps
from numberdesk.core.statement import ZoneChange, set_zone
from numberdesk.flows.accounts.cap_spending import cap_owner, check_caps
from numberdesk.flows.accounts.create_accounts import checked_name
from numberdesk.flows.accounts.describe_accounts import DescribedAccount
from numberdesk.flows.keep_wallets import keep_wallets, watch_anew
from numberdesk.flows.statements.account_months import months_of
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.infra.db import Tx
from numberdesk.infra.time_zones import zone_names
from numberdesk.ledger.model import CreditLimitChange
from numberdesk.ledger.receivable_store import find_unpaid
from numberdesk.ledger.statement_store import find_latest_postings
from numberdesk.ledger.store import change_credit_limits, lock_wallets
from numberdesk.numbers.store import count_live_rentals
from numberdesk.orders.store import count_open_orders

_NEVER_SUSPENDED: Final = "is of customers' accounts: one of operators buys nothing; revoke its keys to shut it out"
_WITHOUT_CAPS: Final = "are of customers' accounts: one of operators buys nothing"
_WITHOUT_ALERT: Final = "is of customers' accounts: one of operators has no wallet"
_WITHOUT_MONTHS: Final = "is of customers' accounts: one of operators has no statements"
_WITHOUT_LIMIT: Final = "is of customers' accounts: one of operators has no wallet"


class LowBalance(NamedTuple):
    """Below which balance, in micros, an account wants to be told; None for never."""

    below: int | None


class AccountChange(NamedTuple):
    """What is to change of an account at `now`; None leaves it as it is. `credit_limit` in micros."""

    account_id: str
    now: int
    name: str | None = None
    state: AccountState | None = None
    credit_limit: int | None = None
    caps: SpendCaps | None = None
    low_balance: LowBalance | None = None
    time_zone: str | None = None


def account_change(
    account_id: str,
    now: int,
    *,
    name: str | None = None,
    state: AccountState | None = None,
    credit_limit: int | None = None,
    caps: SpendCaps | None = None,
    low_balance: LowBalance | None = None,
    time_zone: str | None = None,
) -> AccountChange:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    if name is not None:
        name = checked_name(name)
    if credit_limit is not None and not 0 <= credit_limit <= MAX_AMOUNT:
        raise InvalidRequest("credit_limit", f"must be from 0 to {format_micros(MAX_AMOUNT)}")
    if caps is not None:
        check_caps(caps)
    below = None if low_balance is None else low_balance.below
    if below is not None and abs(below) > MAX_AMOUNT:
        raise InvalidRequest("low_balance", f"must be from -{format_micros(MAX_AMOUNT)} to {format_micros(MAX_AMOUNT)}")
    if time_zone is not None and time_zone not in zone_names():
        raise InvalidRequest("time_zone", "must be the name of a time zone, like Europe/Berlin or UTC")
    return AccountChange(account_id, now, name, state, credit_limit, caps, low_balance, time_zone)


def change_accounts(tx: Tx, commands: Sequence[AccountChange]) -> list[DescribedAccount | NumberdeskError]:
    """Change accounts, each as a whole or not at all. What is so already is no change.

    NotFound for no account; InvalidRequest for a name that another one has, any change but of the name of a closed
    account, and a limit, cap or suspension of one of operators; AccountInUse for one that cannot be closed yet, and for
    a credit limit of which more is used.
    """
    names = [command.name for command in commands if command.name is not None]
    if names:
        lock_names(tx)
    ids = {command.account_id for command in commands}
    wallets = lock_wallets(tx, ids)
    moving = {command.account_id for command in commands if command.time_zone is not None}
    closing = {command.account_id for command in commands if command.state is AccountState.CLOSED}
    books = _Books(
        find_accounts(tx, ids),
        wallets,
        find_names(tx, names),
        count_open_orders(tx, closing),
        count_live_rentals(tx, closing),
        {one.account_id: one.owed for one in find_unpaid(tx, closing).values()} if closing else {},
        caps=find_caps_of(tx, ids),
        zones=find_zone_changes(tx, ids),
        posted=find_latest_postings(tx, moving),
    )
    outcomes = [books.change(command) for command in commands]
    save_accounts(tx, [books.accounts[account_id] for account_id in sorted(books.changed)])
    save_zone_changes(tx, {account_id: (since, books.zones[account_id]) for account_id, since in books.zoned.items()})
    now = commands[-1].now
    change_credit_limits(tx, books.limits)
    raised = {change.account_id: books.wallets[change.account_id] for change in books.limits}
    paid = pay_debts(tx, raised, now) if raised else {}
    keep_wallets(tx, paid, now)
    for account_id, low_balance in books.watching.items():
        kept = paid.get(account_id, books.wallets[account_id])
        watch_anew(tx, kept._replace(alert_below=low_balance.below), now)
    for account_id, caps in books.capping.items():
        cap_owner(tx, account_id, books.wallets[account_id], caps, now)
    return outcomes


@dataclass(slots=True)
class _Books:
    """What the next change of a batch sees."""

    accounts: dict[str, Account]
    wallets: dict[str, Wallet]
    names: dict[str, str]
    open_orders: dict[str, int]
    rentals: dict[str, int]
    owed: dict[str, int]
    changed: set[str] = field(default_factory=set)
    limits: list[CreditLimitChange] = field(default_factory=list)
    watching: dict[str, LowBalance] = field(default_factory=dict)
    capping: dict[str, SpendCaps] = field(default_factory=dict)
    caps: dict[str, SpendCaps] = field(default_factory=dict)
    zones: dict[str, list[ZoneChange]] = field(default_factory=dict)
    posted: dict[str, int] = field(default_factory=dict)
    zoned: dict[str, str] = field(default_factory=dict)

    def change(self, command: AccountChange) -> DescribedAccount | NumberdeskError:
        """Change one account, or say why not."""
        account = self.accounts.get(command.account_id)
        if account is None:
            return NotFound("There is no such account.")
        wallet = self.wallets.get(account.id)
        refusal = self._refusal(command, account, wallet)
        if refusal is not None:
            return refusal
        changed = self._renamed(command, account)
        if command.state is not None and may_move(account.state, command.state):
            closed_at = command.now if command.state is AccountState.CLOSED else None
            changed = changed._replace(state=command.state, closed_at=closed_at)
        if changed != account:
            self.accounts[account.id] = changed
            self.changed.add(account.id)
        if wallet is None:
            return DescribedAccount(changed, None)
        if command.caps is not None:
            self.capping[account.id] = self.caps[account.id] = command.caps
        if command.low_balance is not None:
            self.watching[account.id] = command.low_balance
            wallet = self.wallets[account.id] = wallet._replace(alert_below=command.low_balance.below)
        limit, zone = self._limited(command, wallet), self._zoned(command)
        return DescribedAccount(changed, limit, wallet.alert_below, self.caps.get(account.id, SpendCaps()), zone)

    def _limited(self, command: AccountChange, wallet: Wallet) -> int:
        limit = wallet.credit_limit if command.credit_limit is None else command.credit_limit
        if command.state is AccountState.CLOSED:
            limit = 0
        if limit != wallet.credit_limit:
            account_id = command.account_id
            self.limits.append(CreditLimitChange(account_id, wallet.credit_limit, limit, wallet.entries, command.now))
            self.wallets[account_id] = wallet._replace(credit_limit=limit)
        return limit

    def _zoned(self, command: AccountChange) -> ZoneChange | None:
        account_id = command.account_id
        known = self.zones.get(account_id, [])
        if command.time_zone is not None:
            last = max(command.now, self.posted.get(account_id, 0))
            since, known = set_zone(known, months_of(known), command.time_zone, last)
            self.zones[account_id] = known
            self.zoned[account_id] = min(since, self.zoned.get(account_id, since))
        return known[-1] if known else None

    def _renamed(self, command: AccountChange, account: Account) -> Account:
        if command.name is None:
            return account
        if self.names.get(account.name) == account.id:
            del self.names[account.name]
        self.names[command.name] = account.id
        return account._replace(name=command.name)

    def _refusal(self, command: AccountChange, account: Account, wallet: Wallet | None) -> NumberdeskError | None:
        if command.name is not None and self.names.get(command.name, account.id) != account.id:
            return InvalidRequest("name", f"is that of {self.names[command.name]} already: take another one")
        if account.state is AccountState.CLOSED:
            if command.state not in {None, AccountState.CLOSED}:
                return InvalidRequest("status", "cannot change: the account is closed, which is final")
            return InvalidRequest("credit_limit", "is 0: the account is closed") if command.credit_limit else None
        if wallet is None:
            return _refusal_of_operators(command)
        if command.credit_limit is not None and wallet.posted - wallet.held < -command.credit_limit:
            return _limit_in_use(wallet)
        return self._in_use(account, wallet) if command.state is AccountState.CLOSED else None

    def _in_use(self, account: Account, wallet: Wallet) -> AccountInUse | None:
        """Why an account cannot be closed; None when it can."""
        reasons, details = [], Details()
        if wallet.posted:
            has = "has" if wallet.posted > 0 else "owes"
            reasons.append(f"its wallet {has} {format_micros(abs(wallet.posted))} {wallet.currency}")
            details |= {"balance": as_decimal(wallet.posted), "currency": wallet.currency}
        owed = self.owed.get(account.id, 0)
        if owed:
            reasons.append(f"it owes {format_micros(owed)} {wallet.currency} for calls")
            details |= {"owed": as_decimal(owed), "currency": wallet.currency}
        for name, count, words in (
            ("open_orders", self.open_orders.get(account.id, 0), "orders of it that are open"),
            ("rentals", self.rentals.get(account.id, 0), "numbers that it rents"),
        ):
            if count:
                reasons.append(f"there are {words}: {count}")
                details[name] = count
        return AccountInUse(f"This account cannot be closed yet: {'; '.join(reasons)}.", details) if reasons else None


def _limit_in_use(wallet: Wallet) -> AccountInUse:
    used = wallet.held - wallet.posted
    return AccountInUse(
        f"The credit limit cannot be lowered so far: {format_micros(used)} {wallet.currency} of it is used.",
        {"field": "credit_limit", "least": as_decimal(used), "currency": wallet.currency},
    )


def _refusal_of_operators(command: AccountChange) -> InvalidRequest | None:
    if command.credit_limit is not None:
        return InvalidRequest("credit_limit", _WITHOUT_LIMIT)
    if command.caps is not None:
        return InvalidRequest("spend_limits", _WITHOUT_CAPS)
    if command.low_balance is not None:
        return InvalidRequest("low_balance", _WITHOUT_ALERT)
    if command.time_zone is not None:
        return InvalidRequest("time_zone", _WITHOUT_MONTHS)
    return InvalidRequest("status", _NEVER_SUSPENDED) if command.state is AccountState.SUSPENDED else None
