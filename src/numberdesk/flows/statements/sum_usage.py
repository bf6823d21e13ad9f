"""What the charged calls of an account come to in a time, by number, day or month.

Touches: database.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.statement import Month, UsageSum, month_of
from numberdesk.infra.db import Tx
from numberdesk.usage.sum_store import SummedBy, UsageSpan, sum_usage

LONGEST_SPAN_DAYS: Final = 400
"""Days whose calls are summed at once: more than a year, so that one can be compared with the last."""


class UsageQuestion(NamedTuple):
    """Calls of an account that began from `since` to before `until`, of one number or of all."""

    account_id: str
    since: int
    until: int
    e164: str | None = None
    by: SummedBy = SummedBy.NUMBER


def sum_of_calls(tx: Tx, asked: UsageQuestion, *, after: tuple[str, int] | None, limit: int) -> list[UsageSum]:
    """Sums in the order of numbers and times, after a place."""
    months = _months(asked.since, asked.until)
    span = UsageSpan(asked.account_id, asked.since, asked.until, asked.e164, months)
    return sum_usage(tx, span, asked.by, after=after, limit=limit)


def _months(since: int, until: int) -> tuple[Month, ...]:
    months = [month_of(since)]
    while months[-1].ends_at < until:
        months.append(month_of(months[-1].ends_at))
    return tuple(months)
