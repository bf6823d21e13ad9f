"""Statements and what calls come to, as entry points show them.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from numberdesk.core.billing import in_words
from numberdesk.core.call_record import Direction
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_seconds, to_datetime
from numberdesk.core.rating import Rounding
from numberdesk.core.statement import UTC_ZONE, CarriedCalls, KindTotal, UsageSum, Zone
from numberdesk.flows.statements.read_statements import DescribedLine, LinePeriod, Section, StatementHead
from numberdesk.views.formats import AccountId, Currency, Instant, OrderId, PhoneNumber, TransferId, TransferKind

MonthName = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}$")]
Day = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]


class StatementState(StrEnum):
    """Whether lines may still come."""

    OPEN = "open"
    CLOSED = "closed"


class PeriodView(msgspec.Struct, frozen=True):
    """The period of a rental that a line paid."""

    period: int
    begins_at: Instant
    ends_at: Instant
    length: str


class CarriedCallsView(msgspec.Struct, frozen=True):
    """Calls of one number, direction, day and rate that a line is made of."""

    phone_number: PhoneNumber
    direction: Direction
    day: Day
    calls: int
    seconds: int
    billed_seconds: int
    rate: Decimal
    connect_fee: Decimal
    increments: str
    rounding: Rounding
    amount: Decimal


class StatementLineView(msgspec.Struct, frozen=True):
    """A line of a statement."""

    section: Section
    id: TransferId
    entry: int | None
    posted_at: Instant
    kind: TransferKind
    amount: Decimal
    balance: Decimal | None
    phone_number: PhoneNumber | None
    period: PeriodView | None
    calls: list[CarriedCallsView]
    order_id: OrderId | None
    reference: str | None


class KindTotalView(msgspec.Struct, frozen=True):
    """What the lines of a kind come to."""

    kind: TransferKind
    lines: int
    amount: Decimal


class StatementHeadView(msgspec.Struct, frozen=True):
    """A month of an account: how it opens and closes."""

    account_id: AccountId
    account_name: str
    month: MonthName
    begins_at: Instant
    ends_at: Instant
    time_zone: str
    status: StatementState
    currency: Currency
    opening_balance: Decimal
    closing_balance: Decimal
    opening_owed: Decimal
    closing_owed: Decimal
    line_count: int


class StatementView(StatementHeadView, frozen=True):
    """A statement, or a page of its lines. Totals are on the first page."""

    totals: list[KindTotalView] | None
    lines: list[StatementLineView]


class UsageSumView(msgspec.Struct, frozen=True):
    """What charged calls come to."""

    phone_number: PhoneNumber | None
    day: Day | None
    month: MonthName | None
    calls: int
    seconds: int
    billed_seconds: int
    charged: Decimal
    owed: Decimal
    currency: Currency


def statement_head_view(head: StatementHead) -> StatementHeadView:
    """A month."""
    edges = head.edges
    return StatementHeadView(
        head.account.id,
        head.account.name,
        head.month.name,
        iso_seconds(head.month.begins_at),
        iso_seconds(head.month.ends_at),
        head.month.zone.name,
        StatementState.OPEN if head.is_open else StatementState.CLOSED,
        head.account.currency,
        as_decimal(edges.opening),
        as_decimal(edges.closing),
        as_decimal(edges.owed_opening),
        as_decimal(edges.owed_closing),
        edges.lines,
    )


def statement_view(
    head: StatementHead, totals: Sequence[KindTotal] | None, lines: Sequence[DescribedLine]
) -> StatementView:
    """A month with some of its lines."""
    return StatementView(
        **msgspec.structs.asdict(statement_head_view(head)),
        totals=None
        if totals is None
        else [KindTotalView(one.kind, one.lines, as_decimal(one.amount)) for one in totals],
        lines=[statement_line_view(line) for line in lines],
    )


def statement_line_view(line: DescribedLine) -> StatementLineView:
    """A line."""
    transfer = line.transfer
    return StatementLineView(
        section=line.section,
        id=transfer.id,
        entry=transfer.entry if line.section is Section.WALLET else None,
        posted_at=iso_seconds(transfer.created_at),
        kind=transfer.kind,
        amount=as_decimal(line.amount),
        balance=None if line.balance is None else as_decimal(line.balance),
        phone_number=line.e164,
        period=period_view(line.period),
        calls=[_calls_view(one) for one in line.calls],
        order_id=transfer.order_id,
        reference=transfer.reference,
    )


def period_view(period: LinePeriod | None) -> PeriodView | None:
    """A period, where there is one."""
    if period is None:
        return None
    return PeriodView(period.number, iso_seconds(period.begins_at), iso_seconds(period.ends_at), in_words(period.term))


def _calls_view(calls: CarriedCalls) -> CarriedCallsView:
    return CarriedCallsView(
        calls.e164,
        calls.direction,
        day_text(calls.day),
        calls.calls,
        calls.seconds,
        calls.billed,
        as_decimal(calls.rate.per_minute),
        as_decimal(calls.rate.connect),
        str(calls.rate.increments),
        calls.rate.rounding,
        as_decimal(calls.amount),
    )


def day_text(instant: int, zone: Zone = UTC_ZONE) -> str:
    """The day of an instant in a zone, like 2026-03-20."""
    if zone is UTC_ZONE:
        return iso_seconds(instant).partition("T")[0]
    return f"{to_datetime(instant).astimezone(zone.rules):%Y-%m-%d}"


def usage_sum_view(summed: UsageSum, currency: str, *, by_month: bool) -> UsageSumView:
    """A sum; the time that it is of is a day or a month."""
    day = None if summed.begins_at is None else day_text(summed.begins_at)
    return UsageSumView(
        summed.e164,
        None if by_month else day,
        day[:7] if by_month and day is not None else None,
        summed.calls,
        summed.seconds,
        summed.billed,
        as_decimal(summed.amount),
        as_decimal(summed.owed),
        currency,
    )
