"""Pay what accounts owe as soon as their wallets can: part of every flow that frees or adds money.

Touches: database.

So an account that owes has nothing to spend, and money that arrives never buys anything before it has paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numberdesk.core.call_charging import Receivable
from numberdesk.core.purchase import Wallet
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import Transfer, receivable_account, wallet_account
from numberdesk.ledger.receivable_store import change_receivables, find_unpaid
from numberdesk.ledger.store import insert_transfers

DEBT_PAYMENT: Final = "debt_payment"


def pay_debts(tx: Tx, wallets: Mapping[str, Wallet], now: int) -> dict[str, Wallet]:
    """Pay out of locked wallets, as they are after what was done; return those that paid, which are to be saved."""
    able = {account_id: wallet for account_id, wallet in wallets.items() if wallet.available > 0}
    if not able:
        return {}
    paid: dict[str, Wallet] = {}
    left: list[Receivable] = []
    transfers: list[Transfer] = []
    for account_id, receivable in sorted(find_unpaid(tx, able).items()):
        wallet = able[account_id]
        amount = min(wallet.available, receivable.owed)
        after = wallet._replace(posted=wallet.posted - amount, entries=wallet.entries + 1)
        owed = receivable.owed - amount
        left.append(receivable._replace(owed=owed, paid_at=None if owed else now))
        transfers.append(_payment(receivable, after, amount, now))
        paid[account_id] = after
    insert_transfers(tx, transfers)
    change_receivables(tx, left)
    return paid


def _payment(receivable: Receivable, after: Wallet, amount: int, now: int) -> Transfer:
    """The transfer. Its id follows from its place in the statement, so that nothing is paid twice."""
    return Transfer(
        id=f"trf_{receivable.id.removeprefix('rcv_')}_debt_{after.entries}",
        kind=DEBT_PAYMENT,
        debit=wallet_account(receivable.account_id),
        credit=receivable_account(receivable.account_id),
        amount=amount,
        currency=receivable.currency,
        account_id=receivable.account_id,
        entry=after.entries,
        balance_after=after.posted,
        order_id=None,
        reference=None,
        created_at=now,
    )
