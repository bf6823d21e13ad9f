"""The SQL of sessions: calls that are paid for as they go on.

Touches: usage_sessions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select

from numberdesk.core.call_record import MOST_SECONDS, Direction
from numberdesk.core.lifecycle import SessionState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.session import Key, UsageSession
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import usage_sessions

LEASE: Final = 60 * MICROSECONDS
"""How long a look at a session may take, with the wait for the writer."""

LONGEST_WAIT: Final = 2 * MOST_SECONDS * MICROSECONDS
"""Further ahead no session expires."""


class DueSession(NamedTuple):
    """A session as due work: when its seconds are over, and whose it is."""

    id: str
    currency: str
    account_id: str
    next_at: int | None
    attempts: int
    message: str
    parked_at: int | None
    leased_until: int | None


DUE_SESSIONS: Final = DueTable(
    usage_sessions, DueSession, key="id", party="currency", lease=LEASE, longest=LONGEST_WAIT
)
"""Sessions whose seconds are over. Nobody outside is asked, so the party is only the currency."""

_DIRECTION: Final = UsageSession._fields.index("direction")
_STATE: Final = UsageSession._fields.index("state")
_COLUMNS: Final = [usage_sessions.c[name] for name in UsageSession._fields]
_CHANGED: Final = ("granted", "amount", "state", "expires_at", "ended_at", "next_at", "leased_until")
_INSERT: Final = InsertRows(usage_sessions, UsageSession._fields)
_CHANGE: Final = UpdateRows(usage_sessions, "id", *_CHANGED)
_BY_ID: Final = SelectSet(select(*_COLUMNS).where(in_set(usage_sessions.c.id, "ids")), "ids")
_LOCK_BY_ID: Final = SelectSet(
    select(*_COLUMNS).where(in_set(usage_sessions.c.id, "ids")).order_by(usage_sessions.c.id).with_for_update(), "ids"
)
_OF_CALLS: Final = select(*_COLUMNS).where(
    in_set(usage_sessions.c.source, "sources"), in_set(usage_sessions.c.call_id, "call_ids")
)
_BY_CALL: Final = SelectSet(_OF_CALLS, "sources", "call_ids")
_LOCK_BY_CALL: Final = SelectSet(
    _OF_CALLS.where(usage_sessions.c.ended_at.is_(None)).order_by(usage_sessions.c.id).with_for_update(),
    "sources",
    "call_ids",
)


def find_sessions(tx: Tx, ids: Iterable[str]) -> dict[str, UsageSession]:
    """Sessions as they stand; to change one, the wallet of its account must be locked before it is locked itself."""
    return {row.id: _session_of(row) for row in _BY_ID.run(tx, ids=ids)}


def lock_sessions(tx: Tx, ids: Iterable[str]) -> dict[str, UsageSession]:
    """The same, locked until the transaction ends; the wallets of their accounts are."""
    wanted = list(ids)
    return {row.id: _session_of(row) for row in _LOCK_BY_ID.run(tx, ids=wanted)} if wanted else {}


def find_sessions_of_calls(tx: Tx, keys: Iterable[Key]) -> dict[Key, UsageSession]:
    """Sessions of calls, open or not."""
    return _among(_BY_CALL, tx, set(keys))


def lock_open_sessions(tx: Tx, keys: Iterable[Key]) -> dict[Key, UsageSession]:
    """The open sessions of calls, locked until the transaction ends."""
    return _among(_LOCK_BY_CALL, tx, set(keys))


def insert_sessions(tx: Tx, new: Sequence[UsageSession]) -> None:
    """Keep sessions as they open."""
    _INSERT.run(tx, [_row_of(session) for session in new])


def change_sessions(tx: Tx, changed: Sequence[UsageSession]) -> None:
    """Write how far sessions have come, or that they have ended."""
    _CHANGE.run(
        tx,
        [
            (
                one.id,
                one.granted,
                one.amount,
                str(one.state),
                one.expires_at,
                one.ended_at,
                one.next_at,
                one.leased_until,
            )
            for one in changed
        ],
    )


def has_open_session(tx: Tx, account_id: str, rental_id: str) -> bool:
    """Whether a call of a rental goes on that is held for."""
    query = select(usage_sessions.c.id).where(
        usage_sessions.c.account_id == account_id,
        usage_sessions.c.rental_id == rental_id,
        usage_sessions.c.state == SessionState.OPEN.value,
    )
    return tx.execute(query.limit(1)).first() is not None


def last_opened(tx: Tx, account_ids: Collection[str], rental_ids: Collection[str]) -> dict[str, int]:
    """When the last session of each of some rentals was opened that goes on."""
    query = (
        select(usage_sessions.c.rental_id, func.max(usage_sessions.c.opened_at).label("last"))
        .where(
            usage_sessions.c.account_id.in_(sorted(account_ids)),
            usage_sessions.c.rental_id.in_(sorted(rental_ids)),
            usage_sessions.c.state == SessionState.OPEN.value,
        )
        .group_by(usage_sessions.c.rental_id)
    )
    return {row.rental_id: row.last for row in tx.execute(query)}


def _row_of(session: UsageSession) -> tuple[Any, ...]:
    return (*session[:_DIRECTION], str(session.direction), *session[_DIRECTION + 1 : _STATE], str(session.state),
            *session[_STATE + 1 :])  # fmt: skip


def _among(query: SelectSet, tx: Tx, keys: set[Key]) -> dict[Key, UsageSession]:
    if not keys:
        return {}
    rows = query.run(tx, sources={key[0] for key in keys}, call_ids={key[1] for key in keys})
    found = {session.key: session for session in map(_session_of, rows)}
    return {key: session for key, session in found.items() if key in keys}


def _session_of(row: Any) -> UsageSession:
    direction, state = Direction(row.direction), SessionState(row.state)
    return UsageSession._make((*row[:_DIRECTION], direction, *row[_DIRECTION + 1 : _STATE], state, *row[_STATE + 1 :]))
