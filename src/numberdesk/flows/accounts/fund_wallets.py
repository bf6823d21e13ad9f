"""Move money into wallets, and correct them: top-ups and adjustments.

Touches: database.

A reference makes a movement safe to repeat: the same account, kind and reference is written
once, and a second request gets the first transfer. So does the Idempotency-Key of a request.

Money that comes makes rentals of its account that are past due due at once (flows/rentals/renew_rentals.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import (
    Forbidden,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NumberdeskError,
)
from numberdesk.core.money import MAX_AMOUNT, as_decimal
from numberdesk.core.purchase import Wallet
from numberdesk.core.purchase_refusals import ACCOUNT_CLOSED
from numberdesk.core.request_keys import RequestKey
from numberdesk.core.text import TextError, parse_token
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.keyed_requests import KeyedRequests
from numberdesk.flows.tell_credits import tell_credits
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import Transfer, funding_account, wallet_account
from numberdesk.ledger.store import (
    find_transfers,
    find_transfers_by_reference,
    insert_transfers,
    lock_wallets,
)
from numberdesk.numbers.rent_store import hurry_past_due

TOP_UP: Final = "top_up"
ADJUSTMENT: Final = "adjustment"
LONGEST_REFERENCE: Final = 100
MOST_HURRIED: Final = 500
"""Rentals that are past due and are tried again as soon as money comes; the others have their turn within a day."""


class Funding(NamedTuple):
    """A movement between a funding method and a wallet: `amount` micros into the wallet, or out when negative."""

    transfer_id: str
    kind: str
    account_id: str
    amount: int
    method: str
    reference: str | None
    now: int
    request_key: RequestKey | None = None


def funding(
    transfer_id: str,
    kind: str,
    account_id: str,
    amount: int,
    *,
    reference: str | None,
    now: int,
    method: str = "manual",
    request_key: RequestKey | None = None,
) -> Funding:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    if amount == 0 or (kind == TOP_UP and amount < 0):
        raise InvalidRequest("amount", "must be greater than zero" if kind == TOP_UP else "must not be zero")
    if reference is not None:
        try:
            parse_token(reference, longest=LONGEST_REFERENCE)
        except TextError as error:
            raise InvalidRequest("reference", str(error)) from None
    return Funding(transfer_id, kind, account_id, amount, method, reference, now, request_key)


def fund_wallets(tx: Tx, commands: Sequence[Funding]) -> list[Transfer | NumberdeskError]:
    """Write movements once per reference and key; each outcome is the transfer, new or first, or the refusal."""
    wallets = lock_wallets(tx, [command.account_id for command in commands])
    # Whether an account is closed is read when its wallet is locked: whoever closes one locks that first, too.
    closed = [
        account.id for account in find_accounts(tx, wallets, lock=False).values() if account.closed_at is not None
    ]
    keyed = KeyedRequests(tx, [command.request_key for command in commands])
    books = _Books(wallets, {}, [], keyed, find_transfers(tx, keyed.outcome_ids), frozenset(closed))
    for kind in sorted({command.kind for command in commands}):
        pairs = [
            (command.account_id, command.reference)
            for command in commands
            if command.kind == kind and command.reference is not None
        ]
        for transfer in find_transfers_by_reference(tx, kind, pairs):
            books.by_reference[transfer.account_id, kind, transfer.reference] = transfer
    outcomes = [books.fund(command) for command in commands]
    insert_transfers(tx, books.written)
    tell_credits(tx, books.written)
    keyed.save(tx)
    changed = {one.account_id: books.wallets[one.account_id] for one in books.written if one.account_id}
    now = commands[-1].now
    keep_wallets(tx, changed | (pay_debts(tx, changed, now) if changed else {}), now)
    credited = {transfer.account_id for transfer in books.written if transfer.account_id and _signed(transfer) > 0}
    if credited:
        hurry_past_due(tx, credited, MOST_HURRIED)
    return outcomes


@dataclass(slots=True)
class _Books:
    """What the next movement of a batch sees."""

    wallets: dict[str, Wallet]
    by_reference: dict[tuple[str | None, str, str | None], Transfer]
    written: list[Transfer]
    keyed: KeyedRequests
    by_id: dict[str, Transfer]
    closed: frozenset[str]

    def fund(self, command: Funding) -> Transfer | NumberdeskError:
        """Replay, refuse, or write one movement."""
        first = self.keyed.first(command.request_key)
        if isinstance(first, IdempotencyConflict):
            return first
        if first is not None:
            return self.by_id[first]
        outcome = self._fund(command)
        if isinstance(outcome, Transfer):
            self.keyed.note(command.request_key, outcome.id, command.now)
            self.by_id[outcome.id] = outcome
        return outcome

    def _fund(self, command: Funding) -> Transfer | NumberdeskError:
        wallet = self.wallets.get(command.account_id)
        if wallet is None:
            return NotFound("There is no such account of a customer.")
        earlier = command.reference and self.by_reference.get((command.account_id, command.kind, command.reference))
        if earlier:
            return earlier if _signed(earlier) == command.amount else _conflict()
        if wallet.account_id in self.closed:
            return Forbidden(ACCOUNT_CLOSED)
        if wallet.posted + command.amount > MAX_AMOUNT:
            return InvalidRequest("amount", "would make the balance too large")
        if command.amount < 0 and wallet.available + command.amount < 0:
            return _too_little(wallet, -command.amount)
        return self._written(command, wallet)

    def _written(self, command: Funding, wallet: Wallet) -> Transfer:
        owned, source = wallet_account(command.account_id), funding_account(command.method)
        debit, credit = (source, owned) if command.amount > 0 else (owned, source)
        after = wallet._replace(posted=wallet.posted + command.amount, entries=wallet.entries + 1)
        transfer = Transfer(
            command.transfer_id,
            command.kind,
            debit,
            credit,
            abs(command.amount),
            wallet.currency,
            command.account_id,
            after.entries,
            after.posted,
            None,
            command.reference,
            command.now,
        )
        self.wallets[command.account_id] = after
        self.written.append(transfer)
        if command.reference is not None:
            self.by_reference[command.account_id, command.kind, command.reference] = transfer
        return transfer


def _signed(transfer: Transfer) -> int:
    return transfer.amount if transfer.credit == wallet_account(transfer.account_id or "") else -transfer.amount


def _conflict() -> IdempotencyConflict:
    return IdempotencyConflict("amount", "differs from the first movement with this reference")


def _too_little(wallet: Wallet, needed: int) -> InsufficientBalance:
    return InsufficientBalance(
        "The balance does not cover this adjustment.",
        {
            "needed": as_decimal(needed),
            "available": as_decimal(wallet.available),
            "missing": as_decimal(needed - wallet.available),
            "currency": wallet.currency,
        },
    )
