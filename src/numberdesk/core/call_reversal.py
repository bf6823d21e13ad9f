"""Charges of calls that are taken back, and what is charged in their place.

Touches: nothing.

What a call was charged is given back as a whole, in a transfer of its own, and it is rated anew: no transfer ever
changes, and the month in which a call was charged first stays as it was.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.call_charging import CallBooks, KeptCall
from numberdesk.core.call_record import ERASED, Direction
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.rating import CallRate, Increments, Rounding, billed_seconds, charge_of, kept_rounding

LONGEST_REASON: Final = 200


class MendedRates(NamedTuple):
    """What calls are to cost instead of what their rentals say; None where that holds."""

    inbound: int | None = None
    outbound: int | None = None
    connect: int | None = None
    increments: Increments | None = None
    rounding: Rounding | None = None


class CallReversal(NamedTuple):
    """A charge that was taken back: what it was, the transfers that had carried it, and the one that gave it back."""

    id: str
    account_id: str
    call: str
    seconds: int
    per_minute: int
    connect: int
    minimum: int
    step: int
    rounding: str | None
    billed: int
    amount: int
    owed: int
    transfer_id: str | None
    owed_transfer_id: str | None
    charged_at: int
    reversal_id: str | None
    reversed_at: int
    reason: str


class ChargeChange(NamedTuple):
    """A charged call as it was, and as it is rated anew."""

    before: KeptCall
    after: KeptCall

    @property
    def raised_by(self) -> int:
        """By how much its charge rises, in micros."""
        return (self.after.amount or 0) - (self.before.amount or 0)


def rated_anew(call: KeptCall, rate: CallRate, now: int, seconds: int | None = None) -> ChargeChange | None:
    """What a charged call costs at a rate, or with other seconds; None where nothing changes, or it is too dear."""
    lasted = call.record.seconds if seconds is None else seconds
    if lasted is None or (rate == call.rate and lasted == call.record.seconds):
        return None
    amount = charge_of(lasted, rate)
    if amount > MAX_PRICE:
        return None
    return ChargeChange(
        call,
        call._replace(
            record=call.record._replace(seconds=lasted),
            rate=rate,
            billed=billed_seconds(lasted, rate.increments),
            amount=amount,
            charged_at=now,
            owed=0,
            transfer_id=None,
            owed_transfer_id=None,
        ),
    )


def mended_rate(books: CallBooks, call: KeptCall, mended: MendedRates) -> CallRate | None:
    """What a call costs by the books, with what is mended in its place; None where neither says it."""
    record = call.record
    span = books.span_at(record)
    known = None if span is None else books.rate_of(span, record.direction, record.started_at, record.other)
    if record.other == ERASED and record.direction is Direction.OUTBOUND:
        known = call.rate  # no deck can be asked for it any more
    own = mended.inbound if record.direction is Direction.INBOUND else mended.outbound
    per_minute = own if own is not None or known is None else known.per_minute
    if per_minute is None or known is None:
        return None
    connect = known.connect if mended.connect is None else mended.connect
    increments = known.increments if mended.increments is None else mended.increments
    return CallRate(per_minute, connect, increments, mended.rounding or known.rounding)


def reversal_of(call: KeptCall, reversal_id: str, transfer_id: str, now: int, reason: str) -> CallReversal:
    """The reversal of a charged call."""
    assert call.span is not None  # noqa: S101  a charged call is of a rental
    rate = call.rate or CallRate(0)
    return CallReversal(
        reversal_id,
        call.span.account_id,
        call.id,
        call.record.seconds or 0,
        rate.per_minute,
        rate.connect,
        rate.increments.minimum,
        rate.increments.step,
        kept_rounding(rate.rounding),
        call.billed or 0,
        call.amount or 0,
        call.owed,
        call.transfer_id,
        call.owed_transfer_id,
        call.charged_at or now,
        transfer_id if call.amount else None,
        now,
        reason,
    )


def reversal_transfer_id(serial: str) -> str:
    """The transfer that gives the charges of a batch back to a wallet."""
    return f"trf_{serial}_reversal"
