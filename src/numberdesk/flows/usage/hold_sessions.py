"""Open and extend sessions: hold what calls cost before they go on, as sets.

Touches: database.

Accounts are locked before their sessions, as everywhere, so calls of one account at the same time see what the others
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from numberdesk.core.call_record import Direction
from numberdesk.core.errors import WrongSource
from numberdesk.core.lifecycle import HoldState
from numberdesk.core.purchase import Wallet
from numberdesk.core.session import (
    Denial,
    ExtendSession,
    Key,
    OpenSession,
    SessionAnswer,
    SessionBooks,
    SessionOutcome,
    UsageSession,
)
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.usage.record_calls import terms_of
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import Hold
from numberdesk.ledger.receivable_store import find_unpaid
from numberdesk.ledger.store import change_holds, find_wallet, insert_holds, lock_wallets
from numberdesk.usage.session_store import (
    change_sessions,
    find_sessions,
    find_sessions_of_calls,
    insert_sessions,
    lock_sessions,
)
from numberdesk.usage.store import find_live_spans, find_recorded

OpenFlow = Callable[[Tx, Sequence[OpenSession]], list[SessionOutcome]]
ExtendFlow = Callable[[Tx, Sequence[ExtendSession]], list[SessionOutcome]]


def open_sessions(slice_seconds: int) -> OpenFlow:
    """The write flow, for a slice of so many seconds; each outcome says whether the call may begin, or is an error."""

    def apply(tx: Tx, commands: Sequence[OpenSession]) -> list[SessionOutcome]:
        legs = [leg for command in commands for leg in (command, command.onward) if leg is not None]
        numbers, keys = {leg.e164 for leg in legs}, {leg.key for leg in legs}
        called = {leg.other for leg in legs if leg.direction is Direction.OUTBOUND}
        books = _load(tx, numbers, keys, {}, slice_seconds, called)
        outcomes = [books.open(command) for command in commands]
        opened = list(books.changed.values())
        insert_sessions(tx, opened)
        insert_holds(tx, [_hold_of(session) for session in opened if session.amount])
        _keep_wallets(tx, books, commands[-1].now)
        return outcomes

    return apply


def extend_sessions(slice_seconds: int) -> ExtendFlow:
    """The write flow, for a slice of so many seconds; each outcome says whether the call may go on, or is an error."""

    def apply(tx: Tx, commands: Sequence[ExtendSession]) -> list[SessionOutcome]:
        known = find_sessions(tx, {command.session_id for command in commands})
        books = _load(tx, {session.e164 for session in known.values()}, set(), known, slice_seconds)
        before = dict(books.by_id)
        outcomes = [books.extend(command) for command in commands]
        change_sessions(tx, list(books.changed.values()))
        dearer = [session for session in books.changed.values() if session.amount > before[session.id].amount]
        change_holds(tx, {session.id: session.amount for session in dearer if before[session.id].amount})
        insert_holds(tx, [_hold_of(session) for session in dearer if not before[session.id].amount])
        _keep_wallets(tx, books, commands[-1].now)
        return outcomes

    return apply


def try_opening(tx: Tx, command: OpenSession, slice_seconds: int) -> SessionOutcome:
    """What the source that charges would be answered to a call that nobody has told of yet; nothing is written.

    Where no source charges the outcome is WrongSource: whoever asked would be one.
    """
    spans = find_live_spans(tx, {command.e164})
    wallets = {
        wallet.account_id: wallet for span in spans.values() if (wallet := find_wallet(tx, span.account_id)) is not None
    }
    called = {leg.other for leg in (command, command.onward) if leg is not None and leg.direction is Direction.OUTBOUND}
    books = _books(tx, wallets, {command.e164}, set(), {}, slice_seconds, called)
    span = books.spans.get(command.e164)
    if span is None:
        return SessionAnswer(None, Denial.NOT_IN_SERVICE)
    source = books.calls.source_of(span, max(command.now, span.began_at))
    return WrongSource() if source is None else books.open(command._replace(source=source))


def _load(
    tx: Tx,
    numbers: set[str],
    keys: set[Key],
    known: Mapping[str, UsageSession],
    slice_seconds: int,
    called: Collection[str] = (),
) -> SessionBooks:
    """What decides; accounts are locked first, and what stands of their rentals, sessions and debts is read then."""
    renters = {span.account_id for span in find_live_spans(tx, numbers).values()}
    wallets = lock_wallets(tx, renters | {session.account_id for session in known.values()})
    return _books(tx, wallets, numbers, keys, known, slice_seconds, called)


def _books(
    tx: Tx,
    wallets: dict[str, Wallet],
    numbers: set[str],
    keys: set[Key],
    known: Mapping[str, UsageSession],
    slice_seconds: int,
    called: Collection[str],
) -> SessionBooks:
    spans = {e164: span for e164, span in find_live_spans(tx, numbers).items() if span.account_id in wallets}
    return SessionBooks(
        spans=spans,
        calls=terms_of(tx, {e164: [span] for e164, span in spans.items()}, called),
        wallets=wallets,
        indebted=find_unpaid(tx, wallets),
        recorded=find_recorded(tx, keys),
        by_key=find_sessions_of_calls(tx, keys),
        by_id=lock_sessions(tx, known),
        slice_seconds=slice_seconds,
    )


def _keep_wallets(tx: Tx, books: SessionBooks, now: int) -> None:
    keep_wallets(tx, {one.account_id: books.wallets[one.account_id] for one in books.changed.values()}, now)


def _hold_of(session: UsageSession) -> Hold:
    return Hold(session.id, session.account_id, session.amount, HoldState.OPEN, session.opened_at, None)
