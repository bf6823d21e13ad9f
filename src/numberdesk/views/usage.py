"""Calls and what became of records, as entry points show them.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from numberdesk.core.call_charging import CallState, KeptCall, ParkedReason, RecordOutcome, RecordResult, SourceSum
from numberdesk.core.call_forms import CallForm
from numberdesk.core.call_record import Direction
from numberdesk.core.lifecycle import SessionState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.core.rating import Rounding
from numberdesk.core.session import Denial, SessionAnswer
from numberdesk.usage.model import CallFeed, NumberMargin
from numberdesk.usage.pull_store import CallPull
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
    rounding: Rounding | None
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


class RatedParkedView(msgspec.Struct, frozen=True):
    """What came of looking at parked calls anew."""

    seen: Annotated[int, msgspec.Meta(description="Parked calls that were looked at, the oldest first.")]
    rated: Annotated[int, msgspec.Meta(description="Those of them that wait no longer.")]
    parked: Annotated[int, msgspec.Meta(description="Those of them that still wait, each for its reason.")]
    more: Annotated[bool, msgspec.Meta(description="Whether there are more than one request looks at.")]


class SourceSumView(msgspec.Struct, frozen=True):
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


def source_sum_view(heard: SourceSum) -> SourceSumView:
    """A line of the comparison of sources; minutes to two places."""
    minutes = (Decimal(heard.seconds) / 60).quantize(Decimal("0.01"))
    day = iso_seconds(heard.day).partition("T")[0]
    return SourceSumView(
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
        rounding=None if rate is None else rate.rounding,
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


class FeedView(msgspec.Struct, frozen=True):
    """A feed, without its secret."""

    account_id: AccountId
    name: Annotated[str, msgspec.Meta(description="Its name, which stands in the address that records are sent to.")]
    form: Annotated[CallForm, msgspec.Meta(description="The form of its records.")]
    signed: Annotated[bool, msgspec.Meta(description="Whether its sender has to sign.")]
    url: Annotated[str | None, msgspec.Meta(description="The address that is signed over, as its sender has it.")]
    mapping: Annotated[str | None, msgspec.Meta(description="How its fields are read; null for a form that is known.")]
    created_at: Instant


def feed_view(feed: CallFeed) -> FeedView:
    """A feed, as operators see it."""
    return FeedView(
        feed.account_id,
        feed.name,
        feed.form,
        feed.secret is not None,
        feed.url,
        feed.mapping,
        iso_seconds(feed.created_at),
    )


class PullView(msgspec.Struct, frozen=True):
    """A day of a carrier whose calls are read: when that began last, comes next, and what went wrong."""

    carrier: Annotated[str, msgspec.Meta(description="Whose list is read.")]
    day: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"}, description="Which day, in UTC.")]
    listed: Annotated[int, msgspec.Meta(description="Calls that it listed when it was read last.")]
    read_at: Annotated[Instant | None, msgspec.Meta(description="When reading it began last.")]
    next_at: Annotated[Instant | None, msgspec.Meta(description="When it is read again; null when it is not.")]
    done_at: Annotated[Instant | None, msgspec.Meta(description="When it was read for the last time.")]
    message: Annotated[str, msgspec.Meta(description="What went wrong; empty for nothing.")]


def pull_view(pull: CallPull) -> PullView:
    """A day of a carrier, as operators see it."""
    return PullView(
        pull.carrier,
        iso_seconds(pull.day)[:10],
        pull.listed,
        iso_or_none(pull.began_at),
        iso_or_none(pull.next_at),
        iso_or_none(pull.ended_at),
        pull.message,
    )


class MarginView(msgspec.Struct, frozen=True):
    """What calls of a number in a month of UTC were charged beside what they cost."""

    month: str
    phone_number: PhoneNumber
    carrier: str
    currency: Currency
    calls: int
    seconds: int
    charged: Decimal
    cost: Decimal
    margin: Decimal | None
    calls_without_cost: int


def margin_view(margin: NumberMargin) -> MarginView:
    """The margin of a number."""
    return MarginView(
        iso_seconds(margin.month)[:7],
        margin.e164,
        margin.carrier,
        margin.currency,
        margin.calls,
        margin.seconds,
        as_decimal(margin.charged),
        as_decimal(margin.cost),
        None if margin.margin is None else as_decimal(margin.margin),
        margin.uncosted,
    )
