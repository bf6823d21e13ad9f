"""What the charged calls of an account come to in a time, by number, day or month.

Touches: database.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.statement import Month, UsageSum, month_of
from numberdesk.infra.db import Tx
from numberdesk.usage.sum_store import SummedBy, UsageSpan, find_call_after, sum_usage

LONGEST_SPAN_DAYS: Final = 400
"""Days whose calls are summed at once: more than a year, so that one can be compared with the last."""

MOST_SUMMED: Final = 500_000
"""Calls that are looked at for one answer, so that none takes longer than they do."""


class UsageQuestion(NamedTuple):
    """Calls of an account that began from `since` to before `until`, of one number or of all."""

    account_id: str
    since: int
    until: int
    e164: str | None = None
    by: SummedBy = SummedBy.NUMBER


def sum_of_calls(
    tx: Tx, asked: UsageQuestion, *, after: tuple[str, int] | None, limit: int, most: int = MOST_SUMMED
) -> list[UsageSum]:
    """Sums in the order of numbers and times, after a place. Raises InvalidRequest where there are over `most` calls.

    A sum of some of them would be wrong, so a shorter time has to be asked for, and the error says how short.
    """
    months = _months(asked.since, asked.until)
    span = UsageSpan(asked.account_id, asked.since, asked.until, asked.e164, months)
    beyond = find_call_after(tx, span, most)
    if beyond is not None:
        raise InvalidRequest("until", f"is too far: more than {most:,} calls began before it; {_fits(span, beyond)}")
    return sum_usage(tx, span, asked.by, after=after, limit=limit)


def _fits(span: UsageSpan, beyond: int) -> str:
    """Until when there are few enough: the beginning of the second in which the first call came that is too many."""
    until = beyond // MICROSECONDS * MICROSECONDS
    return f"until {iso_seconds(until)} there are few enough" if until > span.since else "there are too many at once"


def _months(since: int, until: int) -> tuple[Month, ...]:
    months = [month_of(since)]
    while months[-1].ends_at < until:
        months.append(month_of(months[-1].ends_at))
    return tuple(months)
