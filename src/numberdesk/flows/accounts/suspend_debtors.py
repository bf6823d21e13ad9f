"""Suspend accounts that have owed for too long: an operator's rule, which is off unless a setting says otherwise.

Touches: database.

A suspended account buys nothing; what it rents goes on. It is suspended once for each debt, so that an operator who
reactivates it is not overruled. Nothing but an operator lifts a suspension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.store import find_accounts, save_accounts
from numberdesk.core.call_charging import Receivable
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.ledger.receivable_store import find_overdue, note_suspended
from numberdesk.ledger.store import lock_wallets
from numberdesk.outbox.model import ACCOUNT_SUSPENDED, Event
from numberdesk.outbox.store import insert_events

MOST_SUSPENDED: Final = 100
"""Accounts that one transaction suspends."""


class SuspendDebtors(NamedTuple):
    """Suspend whoever has owed for longer than `after` microseconds; `past` has surely passed, `now` is the time."""

    past: int
    after: int
    now: int


class SuspendedDebtors(NamedTuple):
    """How many were suspended, and whether there may be more."""

    suspended: int
    left: bool


def suspend_debtors(tx: Tx, commands: Sequence[SuspendDebtors]) -> list[SuspendedDebtors]:
    """The write flow: one round for each command."""
    return [_suspend(tx, command) for command in commands]


def _suspend(tx: Tx, command: SuspendDebtors) -> SuspendedDebtors:
    since = command.past - command.after
    seen = find_overdue(tx, since, MOST_SUSPENDED)
    wallets = lock_wallets(tx, [one.account_id for one in seen])
    accounts = find_accounts(tx, wallets)
    owing = {one.account_id: one for one in find_overdue(tx, since, MOST_SUSPENDED)}  # as it is, once it is locked
    active = [one for one in accounts.values() if one.state is AccountState.ACTIVE and one.id in owing]
    save_accounts(tx, [account._replace(state=AccountState.SUSPENDED) for account in active])
    debts = [owing[account.id] for account in active]
    note_suspended(tx, [debt.id for debt in debts], command.now)
    insert_events(tx, [_told(debt, command.now) for debt in debts])
    return SuspendedDebtors(len(active), len(seen) == MOST_SUSPENDED)


def _told(debt: Receivable, now: int) -> Event:
    payload = {
        "id": debt.id,
        "owed": format_micros(debt.owed),
        "currency": debt.currency,
        "since": iso_seconds(debt.opened_at),
        "suspended_at": iso_seconds(now),
    }
    return ACCOUNT_SUSPENDED.event(debt.id, debt.account_id, payload, now)
