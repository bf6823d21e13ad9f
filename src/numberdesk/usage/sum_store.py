"""The SQL of what calls come to: those that transfers carry, and those of a time by number, day or month.

Touches: calls.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, case, func, literal, select, tuple_

from numberdesk.core.call_charging import CallState
from numberdesk.core.call_record import Direction
from numberdesk.core.rating import CallRate, Increments, rounding_of
from numberdesk.core.statement import CarriedCalls, Month, UsageSum
from numberdesk.infra.db import Tx
from numberdesk.tables import calls
from numberdesk.usage.store import DAY

_day: Final = (calls.c.started_at // DAY * DAY).label("day")
_TERMS: Final = (calls.c.per_minute, calls.c.connect, calls.c.minimum, calls.c.step, calls.c.rounding)
_SUMS: Final = (
    func.count().label("calls"),
    func.coalesce(func.sum(calls.c.seconds), 0).label("seconds"),
    func.coalesce(func.sum(calls.c.billed), 0).label("billed"),
)


class SummedBy(StrEnum):
    """What calls are summed by."""

    NUMBER = "number"
    DAY = "day"
    MONTH = "month"
    NUMBER_AND_DAY = "number_and_day"
    NUMBER_AND_MONTH = "number_and_month"


class UsageSpan(NamedTuple):
    """Calls of an account that began in some months, cut to `since` and `until`, of one number or of all."""

    account_id: str
    since: int
    until: int
    e164: str | None
    months: tuple[Month, ...]


def sum_carried(tx: Tx, transfer_ids: Collection[str], *, owed: bool = False) -> list[CarriedCalls]:
    """The calls that transfers carry, out of wallets or into what is owed, by number, direction, day and rate."""
    if not transfer_ids:
        return []
    carrier = calls.c.owed_transfer_id if owed else calls.c.transfer_id
    share = calls.c.owed if owed else calls.c.amount - calls.c.owed
    by = (carrier.label("carrier"), calls.c.e164, calls.c.direction, _day, *_TERMS)
    query = (
        select(*by, *_SUMS, func.sum(share).label("amount"))
        .where(carrier.in_(sorted(transfer_ids)), carrier.is_not(None))
        .group_by(*by)
        .order_by("carrier", calls.c.e164, "day", calls.c.direction, *_TERMS)
    )
    return [_carried_of(row) for row in tx.execute(query)]


def _carried_of(row: Any) -> CarriedCalls:
    rate = CallRate(row.per_minute, row.connect, Increments(row.minimum, row.step), rounding_of(row.rounding))
    sums = (row.calls, int(row.seconds), int(row.billed), int(row.amount))
    return CarriedCalls(row.carrier, row.e164, Direction(row.direction), row.day, rate, *sums)


def find_call_after(tx: Tx, span: UsageSpan, most: int) -> int | None:
    """When the call began that is one more than `most` in the time of a span, of whatever number; None for none."""
    query = (
        select(calls.c.started_at)
        .where(calls.c.account_id == span.account_id)
        .where(calls.c.started_at >= span.since, calls.c.started_at < span.until)
        .order_by(calls.c.started_at, calls.c.id)
    )
    row = tx.execute(query.offset(most).limit(1)).first()
    return None if row is None else row.started_at


def sum_usage(tx: Tx, span: UsageSpan, by: SummedBy, *, after: tuple[str, int] | None, limit: int) -> list[UsageSum]:
    """What charged calls of an account come to, in the order of numbers and times, after a place."""
    number, begins_at = _group(span, by)
    query = (
        select(
            number.label("whose"),
            begins_at.label("begins"),
            *_SUMS,
            func.coalesce(func.sum(calls.c.amount), 0).label("amount"),
            func.coalesce(func.sum(calls.c.owed), 0).label("owed"),
        )
        .where(calls.c.account_id == span.account_id, calls.c.state == CallState.CHARGED.value)
        .where(calls.c.started_at >= span.since, calls.c.started_at < span.until)
    )
    if span.e164 is not None:
        query = query.where(calls.c.e164 == span.e164)
    if after is not None:
        query = query.where(tuple_(number, begins_at) > after)
    return [_sum_of(row, by) for row in tx.execute(_grouped(query).limit(limit))]


def _group(span: UsageSpan, by: SummedBy) -> tuple[Any, Any]:
    """The number and the time that calls are summed by; a constant in place of what they are not."""
    number: Any = calls.c.e164 if by not in (SummedBy.DAY, SummedBy.MONTH) else literal("")
    if by in (SummedBy.DAY, SummedBy.NUMBER_AND_DAY):
        return number, _day.element
    if by is SummedBy.NUMBER:
        return number, literal(0)
    months = [(calls.c.started_at < month.ends_at, literal(month.begins_at)) for month in span.months]
    return number, case(*months, else_=literal(0))


def _grouped(query: Select[Any]) -> Select[Any]:
    inner = query.selected_columns
    return query.group_by(inner["whose"], inner["begins"]).order_by(inner["whose"], inner["begins"])


def _sum_of(row: Any, by: SummedBy) -> UsageSum:
    e164 = row.whose or None
    begins_at = None if by is SummedBy.NUMBER else row.begins
    return UsageSum(e164, begins_at, row.calls, int(row.seconds), int(row.billed), int(row.amount), int(row.owed))
