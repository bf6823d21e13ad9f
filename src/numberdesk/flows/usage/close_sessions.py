"""End the sessions of calls that there are records of now: part of every flow that keeps records.

Touches: database.

What a session held is free again in the transaction that charges its call, so the record takes what was held for it,
and nobody pays twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from numberdesk.core.lifecycle import HoldState, SessionState
from numberdesk.core.purchase import Wallet
from numberdesk.core.session import Key, UsageSession
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import resolve_holds
from numberdesk.usage.session_store import change_sessions, lock_open_sessions


def close_sessions(tx: Tx, calls: Iterable[Key], wallets: Mapping[str, Wallet], now: int) -> dict[str, Wallet]:
    """End open sessions of calls, of accounts whose wallets are locked; return the wallets that hold less.

    A session of another account than its call's record is left to expire.
    """
    found = lock_open_sessions(tx, calls).values()
    return end_sessions(tx, [one for one in found if one.account_id in wallets], wallets, SessionState.ENDED, now)


def end_sessions(
    tx: Tx, sessions: Sequence[UsageSession], wallets: Mapping[str, Wallet], state: SessionState, now: int
) -> dict[str, Wallet]:
    """End locked sessions and free what they hold; return the wallets that hold less, which are to be saved."""
    freed: dict[str, Wallet] = {}
    for session in sessions:
        if session.amount:
            wallet = freed.get(session.account_id, wallets[session.account_id])
            freed[session.account_id] = wallet._replace(held=wallet.held - session.amount)
    resolve_holds(tx, {session.id: (HoldState.VOIDED, now) for session in sessions if session.amount})
    change_sessions(tx, [session.ended(state, now) for session in sessions])
    return freed
