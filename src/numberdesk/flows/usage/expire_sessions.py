"""Expire sessions whose seconds are over and that nobody extended: a kind of due work.

Touches: database.

What was held is free again and nothing is charged: what the call costs is known when a record tells. Seconds are over
by the time that two clocks agree on (core/agreed_time.py), so that no clock that is set ends a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.core.lifecycle import SessionState
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.usage.close_sessions import end_sessions
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.writer import Writer
from numberdesk.ledger.store import lock_wallets
from numberdesk.usage.session_store import DUE_SESSIONS, DueSession, lock_sessions

SESSIONS: Final = "sessions"
AT_ONCE: Final = 50
"""Sessions of one batch: a tenth of what a batch of purchases may have."""


class ExpireSession(NamedTuple):
    """A session that was taken up has not been extended at `now`."""

    due: DueSession
    now: int


def expire_sessions(tx: Tx, commands: Sequence[ExpireSession]) -> list[WorkOutcome]:
    """Free what sessions hold that are still as they were taken up; freed money pays debts first."""
    wallets = lock_wallets(tx, {command.due.account_id for command in commands})
    sessions = lock_sessions(tx, {command.due.id for command in commands})
    over = {
        command.due.id
        for command in commands
        if sessions[command.due.id].state is SessionState.OPEN
        and sessions[command.due.id].leased_until == command.due.leased_until
    }
    now = commands[-1].now
    freed = end_sessions(tx, [sessions[one] for one in sorted(over)], wallets, SessionState.EXPIRED, now)
    keep_wallets(tx, {**freed, **pay_debts(tx, freed, now)}, now)
    return [WorkOutcome.DONE if command.due.id in over else WorkOutcome.LEASE_LOST for command in commands]


def session_expiry(
    writer: Writer, now: Callable[[], int], past: Callable[[], Awaitable[int]]
) -> DueWork[DueSession, None]:
    """The kind of due work. `past` gives the instant that has surely passed, by which sessions are taken up."""

    async def act(_due: DueSession) -> None:
        """Nothing is to be done outside: nobody is asked."""

    async def note(due: DueSession, _nothing: None) -> WorkOutcome:
        return await writer.submit(expire_sessions, ExpireSession(due, now()))

    return DueWork(SESSIONS, DUE_SESSIONS, act, note, at_once=AT_ONCE, time=past)
