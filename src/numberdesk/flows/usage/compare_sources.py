"""Compare sources of calls: what each told of numbers, day by day, beside what was charged for it.

Touches: database.
"""

from __future__ import annotations

from typing import Final

from numberdesk.core.call_charging import SourceSum
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.spending import DAY
from numberdesk.infra.db import Tx
from numberdesk.usage.source_sum_store import has_more_calls, list_source_sums

MOST_DAYS: Final = 400
"""Days that are compared at once."""

MOST_COMPARED: Final = 500_000
"""Calls that are looked at for one answer over HTTP, so that none takes longer than they do."""


def compare_sources(
    tx: Tx,
    now: int,
    days: int,
    *,
    e164: str | None = None,
    after: tuple[int, str, str, str] | None = None,
    limit: int,
    most: int | None = MOST_COMPARED,
) -> list[SourceSum]:
    """What sources told of the last `days` days of UTC, today's included, of one number or of all, after a place.

    Raises InvalidRequest where more than `most` calls began in them: sums of some of them would be wrong.
    """
    since = (now // DAY - days + 1) * DAY
    if after is None and most is not None and has_more_calls(tx, since=since, e164=e164, most=most):
        raise InvalidRequest("days", f"are too many: more than {most:,} calls began in them; ask for fewer or a number")
    return list_source_sums(tx, since=since, e164=e164, after=after, limit=limit)
