"""Tell accounts of money that has come into their wallets: what every flow that credits one ends with.

Touches: database.

`numberdesk verify` asks each such transfer for its event.
"""

from __future__ import annotations

from collections.abc import Iterable

from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import Transfer, wallet_account
from numberdesk.outbox.model import ACCOUNT_CREDITED, Event
from numberdesk.outbox.store import insert_events


def tell_credits(tx: Tx, transfers: Iterable[Transfer]) -> None:
    """Write the events of those of some new transfers that lead into a wallet."""
    insert_events(
        tx,
        [
            _event(one, one.account_id)
            for one in transfers
            if one.account_id is not None and one.credit == wallet_account(one.account_id)
        ],
    )


def _event(transfer: Transfer, account_id: str) -> Event:
    payload = {
        "id": transfer.id,
        "kind": transfer.kind,
        "amount": format_micros(transfer.amount),
        "currency": transfer.currency,
        "balance": format_micros(transfer.balance_after or 0),
        "reference": transfer.reference or "",
        "credited_at": iso_seconds(transfer.created_at),
    }
    return ACCOUNT_CREDITED.event(transfer.id, account_id, payload, transfer.created_at)
