"""The SQL of what each source told of numbers, day by day.

Touches: calls, accounts, rentals.

Calls are found by their accounts and when they began, which an index has; those that nobody rented the number for are
those of no account. So only calls of the time that is asked for are looked at, or of those who rented the number.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, func, or_, select, tuple_, union_all

from numberdesk.core.call_charging import CallState, SourceSum
from numberdesk.infra.db import Tx
from numberdesk.tables import accounts, calls, rentals
from numberdesk.usage.store import DAY

_day = calls.c.started_at // DAY * DAY
_COLUMNS: Final = (_day.label("day"), calls.c.e164, calls.c.source, calls.c.state, calls.c.seconds, calls.c.amount)


def has_more_calls(tx: Tx, *, since: int, e164: str | None, most: int) -> bool:
    """Whether more than `most` calls have to be looked at for what was told since an instant."""
    looked_at = _calls(since, e164, filtered=False).subquery("looked_at")
    return tx.execute(select(looked_at.c.day).limit(1).offset(most)).first() is not None


def list_source_sums(
    tx: Tx, *, since: int, e164: str | None, after: tuple[int, str, str, str] | None = None, limit: int
) -> list[SourceSum]:
    """What each source told of each number and day, in UTC, by day, number, source and state, after a place."""
    since = since if after is None else max(since, after[0])
    told = _calls(since, e164, filtered=True).subquery("told")
    by = (told.c.day, told.c.e164, told.c.source, told.c.state)
    query = select(
        *by,
        func.count().label("calls"),
        func.coalesce(func.sum(told.c.seconds), 0).label("seconds"),
        func.coalesce(func.sum(told.c.amount), 0).label("amount"),
    )
    if after is not None:
        query = query.where(tuple_(*by) > tuple_(*after))
    return [
        SourceSum(row.day, row.e164, row.source, CallState(row.state), row.calls, int(row.seconds), int(row.amount))
        for row in tx.execute(query.group_by(*by).order_by(*by).limit(limit))
    ]


def _calls(since: int, e164: str | None, *, filtered: bool) -> Any:
    """Calls that began since then, of all accounts or of those that rented a number, and of nobody."""
    renters: Select[Any] = select(accounts.c.id)
    if e164 is not None:
        ended = rentals.c.released_at
        rented = (rentals.c.e164 == e164, or_(ended.is_(None), ended > since))
        renters = select(rentals.c.account_id).where(*rented)
    began = calls.c.started_at >= since
    parts = [
        select(*_COLUMNS).where(calls.c.account_id.in_(renters), began),
        select(*_COLUMNS).where(calls.c.account_id.is_(None), began),
    ]
    if filtered and e164 is not None:
        parts = [part.where(calls.c.e164 == e164) for part in parts]
    return union_all(*parts)
