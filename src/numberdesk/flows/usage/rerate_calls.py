"""Take charges of calls back and rate the calls anew: for a tariff that was mended, or a record that was wrong.

Touches: database.

Of each batch one transfer gives the former charges back to the wallet, which pays what is owed first, and the new ones
are taken as those of any calls. A charge is raised only where that is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.call_charging import CallState, KeptCall, ParkedReason
from numberdesk.core.call_record import MOST_SECONDS
from numberdesk.core.call_reversal import (
    LONGEST_REASON,
    ChargeChange,
    MendedRates,
    mended_rate,
    rated_anew,
    reversal_of,
    reversal_transfer_id,
)
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import format_micros
from numberdesk.core.purchase import Wallet
from numberdesk.core.text import TextError, parse_text
from numberdesk.flows.tell_credits import tell_credits
from numberdesk.flows.usage.record_calls import MOST_RECORDS, USAGE, charge, load_books
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Transfer, wallet_account
from numberdesk.ledger.store import insert_transfers, lock_wallets
from numberdesk.usage.reversal_store import change_seconds, find_call, insert_reversals, list_charged
from numberdesk.usage.store import charge_calls

USAGE_REVERSAL: Final = "usage_reversal"


class Rerate(NamedTuple):
    """Rate an account's charged calls anew that began from `since` to before `until`: a batch of them, after a place.

    `batch_id` is new. Without `allow_raise` those whose charge would rise stay as they are.
    """

    batch_id: str
    account_id: str
    since: int
    until: int
    after: tuple[int, str] | None
    mended: MendedRates
    allow_raise: bool
    reason: str
    now: int


class Rerated(NamedTuple):
    """What came of a batch, or would: calls that were seen, changed, and would rise; charges before and after.

    `last` is the place of the last one seen; None when there are no more.
    """

    seen: int
    changed: int
    raised: int
    before: int
    after: int
    last: tuple[int, str] | None

    def with_more(self, more: Rerated) -> Rerated:
        """Both together, up to where the second one ends."""
        return Rerated(
            self.seen + more.seen,
            self.changed + more.changed,
            self.raised + more.raised,
            self.before + more.before,
            self.after + more.after,
            more.last,
        )


class CorrectCall(NamedTuple):
    """A call that was of so many seconds in truth. `batch_id` is new."""

    batch_id: str
    call: str
    seconds: int
    allow_raise: bool
    reason: str
    now: int


def checked_reason(reason: str) -> str:
    """Why charges are changed, in a person's words. Raises InvalidRequest."""
    try:
        return parse_text(reason, longest=LONGEST_REASON)
    except TextError as error:
        raise InvalidRequest("reason", str(error)) from None


def plan_rerate(tx: Tx, command: Rerate) -> Rerated:
    """What rating a batch anew would change; nothing is written."""
    calls, changes = _planned(tx, command)
    return _told(calls, changes, changes)


def rerate_calls(tx: Tx, commands: Sequence[Rerate]) -> list[Rerated]:
    """Rate batches of calls anew."""
    return [_rerate(tx, command) for command in commands]


def _rerate(tx: Tx, command: Rerate) -> Rerated:
    lock_wallets(tx, [command.account_id])  # before the calls are read: whoever charges one of them has locked it
    calls, changes = _planned(tx, command)
    allowed = [change for change in changes if command.allow_raise or change.raised_by <= 0]
    _post(tx, allowed, command.batch_id, command.reason, command.now)
    return _told(calls, changes, allowed)


def _planned(tx: Tx, command: Rerate) -> tuple[list[KeptCall], list[ChargeChange]]:
    calls = list_charged(
        tx, command.account_id, since=command.since, until=command.until, after=command.after, limit=MOST_RECORDS
    )
    books = load_books(tx, [call.record for call in calls])
    changes = []
    for call in calls:
        rate = mended_rate(books, call, command.mended)
        change = None if rate is None else rated_anew(call, rate, command.now)
        if change is not None:
            changes.append(change)
    return calls, changes


def _told(calls: Sequence[KeptCall], changes: Sequence[ChargeChange], made: Sequence[ChargeChange]) -> Rerated:
    last = calls[-1] if len(calls) == MOST_RECORDS else None
    return Rerated(
        len(calls),
        len(made),
        sum(change.raised_by > 0 for change in changes),
        sum(change.before.amount or 0 for change in made),
        sum(change.after.amount or 0 for change in made),
        None if last is None else (last.record.started_at, last.id),
    )


def correct_calls(tx: Tx, commands: Sequence[CorrectCall]) -> list[ChargeChange | NumberdeskError]:
    """Set the seconds of calls right; a call that is charged is charged anew at the rate that it had."""
    return [_correct(tx, command) for command in commands]


def _correct(tx: Tx, command: CorrectCall) -> ChargeChange | NumberdeskError:
    if not 0 <= command.seconds <= MOST_SECONDS:
        return InvalidRequest("seconds", f"must be from 0 to {MOST_SECONDS}")
    found = find_call(tx, command.call)
    if found is None:
        return NotFound("There is no such call.")
    if found.span is not None:
        lock_wallets(tx, [found.span.account_id])
    call = find_call(tx, command.call) or found  # as it is once its wallet is locked
    if call.reason is ParkedReason.NO_DURATION:
        after = call._replace(record=call.record._replace(seconds=command.seconds))
        change_seconds(tx, [after])
        return ChargeChange(call, after)
    return _charge_corrected(tx, call, command)


def _charge_corrected(tx: Tx, call: KeptCall, command: CorrectCall) -> ChargeChange | NumberdeskError:
    if call.state is not CallState.CHARGED or call.rate is None:
        return Forbidden("This call is not charged, and nothing about it is to be corrected.")
    change = rated_anew(call, call.rate, command.now, command.seconds)
    if change is None:
        return InvalidRequest("seconds", "change nothing, or make the call cost more than a million")
    if change.raised_by > 0 and not command.allow_raise:
        return Forbidden(f"This would raise the charge by {format_micros(change.raised_by)}, which has to be allowed.")
    (done,) = _post(tx, [change], command.batch_id, command.reason, command.now)
    change_seconds(tx, [done])
    return change._replace(after=done)


def _post(tx: Tx, changes: Sequence[ChargeChange], batch_id: str, reason: str, now: int) -> list[KeptCall]:
    """Give back the charges of calls of one account, whose wallet is locked, and charge them anew."""
    if not changes:
        return []
    serial = batch_id.removeprefix("bat_")
    transfer_id = reversal_transfer_id(serial)
    insert_reversals(
        tx,
        [
            reversal_of(change.before, f"crv_{serial}_{place:03d}", transfer_id, now, reason)
            for place, change in enumerate(changes)
        ],
    )
    span = changes[0].before.span
    assert span is not None  # noqa: S101  a charged call is of a rental
    wallets = lock_wallets(tx, [span.account_id])
    given_back: dict[str, Wallet] = {}
    amount = sum(change.before.amount or 0 for change in changes)
    if amount:
        wallet = wallets[span.account_id]
        after = wallet._replace(posted=wallet.posted + amount, entries=wallet.entries + 1)
        transfer = Transfer(
            transfer_id,
            USAGE_REVERSAL,
            REVENUE[USAGE],
            wallet_account(span.account_id),
            amount,
            span.currency,
            span.account_id,
            after.entries,
            after.posted,
            None,
            None,
            now,
        )
        insert_transfers(tx, [transfer])
        tell_credits(tx, [transfer])
        wallets = given_back = {span.account_id: after}
    done = charge(tx, [change.after for change in changes], wallets, batch_id, now, given_back)
    charge_calls(tx, done)
    return done
