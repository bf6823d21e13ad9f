"""The books' SQL: wallets, transfers, holds.

Touches: accounts, wallets, credit_limit_changes, transfers, holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select, update

from numberdesk.core.lifecycle import AccountState, HoldState
from numberdesk.core.purchase import Wallet
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, text
from numberdesk.ledger.line_sum_store import keep_line_sums
from numberdesk.ledger.model import CreditLimitChange, Hold, Transfer
from numberdesk.tables import accounts, credit_limit_changes, holds, transfers, wallets

_WALLETS: Final = select(
    wallets.c.account_id,
    accounts.c.state,
    accounts.c.closed_at,
    wallets.c.currency,
    wallets.c.posted,
    wallets.c.held,
    wallets.c.credit_limit,
    wallets.c.entries,
    wallets.c.capped,
    wallets.c.alert_below,
    wallets.c.alerts,
    wallets.c.alerted_at,
).join(accounts, accounts.c.id == wallets.c.account_id)
_LOCK_WALLETS: Final = SelectSet(
    _WALLETS.where(in_set(wallets.c.account_id, "ids")).order_by(wallets.c.account_id).with_for_update(of=wallets),
    "ids",
)
_WALLET: Final = SelectSet.of(_WALLETS.where(wallets.c.account_id == text("account_id")))
_TRANSFER_COLUMNS: Final = [transfers.c[name] for name in Transfer._fields]

_INSERT_TRANSFERS: Final = InsertRows(transfers, Transfer._fields)
_INSERT_HOLDS: Final = InsertRows(holds, Hold._fields)
_GROW_HOLDS: Final = UpdateRows(holds, "owner_id", "amount")
_RESOLVE_HOLDS: Final = UpdateRows(holds, "owner_id", "state", "resolved_at")
_UPDATE_WALLETS: Final = UpdateRows(wallets, "account_id", "posted", "held", "entries")


def lock_wallets(tx: Tx, account_ids: Iterable[str]) -> dict[str, Wallet]:
    """The standing and wallets of accounts, locked in sorted order until the transaction ends."""
    return {row.account_id: _wallet_of(row) for row in _LOCK_WALLETS.run(tx, ids=account_ids)}


def save_wallets(tx: Tx, changed: dict[str, Wallet]) -> None:
    """Write what is posted, held and counted back to locked wallets."""
    rows = [(account_id, wallet.posted, wallet.held, wallet.entries) for account_id, wallet in changed.items()]
    _UPDATE_WALLETS.run(tx, rows)


def mark_capped(tx: Tx, account_id: str, *, capped: bool) -> None:
    """Say whether purchases of an account whose wallet is locked have to look at caps."""
    tx.execute(update(wallets).where(wallets.c.account_id == account_id).values(capped=int(capped)))


def find_alerts(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """Below which balance accounts want to be told, in micros; those that do not are left out."""
    query = select(wallets.c.account_id, wallets.c.alert_below).where(
        wallets.c.account_id.in_(sorted(set(account_ids))), wallets.c.alert_below.is_not(None)
    )
    return {row.account_id: row.alert_below for row in tx.execute(query)}


def find_credit_limits(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """Credit limits by account, in micros."""
    query = select(wallets.c.account_id, wallets.c.credit_limit).where(
        wallets.c.account_id.in_(sorted(set(account_ids)))
    )
    return {row.account_id: row.credit_limit for row in tx.execute(query)}


def change_credit_limits(tx: Tx, changes: Sequence[CreditLimitChange]) -> None:
    """Set credit limits of locked wallets, and keep what each was before."""
    for change in changes:
        earlier = select(func.coalesce(func.max(credit_limit_changes.c.change), 0)).where(
            credit_limit_changes.c.account_id == change.account_id
        )
        row = {"change": tx.execute(earlier).scalar_one() + 1, **change._asdict()}
        tx.execute(credit_limit_changes.insert(), [row])
        tx.execute(update(wallets).where(wallets.c.account_id == change.account_id).values(credit_limit=change.after))


def insert_transfers(tx: Tx, new: Sequence[Transfer]) -> None:
    """Append movements to the books, those of a wallet in the order of their entries."""
    _INSERT_TRANSFERS.run(tx, new)
    keep_line_sums(tx, new)
    for transfer in new:
        tx.count("money", transfer.kind, transfer.currency, by=transfer.amount)


def insert_holds(tx: Tx, new: Sequence[Hold]) -> None:
    """Record holds, open or already captured."""
    _INSERT_HOLDS.run(tx, new)


def count_open_holds(tx: Tx, most: int) -> int:
    """How many holds are open; the first `most` are counted."""
    first = select(holds.c.owner_id).where(holds.c.state == HoldState.OPEN.value).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(first)).scalar_one())


def change_holds(tx: Tx, amounts: Mapping[str, int]) -> None:
    """Set what open holds come to, by owner."""
    _GROW_HOLDS.run(tx, list(amounts.items()))


def resolve_holds(tx: Tx, ends: Mapping[str, tuple[HoldState, int]]) -> None:
    """Capture or void open holds, by owner, each with the instant."""
    _RESOLVE_HOLDS.run(tx, [(owner_id, state.value, instant) for owner_id, (state, instant) in ends.items()])


def insert_wallets(tx: Tx, new: Sequence[Wallet]) -> None:
    """Create wallets; each comes with its account, so that there is always a row to lock."""
    tx.execute(
        wallets.insert(),
        [{name: value for name, value in wallet._asdict().items() if name != "state"} for wallet in new],
    )


def find_wallet(tx: Tx, account_id: str) -> Wallet | None:
    """The wallet of an account."""
    rows = _WALLET.run(tx, account_id=account_id)
    return _wallet_of(rows[0]) if rows else None


def find_transfers(tx: Tx, ids: Sequence[str]) -> dict[str, Transfer]:
    """Transfers by id."""
    if not ids:
        return {}
    query = select(*_TRANSFER_COLUMNS).where(transfers.c.id.in_(sorted(set(ids))))
    return {row.id: Transfer._make(row) for row in tx.execute(query)}


def find_transfers_by_reference(tx: Tx, kind: str, references: Iterable[tuple[str, str]]) -> list[Transfer]:
    """Transfers of a kind with any of the given (account, reference) pairs."""
    wanted = set(references)
    query = select(*_TRANSFER_COLUMNS).where(
        transfers.c.kind == kind,
        transfers.c.account_id.in_(sorted({account_id for account_id, _ in wanted})),
        transfers.c.reference.in_(sorted({reference for _, reference in wanted})),
    )
    found = [Transfer._make(row) for row in tx.execute(query)]
    return [transfer for transfer in found if (transfer.account_id, transfer.reference) in wanted]


def list_statement(tx: Tx, account_id: str, *, before_entry: int | None, limit: int) -> list[Transfer]:
    """A wallet's transfers, newest first, from before the given entry."""
    query = select(*_TRANSFER_COLUMNS).where(transfers.c.account_id == account_id)
    if before_entry is not None:
        query = query.where(transfers.c.entry < before_entry)
    return [Transfer._make(row) for row in tx.execute(query.order_by(transfers.c.entry.desc()).limit(limit))]


def _wallet_of(row: Any) -> Wallet:
    state = AccountState(row.state) if row.closed_at is None else AccountState.CLOSED
    return Wallet(row.account_id, state, *row[3:])
