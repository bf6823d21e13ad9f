"""Calls and what became of records, as entry points show them.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from numberdesk.core.call_charging import CallState, Heard, KeptCall, ParkedReason, RecordOutcome, RecordResult
from numberdesk.core.call_record import Direction
from numberdesk.core.lifecycle import SessionState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.core.session import Denial, SessionAnswer
from numberdesk.views.formats import AccountId, Currency, Instant, PhoneNumber, RentalId, SessionId, TransferId


class RecordResultView(msgspec.Struct, frozen=True):
    """What became of one record, in the order in which they were sent."""

    outcome: RecordOutcome
    call_id: str | None
    leg: str
    status: CallState | None
    amount: Decimal | None
    field: str | None
    reason: str | None


class CallView(msgspec.Struct, frozen=True):
    """A call of an account. What it cost is null unless it was charged."""

    source: str
    call_id: str
    leg: str
    phone_number: PhoneNumber
    direction: Direction
    other: str
    started_at: Instant
    answered_at: Instant | None
    ended_at: Instant | None
    seconds: int | None
    disposition: str
    status: CallState
    reason: ParkedReason | None
    rate: Decimal | None
    connect_fee: Decimal | None
    increments: str | None
    billed_seconds: int | None
    amount: Decimal | None
    owed: Decimal | None
    currency: Currency | None
    transaction_id: TransferId | None


class ParkedCallView(CallView, frozen=True):
    """A call that waits for a person, with the account and rental of its number where somebody rented it then."""

    id: str
    account_id: AccountId | None
    rental_id: RentalId | None


class HeardView(msgspec.Struct, frozen=True):
    """What a source told of a number on a day of UTC."""

    day: str
    phone_number: PhoneNumber
    source: str
    status: CallState
    calls: int
    seconds: int
    minutes: Decimal
    amount: Decimal


class SessionView(msgspec.Struct, frozen=True):
    """Whether a call may begin or go on, and how far it is held for. All is null where no session could be opened."""

    allowed: bool
    reason: Denial | None
    session_id: SessionId | None
    call_id: str | None
    leg: str | None
    phone_number: PhoneNumber | None
    direction: Direction | None
    status: SessionState | None
    max_seconds: int | None
    held: Decimal | None
    currency: Currency | None
    opened_at: Instant | None
    expires_at: Instant | None
    ended_at: Instant | None


class EndedSessionView(RecordResultView, frozen=True):
    """What became of the record of a session's call."""

    session_id: SessionId


def session_view(answer: SessionAnswer) -> SessionView:
    """The answer to a source that asked."""
    session = answer.session
    if session is None:
        return SessionView(answer.allowed, answer.denial, *(None,) * 12)
    is_open = session.state is SessionState.OPEN
    return SessionView(
        answer.allowed,
        answer.denial,
        session.id,
        session.call_id,
        session.leg,
        session.e164,
        session.direction,
        session.state,
        session.granted,
        as_decimal(session.amount if is_open else 0),
        session.currency,
        iso_seconds(session.opened_at),
        iso_seconds(session.expires_at),
        iso_or_none(session.ended_at),
    )


def ended_session_view(session_id: str, result: RecordResult) -> EndedSessionView:
    """The outcome of the record that ends a session."""
    return EndedSessionView(**msgspec.structs.asdict(record_result_view(result)), session_id=session_id)


def heard_view(heard: Heard) -> HeardView:
    """A line of the comparison of sources; minutes to two places."""
    minutes = (Decimal(heard.seconds) / 60).quantize(Decimal("0.01"))
    day = iso_seconds(heard.day).partition("T")[0]
    return HeardView(
        day, heard.e164, heard.source, heard.state, heard.calls, heard.seconds, minutes, as_decimal(heard.amount)
    )


def record_result_view(result: RecordResult) -> RecordResultView:
    """The outcome of a record."""
    call = result.call if result.outcome is not RecordOutcome.CONFLICT else None
    return RecordResultView(
        result.outcome,
        result.call_id,
        result.leg,
        None if call is None else call.state,
        None if call is None or call.amount is None else as_decimal(call.amount),
        result.field,
        result.reason,
    )


def call_view(call: KeptCall) -> CallView:
    """A call, as its account sees it."""
    record, rate = call.record, call.rate
    return CallView(
        source=record.source,
        call_id=record.call_id,
        leg=record.leg,
        phone_number=record.e164,
        direction=record.direction,
        other=record.other,
        started_at=iso_seconds(record.started_at),
        answered_at=iso_or_none(record.answered_at),
        ended_at=iso_or_none(record.ended_at),
        seconds=record.seconds,
        disposition=record.disposition,
        status=call.state,
        reason=call.reason,
        rate=None if rate is None else as_decimal(rate.per_minute),
        connect_fee=None if rate is None else as_decimal(rate.connect),
        increments=None if rate is None else str(rate.increments),
        billed_seconds=call.billed,
        amount=None if call.amount is None else as_decimal(call.amount),
        owed=None if call.amount is None else as_decimal(call.owed),
        currency=None if call.span is None else call.span.currency,
        transaction_id=call.transfer_id,
    )


def parked_call_view(call: KeptCall) -> ParkedCallView:
    """A call, as operators see it."""
    span = call.span
    return ParkedCallView(
        **msgspec.structs.asdict(call_view(call)),
        id=call.id,
        account_id=None if span is None else span.account_id,
        rental_id=None if span is None else span.rental_id,
    )
